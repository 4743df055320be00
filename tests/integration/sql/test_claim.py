from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from domain.outcome import LeadState, Temperature
from sql.catalog import load
from sql.dialing import PgDialStore
from tests.builders import make_agent, make_campaign, make_engine, now

pytestmark = pytest.mark.integration


@pytest.fixture
def store(pool: asyncpg.Pool) -> PgDialStore:
    return PgDialStore(pool)


async def test_promises_come_first_then_hot_warm_cold_each_oldest_first(pool: asyncpg.Pool, store: PgDialStore) -> None:
    campaign = await make_campaign(pool, zone_sets=2)
    engine = await make_engine(pool, campaign)
    agent = await make_agent(pool, campaign)
    at = await now(pool)
    cold = await campaign.lead(Temperature.COLD, due_at=at - timedelta(hours=9))
    warm = await campaign.lead(Temperature.WARM, due_at=at - timedelta(hours=8))
    hot_late = await campaign.lead(Temperature.HOT, due_at=at - timedelta(hours=1))
    hot_early = await campaign.lead(Temperature.HOT, due_at=at - timedelta(hours=2), zone_set=2)
    promised = await campaign.lead(Temperature.COLD)
    promise = await campaign.promise(promised, agent, at - timedelta(seconds=5))

    claimed = await store.claim(campaign.id, engine, 10, [])

    assert [lead.lead for lead in claimed] == [promised, hot_early, hot_late, warm, cold]
    assert [lead.priority for lead in claimed] == [0, 1, 1, 2, 3]
    first = claimed[0]
    assert (first.promise, first.promised_agent, first.temperature) == (promise, None, Temperature.COLD)
    assert first.number == str(await pool.fetchval("SELECT e164 FROM number WHERE id = $1", first.number_id))
    assert await store.lead_states(campaign.id) == {LeadState.INFLIGHT: 5}
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 0
    assert len({lead.attempt for lead in claimed}) == 5


async def test_the_limit_takes_the_most_urgent(pool: asyncpg.Pool, store: PgDialStore) -> None:
    campaign = await make_campaign(pool)
    engine = await make_engine(pool, campaign)
    for _ in range(4):
        await campaign.lead(Temperature.COLD)
    hot = await campaign.lead(Temperature.HOT)
    claimed = await store.claim(campaign.id, engine, 2, [])
    assert len(claimed) == 2
    assert claimed[0].lead == hot
    assert await store.claim(campaign.id, engine, 0, []) == []


async def test_leads_that_are_not_due_or_whose_window_is_closed_or_foreign_stay(
    pool: asyncpg.Pool, store: PgDialStore
) -> None:
    campaign = await make_campaign(pool, zone_sets=3)
    other = await make_campaign(pool)
    engine = await make_engine(pool, campaign)
    at = await now(pool)
    await pool.execute("DELETE FROM open_interval WHERE campaign_id = $1 AND zone_set_id > 1", campaign.id)
    await campaign.open(2, at - timedelta(hours=2), at - timedelta(seconds=1))
    await campaign.open(3, at + timedelta(hours=1), at + timedelta(hours=2))
    await campaign.lead(due_at=at + timedelta(minutes=1))
    await campaign.lead(zone_set=2)
    await campaign.lead(zone_set=3)
    await other.lead()
    assert await store.claim(campaign.id, engine, 10, []) == []
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 4


async def test_a_personal_promise_waits_for_its_agent_until_its_time_is_over(
    pool: asyncpg.Pool, store: PgDialStore
) -> None:
    campaign = await make_campaign(pool)
    engine = await make_engine(pool, campaign)
    mine, other = await make_agent(pool, campaign), await make_agent(pool, campaign)
    at = await now(pool)
    fresh = await campaign.lead()
    await campaign.promise(fresh, mine, at - timedelta(minutes=1), personal=True)
    overdue = await campaign.lead()
    await campaign.promise(overdue, mine, at - timedelta(minutes=16), personal=True)

    by_anybody = await store.claim(campaign.id, engine, 10, [other])
    assert [(lead.lead, lead.promised_agent) for lead in by_anybody] == [(overdue, None)]
    assert [lead.promised_agent for lead in await store.claim(campaign.id, engine, 10, [other, mine])] == [mine]


async def test_agents_with_a_promise_that_is_due_are_told(pool: asyncpg.Pool, store: PgDialStore) -> None:
    campaign, elsewhere = await make_campaign(pool), await make_campaign(pool)
    due, later, over, foreign = [await make_agent(pool, campaign) for _ in range(4)]
    at = await now(pool)
    for agent, minutes in ((due, -1), (later, 5), (over, -16)):
        await campaign.promise(await campaign.lead(), agent, at + timedelta(minutes=minutes), personal=True)
    await elsewhere.promise(await elsewhere.lead(), foreign, at - timedelta(minutes=1), personal=True)
    assert await store.promised_agents(campaign.id) == {due}
    await campaign.close_window()
    assert await store.promised_agents(campaign.id) == set()


async def test_a_number_in_flight_stays_queued_for_a_later_moment(pool: asyncpg.Pool, store: PgDialStore) -> None:
    first, second = await make_campaign(pool), await make_campaign(pool)
    engine = await make_engine(pool, first, second)
    await first.lead(number=70000009999)
    twin = await second.lead(number=70000009999)
    assert len(await store.claim(first.id, engine, 10, [])) == 1
    before = await now(pool)

    assert await store.claim(second.id, engine, 10, []) == []

    due_at = await pool.fetchval("SELECT due_at FROM dial_queue WHERE lead_id = $1", twin)
    assert timedelta(seconds=50) < due_at - before < timedelta(seconds=70)
    assert await store.lead_states(second.id) == {LeadState.QUEUED: 1}


async def test_concurrent_claimers_never_get_the_same_lead_and_none_is_lost(
    pool: asyncpg.Pool, store: PgDialStore
) -> None:
    campaign = await make_campaign(pool, zone_sets=3)
    engines = [await make_engine(pool) for _ in range(4)]
    leads = {await campaign.lead(zone_set=1 + i % 3) for i in range(120)}
    taken: list[int] = []

    async def claim_all(engine: int) -> None:
        while await pool.fetchval("SELECT count(*) FROM dial_queue") > 0:
            taken.extend(lead.lead for lead in await store.claim(campaign.id, engine, 7, []))  # type: ignore[arg-type]

    await asyncio.gather(*(claim_all(engine) for engine in engines))
    assert sorted(taken) == sorted(leads)


async def test_a_claimer_does_not_wait_for_leads_that_another_holds(pool: asyncpg.Pool, store: PgDialStore) -> None:
    campaign = await make_campaign(pool)
    engine = await make_engine(pool, campaign)
    held = await campaign.lead(Temperature.HOT)
    free = await campaign.lead(Temperature.COLD)
    async with pool.acquire() as other, other.transaction():
        await other.execute("SELECT * FROM dial_queue WHERE lead_id = $1 FOR UPDATE", held)
        async with asyncio.timeout(3):
            assert [lead.lead for lead in await store.claim(campaign.id, engine, 1, [])] == [free]
    assert [lead.lead for lead in await store.claim(campaign.id, engine, 1, [])] == [held]


async def test_unclaim_puts_a_lead_back_to_where_it_stood(pool: asyncpg.Pool, store: PgDialStore) -> None:
    campaign = await make_campaign(pool)
    engine = await make_engine(pool, campaign)
    agent = await make_agent(pool, campaign)
    lead = await campaign.lead(Temperature.WARM)
    await campaign.promise(lead, agent, await now(pool) - timedelta(minutes=2), personal=True)
    await pool.execute("UPDATE dial_queue SET needs_agent = true")
    before = await pool.fetchrow("SELECT * FROM dial_queue")
    claimed = await store.claim(campaign.id, engine, 1, [agent])
    assert claimed[0].needs_agent

    await store.unclaim([claimed[0].attempt])

    assert await pool.fetchrow("SELECT * FROM dial_queue") == before
    assert await store.lead_states(campaign.id) == {LeadState.QUEUED: 1}
    again = await store.claim(campaign.id, engine, 1, [agent])
    assert again[0].attempt > claimed[0].attempt


async def test_unclaim_leaves_an_intent_alone(pool: asyncpg.Pool, store: PgDialStore) -> None:
    campaign = await make_campaign(pool)
    engine = await make_engine(pool, campaign)
    await campaign.lead()
    claimed = await store.claim(campaign.id, engine, 1, [])
    await pool.execute("UPDATE inflight SET state = 'intent', intent_at = app_now()")
    await store.unclaim([claimed[0].attempt])
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 1
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 0


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_the_claim_walks_the_primary_key_whatever_stands_in_front(pool: asyncpg.Pool, mode: str) -> None:
    campaign = await make_campaign(pool)
    await pool.execute(
        """INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id)
           SELECT $1, 1 + i % 20, 1 + i % 3, app_now() - make_interval(secs => i), i, i
           FROM generate_series(1, 50000) AS i""",
        campaign.id,
    )
    await pool.execute("ANALYZE dial_queue")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('plan_cache_mode', $1, true)", mode)
        await connection.execute(f"PREPARE claim AS {load('dialing')['claim']}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE claim ({campaign.id}, 1, 50, '{{}}')")
        await connection.execute("DEALLOCATE claim")
    plan = "\n".join(row[0] for row in rows)
    walk = plan[plan.index("CTE candidate") : plan.index("CTE picked")]
    assert "using dial_queue_pkey on dial_queue" in walk
    assert "Seq Scan on dial_queue" not in plan
