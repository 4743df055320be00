from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import asyncpg
import pytest

from domain.ids import AgentId, EngineId
from domain.outcome import LeadState, Temperature
from domain.records import ClaimedLead, Intent, IntentOrder
from sql.dialing import PgDialStore
from tests.builders import Campaign, make_agent, make_campaign, make_engine, now

pytestmark = pytest.mark.integration


@pytest.fixture
def store(pool: asyncpg.Pool) -> PgDialStore:
    return PgDialStore(pool)


@pytest.fixture
async def campaign(pool: asyncpg.Pool) -> Campaign:
    return await make_campaign(pool)


@pytest.fixture
async def engine(pool: asyncpg.Pool, campaign: Campaign) -> EngineId:
    return await make_engine(pool, campaign)


async def claim_one(store: PgDialStore, campaign: Campaign, engine: EngineId, **lead: Any) -> ClaimedLead:
    await campaign.lead(**lead)
    (claimed,) = await store.claim(campaign.id, engine, 1, [])
    return claimed


async def intend(
    store: PgDialStore, engine: EngineId, *claimed: ClaimedLead, agents: dict[int, AgentId] | None = None
) -> list[Intent]:
    orders = [IntentOrder(lead.attempt, (agents or {}).get(lead.attempt)) for lead in claimed]
    return list(await store.intend(engine, "node1", "boot1", 3, 3, 2, orders))


async def where_is(pool: asyncpg.Pool, claimed: ClaimedLead) -> tuple[str, bool, bool]:
    """The lead's state, whether it is queued, whether it is in flight."""
    row = await pool.fetchrow(
        """SELECT state, EXISTS (SELECT FROM dial_queue WHERE lead_id = $1) AS queued,
                  EXISTS (SELECT FROM inflight WHERE lead_id = $1) AS inflight FROM lead WHERE id = $1""",
        claimed.lead,
    )
    return row["state"], row["queued"], row["inflight"]


async def test_a_lead_that_may_be_dialled_becomes_an_intent_with_the_databases_time(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    claimed = await claim_one(store, campaign, engine)
    await pool.execute("UPDATE campaign SET rules_version = 7")
    before = await now(pool)
    (intent,) = await intend(store, engine, claimed)
    assert intent.blocked_by is None
    assert (intent.attempt, intent.rules_version) == (claimed.attempt, 7)
    assert before <= intent.at <= await now(pool)
    row = await pool.fetchrow("SELECT * FROM inflight")
    assert (row["state"], row["intent_at"], row["node"], row["node_incarnation"], row["rules_version"]) == (
        "intent",
        intent.at,
        "node1",
        "boot1",
        7,
    )
    counters = await pool.fetchrow("SELECT counted_attempts, uncounted_today FROM lead")
    assert tuple(counters) == (0, 0)


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        ("not_running", "UPDATE campaign SET state = 'paused'"),
        ("lease_lost", "UPDATE campaign_lease SET lease_until = app_now()"),
        ("lease_lost", "DELETE FROM campaign_lease"),
        ("window", "UPDATE open_interval SET closes_at = app_now()"),
        ("window", "UPDATE open_interval SET opens_at = app_now() + interval '1 hour'"),
    ],
)
async def test_what_may_pass_sends_the_lead_back_to_where_it_stood(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId, rule: str, breach: str
) -> None:
    await campaign.lead(Temperature.WARM)
    stood = await pool.fetchrow("SELECT * FROM dial_queue")
    (claimed,) = await store.claim(campaign.id, engine, 1, [])
    await pool.execute(breach)
    (intent,) = await intend(store, engine, claimed)
    assert intent.blocked_by == rule
    assert await where_is(pool, claimed) == ("queued", True, False)
    assert await pool.fetchrow("SELECT * FROM dial_queue") == stood
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 0


async def test_another_engine_s_lease_refuses(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    claimed = await claim_one(store, campaign, engine)
    await make_engine(pool, campaign)
    assert (await intend(store, engine, claimed))[0].blocked_by == "lease_lost"


@pytest.mark.parametrize("whose", ["everybody's", "this client's"])
async def test_a_number_that_must_not_be_called_ends_its_lead_with_a_blocked_row(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId, whose: str
) -> None:
    agent = await make_agent(pool, campaign)
    lead = await campaign.lead()
    await campaign.promise(lead, agent, await now(pool) - timedelta(seconds=1))
    (claimed,) = await store.claim(campaign.id, engine, 1, [])
    await pool.execute(
        "INSERT INTO dnc (e164, client_id, reason, added_by) VALUES ($1, $2, 'asked', 'tests')",
        int(claimed.number),
        None if whose == "everybody's" else campaign.client,
    )
    (intent,) = await intend(store, engine, claimed)
    assert intent.blocked_by == "dnc"
    assert await where_is(pool, claimed) == ("dnc", False, False)
    attempt = await pool.fetchrow("SELECT * FROM attempt")
    assert (attempt["id"], attempt["outcome"], attempt["counted"]) == (claimed.attempt, "BLOCKED_DNC", False)
    assert (attempt["temperature"], attempt["trunk"], attempt["node"]) == ("cold", "lab", "node1")
    assert await pool.fetchval("SELECT state FROM promise") == "cancelled"


async def test_another_clients_do_not_call_entry_is_not_ours(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    other = await make_campaign(pool)
    claimed = await claim_one(store, campaign, engine)
    await pool.execute(
        "INSERT INTO dnc (e164, client_id, reason, added_by) VALUES ($1, $2, 'asked', 'tests')",
        int(claimed.number),
        other.client,
    )
    assert (await intend(store, engine, claimed))[0].blocked_by is None


async def test_an_erased_number_is_never_dialled(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    claimed = await claim_one(store, campaign, engine)
    await pool.execute("UPDATE number SET e164 = NULL")
    assert (await intend(store, engine, claimed))[0].blocked_by == "dnc"


@pytest.mark.parametrize("count", ["UPDATE lead SET counted_attempts = $1", "UPDATE number SET counted_attempts = $1"])
async def test_used_up_attempts_of_lead_or_number_end_the_lead(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId, count: str
) -> None:
    claimed = await claim_one(store, campaign, engine)
    await pool.execute(count, 2)
    await store.unclaim([claimed.attempt])
    (claimed,) = await store.claim(campaign.id, engine, 1, [])
    assert (await intend(store, engine, claimed))[0].blocked_by is None
    await pool.execute("DELETE FROM inflight")

    claimed = await claim_one(store, campaign, engine)
    await pool.execute(count, 3)
    assert (await intend(store, engine, claimed))[0].blocked_by == "attempts"
    assert await where_is(pool, claimed) == ("exhausted", False, False)
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 0


async def test_a_promise_has_its_own_count(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    agent = await make_agent(pool, campaign)
    leads = [await campaign.lead(), await campaign.lead()]
    for lead in leads:
        await campaign.promise(lead, agent, await now(pool) - timedelta(seconds=1))
    await pool.execute("UPDATE lead SET counted_attempts = 3")
    await pool.execute("UPDATE number SET counted_attempts = 3")
    await pool.execute("UPDATE lead SET promise_attempts = 3 WHERE id = $1", leads[1])
    claimed = await store.claim(campaign.id, engine, 2, [])
    verdicts = {intent.attempt: intent.blocked_by for intent in await intend(store, engine, *claimed)}
    assert [verdicts[lead.attempt] for lead in claimed] == [None, "promise_attempts"]
    assert await where_is(pool, claimed[1]) == ("exhausted", False, False)
    assert [row["state"] for row in await pool.fetch("SELECT state FROM promise ORDER BY lead_id")] == [
        "open",
        "broken",
    ]


async def test_two_dials_that_never_rang_put_the_lead_off_until_tomorrow(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    claimed = await claim_one(store, campaign, engine)
    today = (await now(pool)).astimezone(UTC).date()
    await pool.execute("UPDATE lead SET uncounted_today = 2, uncounted_on = $1", today)
    assert (await intend(store, engine, claimed))[0].blocked_by == "uncounted"
    due_at = await pool.fetchval("SELECT due_at FROM dial_queue WHERE lead_id = $1", claimed.lead)
    assert due_at == datetime.combine(today + timedelta(days=1), time(), UTC)

    await pool.execute("UPDATE lead SET uncounted_on = $1", today - timedelta(days=1))
    await pool.execute("UPDATE dial_queue SET due_at = app_now()")
    (again,) = await store.claim(campaign.id, engine, 1, [])
    assert again.counters.uncounted_today == 0
    assert (await intend(store, engine, again))[0].blocked_by is None


async def test_only_the_claimer_may_dial_and_only_once(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    claimed = await claim_one(store, campaign, engine)
    other = await make_engine(pool, campaign)
    (stolen,) = await intend(store, other, claimed)
    assert (stolen.blocked_by, stolen.rules_version) == ("not_claimed", 0)
    assert await where_is(pool, claimed) == ("inflight", False, True)
    await pool.execute("UPDATE campaign_lease SET engine_id = $1", engine)
    assert [(await intend(store, engine, claimed))[0].blocked_by for _ in range(2)] == [None, "not_claimed"]


async def test_a_reserved_agent_gets_one_call_at_a_time(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    agent = await make_agent(pool, campaign)
    for _ in range(3):
        await campaign.lead()
    claimed = await store.claim(campaign.id, engine, 3, [])
    first = await intend(store, engine, *claimed[:2], agents=dict.fromkeys((c.attempt for c in claimed), agent))
    assert [intent.blocked_by for intent in first] == [None, "agent_busy"]
    assert await where_is(pool, claimed[1]) == ("queued", True, False)
    second = await intend(store, engine, claimed[2], agents={claimed[2].attempt: agent})
    assert second[0].blocked_by == "agent_busy"
    assert await pool.fetchval("SELECT agent_id FROM inflight") == agent


async def test_answers_come_in_the_order_of_the_orders_and_each_on_its_own(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    for _ in range(6):
        await campaign.lead()
    claimed = list(reversed(await store.claim(campaign.id, engine, 6, [])))
    await pool.execute("INSERT INTO dnc (e164, reason, added_by) VALUES ($1, 'asked', 'tests')", int(claimed[2].number))
    intents = await intend(store, engine, *claimed)
    assert [intent.attempt for intent in intents] == [lead.attempt for lead in claimed]
    assert [intent.blocked_by for intent in intents] == [None, None, "dnc", None, None, None]
    assert await store.lead_states(campaign.id) == {LeadState.INFLIGHT: 5, LeadState.DNC: 1}
    assert await intend(store, engine) == []
