from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from domain.errors import NotFound
from domain.ids import AgentId, CampaignId, EngineId, LeadId, ShiftId
from domain.outcome import AgentState, LeadState, Outcome
from domain.records import AgentInterval, IntentOrder
from sql.dialing import PgDialStore
from sql.engines import PgEngineStore
from tests.builders import make_agent, make_campaign, make_engine, now

pytestmark = pytest.mark.integration


@pytest.fixture
def store(pool: asyncpg.Pool) -> PgEngineStore:
    return PgEngineStore(pool)


async def test_every_engine_is_a_new_epoch(store: PgEngineStore) -> None:
    first, second = await store.start_engine("here"), await store.start_engine("here")
    assert second > first


async def test_a_lease_is_renewed_by_its_holder_and_taken_by_others_only_when_it_is_over(
    pool: asyncpg.Pool, store: PgEngineStore
) -> None:
    campaign = (await make_campaign(pool)).id
    first, second = await store.start_engine("a"), await store.start_engine("b")
    assert await store.take_lease(campaign, first, 5)
    assert not await store.take_lease(campaign, second, 5)
    assert await store.take_lease(campaign, first, 5)
    await pool.execute("UPDATE campaign_lease SET lease_until = app_now() - interval '1 ms'")
    assert await store.take_lease(campaign, second, 5)
    assert not await store.take_lease(campaign, first, 5)
    until = await pool.fetchval("SELECT lease_until FROM campaign_lease")
    assert timedelta(seconds=4) < until - await now(pool) <= timedelta(seconds=5)


async def test_an_engine_that_has_ended_frees_its_leases_and_takes_no_more(
    pool: asyncpg.Pool, store: PgEngineStore
) -> None:
    campaign = (await make_campaign(pool)).id
    first, second = await store.start_engine("a"), await store.start_engine("b")
    assert await store.take_lease(campaign, first, 60)
    await store.end_engine(first)
    assert not await store.take_lease(campaign, first, 60)
    assert await store.take_lease(campaign, second, 60)
    with pytest.raises(NotFound):
        await store.take_lease(CampaignId(12345), second, 60)


async def test_running_campaigns_and_their_agents(pool: asyncpg.Pool, store: PgEngineStore) -> None:
    running = await make_campaign(pool, name="spring", rules={"max_attempts": 2})
    await make_campaign(pool, state="paused")
    agents = [await make_agent(pool, running) for _ in range(2)]
    await make_agent(pool)
    (row,) = await store.running_campaigns()
    assert (row.id, row.name, row.client, row.rules, row.rules_version) == (
        running.id,
        "spring",
        "client of spring",
        {"max_attempts": 2},
        1,
    )
    assert [agent.id for agent in await store.campaign_agents(running.id)] == agents


async def test_a_shift_left_open_by_a_crash_ends_with_what_was_last_seen_of_it(
    pool: asyncpg.Pool, store: PgEngineStore
) -> None:
    agent = await make_agent(pool)
    at = await now(pool)
    seen = at - timedelta(hours=1)
    crashed = await store.start_shift(agent, at - timedelta(hours=2))
    await store.record_intervals(
        [AgentInterval(agent, crashed, None, AgentState.READY, seen - timedelta(minutes=5), seen, None)]
    )
    fresh = await store.start_shift(agent, at)
    ends = {row["id"]: row["ended_at"] for row in await pool.fetch("SELECT id, ended_at FROM shift")}
    assert ends == {crashed: seen, fresh: None}
    await store.end_shift(fresh, at + timedelta(hours=1))
    await store.end_shift(fresh, at + timedelta(hours=9))
    assert await pool.fetchval("SELECT ended_at FROM shift WHERE id = $1", fresh) == at + timedelta(hours=1)
    unseen = await store.start_shift(agent, at + timedelta(hours=2))
    await store.start_shift(agent, at + timedelta(hours=10))
    assert await pool.fetchval("SELECT ended_at FROM shift WHERE id = $1", unseen) == at + timedelta(hours=2)
    with pytest.raises(NotFound):
        await store.start_shift(AgentId(12345), at)


async def test_intervals_may_be_repeated_and_offline_is_not_kept(pool: asyncpg.Pool, store: PgEngineStore) -> None:
    campaign = await make_campaign(pool)
    agent = await make_agent(pool, campaign)
    at = await now(pool)
    shift = await store.start_shift(agent, at)
    talking = AgentInterval(agent, shift, campaign.id, AgentState.TALKING, at, at + timedelta(seconds=9), None)
    offline = AgentInterval(agent, shift, None, AgentState.OFFLINE, at, at + timedelta(seconds=1), None)
    await store.record_intervals([talking, offline])
    await store.record_intervals([talking])
    await store.record_intervals([])
    rows = await pool.fetch("SELECT state, from_at, to_at FROM agent_interval")
    assert [tuple(row) for row in rows] == [("talking", at, at + timedelta(seconds=9))]
    assert ShiftId(shift) == shift


async def crash(pool: asyncpg.Pool, dead: EngineId) -> None:
    await pool.execute("UPDATE campaign_lease SET lease_until = app_now() WHERE engine_id = $1", dead)


@pytest.mark.parametrize("gone", ["lease over", "ended"])
async def test_a_gone_engines_claims_go_back_and_its_intents_are_handed_out(pool: asyncpg.Pool, gone: str) -> None:
    dialing, engines = PgDialStore(pool), PgEngineStore(pool)
    campaign = await make_campaign(pool)
    dead, alive = await make_engine(pool, campaign), await make_engine(pool)
    leads = [await campaign.lead() for _ in range(3)]
    claimed = await dialing.claim(campaign.id, dead, 3, [])
    (intent,) = await dialing.intend(dead, "node1", "boot1", 3, 3, 2, [IntentOrder(claimed[0].attempt, None)])
    assert await dialing.leftovers(alive) == []
    assert await dialing.leftovers(dead) == []

    if gone == "ended":
        await engines.end_engine(dead)
    else:
        await crash(pool, dead)
    assert await dialing.leftovers(dead) == []
    (left,) = await dialing.leftovers(alive)

    assert (left.attempt, left.outcome, left.counted, left.started_at) == (
        claimed[0].attempt,
        Outcome.UNKNOWN,
        True,
        intent.at,
    )
    assert (left.node, left.node_incarnation, left.engine, left.trunk) == ("node1", "boot1", dead, "lab")
    assert await dialing.lead_states(campaign.id) == {LeadState.INFLIGHT: 1, LeadState.QUEUED: 2}
    assert {LeadId(row["lead_id"]) for row in await pool.fetch("SELECT lead_id FROM dial_queue")} == set(leads[1:])

    await dialing.finish([left])
    await dialing.finish([left])
    assert await pool.fetchval("SELECT count(*) FROM attempt WHERE outcome = 'UNKNOWN' AND counted") == 1
    assert await pool.fetchval("SELECT counted_attempts FROM lead WHERE id = $1", leads[0]) == 1
    assert await dialing.leftovers(alive) == []


async def test_queue_depth_counts_what_can_be_dialled_now_and_says_when_there_is_more(pool: asyncpg.Pool) -> None:
    dialing = PgDialStore(pool)
    campaign = await make_campaign(pool, zone_sets=2)
    assert await dialing.queue_depth(campaign.id) == (0, None)
    at = await now(pool)
    await campaign.lead(due_at=at - timedelta(hours=1))
    assert await dialing.queue_depth(campaign.id) == (1, at - timedelta(hours=1))
    later = at + timedelta(hours=3)
    await campaign.lead(due_at=later)
    assert await dialing.queue_depth(campaign.id) == (1, later)
    opens = at + timedelta(hours=2)
    await pool.execute("UPDATE open_interval SET opens_at = $1 WHERE zone_set_id = 2", opens)
    await campaign.lead(zone_set=2)
    assert await dialing.queue_depth(campaign.id) == (1, opens)


async def test_a_lead_card_shows_the_person(pool: asyncpg.Pool) -> None:
    dialing = PgDialStore(pool)
    campaign = await make_campaign(pool)
    lead = await campaign.lead(number=70000001234)
    await pool.execute("""UPDATE person SET extra = '{"INN": "12"}'""")
    card = await dialing.lead_card(lead)
    assert (card.name, card.company, card.city, card.number, card.extra) == (
        "Anna",
        "Rosa",
        "Tver",
        "70000001234",
        {"INN": "12"},
    )
    await pool.execute("UPDATE number SET e164 = NULL")
    assert (await dialing.lead_card(lead)).number == ""
    with pytest.raises(NotFound):
        await dialing.lead_card(LeadId(12345))
