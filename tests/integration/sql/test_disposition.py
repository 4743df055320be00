from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from domain.errors import AlreadyExists, BadInput, NotFound
from domain.ids import AgentId, AttemptId, LeadId
from domain.outcome import LeadState
from domain.records import Disposition, NextStep
from sql.dialing import PgDialStore
from tests.builders import Campaign, make_agent, make_campaign, now

pytestmark = pytest.mark.integration


@pytest.fixture
def store(pool: asyncpg.Pool) -> PgDialStore:
    return PgDialStore(pool)


@pytest.fixture
async def campaign(pool: asyncpg.Pool) -> Campaign:
    return await make_campaign(pool)


@pytest.fixture
async def agent(pool: asyncpg.Pool, campaign: Campaign) -> AgentId:
    return await make_agent(pool, campaign)


@pytest.fixture
async def said(pool: asyncpg.Pool, campaign: Campaign, agent: AgentId) -> Disposition:
    """A disposition of a lead that has just been talked to."""
    lead = await campaign.lead(queued=False)
    await pool.execute("UPDATE lead SET counted_attempts = 2, promise_attempts = 2")
    await pool.execute("UPDATE number SET counted_attempts = 2")
    return Disposition(AttemptId(77), lead, campaign.id, agent, "SALE", await now(pool), note="two boxes")


async def test_a_final_disposition_ends_the_lead(pool: asyncpg.Pool, store: PgDialStore, said: Disposition) -> None:
    await store.record_disposition(said, NextStep(LeadState.WON, conversation=True))
    row = await pool.fetchrow("SELECT * FROM disposition")
    assert (row["attempt_id"], row["code"], row["note"], row["at"]) == (77, "SALE", "two boxes", said.at)
    lead = await pool.fetchrow("SELECT state, counted_attempts, promise_attempts FROM lead")
    assert tuple(lead) == ("won", 0, 0)
    assert await pool.fetchval("SELECT counted_attempts FROM number") == 0
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 0


async def test_without_a_conversation_the_counts_go_on(
    pool: asyncpg.Pool, store: PgDialStore, said: Disposition
) -> None:
    due_at = said.at + timedelta(hours=3)
    step = NextStep(LeadState.QUEUED, due_at=due_at, priority=3, needs_agent=True)
    await store.record_disposition(replace(said, code="MACHINE_AGENT"), step)
    lead = await pool.fetchrow("SELECT state, counted_attempts, promise_attempts FROM lead")
    assert tuple(lead) == ("queued", 2, 2)
    queued = await pool.fetchrow("SELECT due_at, priority, needs_agent, promise_id FROM dial_queue")
    assert tuple(queued) == (due_at, 3, True, None)


@pytest.mark.parametrize("code", ["CALLBACK_PERSONAL", "CALLBACK_ANY"])
async def test_a_callback_makes_a_promise_and_queues_the_lead_first(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, agent: AgentId, said: Disposition, code: str
) -> None:
    personal = code == "CALLBACK_PERSONAL"
    due_at = said.at + timedelta(days=2)
    until = due_at + timedelta(minutes=15)
    step = NextStep(
        LeadState.QUEUED,
        due_at=due_at,
        priority=0,
        agent=agent if personal else None,
        agent_until=until if personal else None,
    )
    await store.record_disposition(replace(said, code=code, due_at=due_at), step)
    promise = await pool.fetchrow("SELECT * FROM promise")
    assert (promise["agent_id"], promise["made_by"], promise["due_at"], promise["state"], promise["attempt_id"]) == (
        agent if personal else None,
        agent,
        due_at,
        "open",
        77,
    )
    queued = await pool.fetchrow("SELECT * FROM dial_queue")
    assert (queued["promise_id"], queued["priority"], queued["due_at"]) == (promise["id"], 0, due_at)
    assert (queued["agent_id"], queued["agent_until"]) == ((agent, until) if personal else (None, None))
    assert await pool.fetchval("SELECT promise_attempts FROM lead") == 0


async def test_a_newer_promise_moves_the_open_one(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, agent: AgentId, said: Disposition
) -> None:
    first, second = said.at + timedelta(hours=1), said.at + timedelta(hours=2)
    for attempt, due_at in ((77, first), (78, second)):
        await store.record_disposition(
            replace(said, attempt=AttemptId(attempt), code="CALLBACK_ANY", due_at=due_at),
            NextStep(LeadState.QUEUED, due_at=due_at, priority=0),
        )
    rows = await pool.fetch("SELECT due_at, state FROM promise ORDER BY id")
    assert [tuple(row) for row in rows] == [(first, "moved"), (second, "open")]
    assert [row["due_at"] for row in await pool.fetch("SELECT due_at FROM dial_queue")] == [second]

    await store.record_disposition(replace(said, attempt=AttemptId(79)), NextStep(LeadState.WON))
    assert [row["state"] for row in await pool.fetch("SELECT state FROM promise ORDER BY id")] == [
        "moved",
        "cancelled",
    ]
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 0


async def test_who_asked_never_to_be_called_is_put_on_the_clients_list(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, said: Disposition
) -> None:
    await store.record_disposition(replace(said, code="DNC_ASKED"), NextStep(LeadState.DNC))
    entry = await pool.fetchrow("SELECT * FROM dnc")
    number = await pool.fetchval("SELECT e164 FROM number")
    login = await pool.fetchval("SELECT login FROM agent")
    assert (entry["e164"], entry["client_id"], entry["reason"], entry["added_by"]) == (
        number,
        campaign.client,
        "DNC_ASKED",
        login,
    )


async def test_a_second_disposition_of_an_attempt_is_refused_and_changes_nothing(
    pool: asyncpg.Pool, store: PgDialStore, said: Disposition
) -> None:
    await store.record_disposition(said, NextStep(LeadState.WON))
    with pytest.raises(AlreadyExists, match="77"):
        await store.record_disposition(replace(said, code="DNC_ASKED"), NextStep(LeadState.DNC))
    assert await pool.fetchval("SELECT state FROM lead") == "won"
    assert await pool.fetchval("SELECT count(*) FROM dnc") == 0


async def test_nonsense_is_refused_and_leaves_no_trace(
    pool: asyncpg.Pool, store: PgDialStore, said: Disposition
) -> None:
    soon = said.at + timedelta(hours=1)
    with pytest.raises(BadInput, match="no disposition HUG"):
        await store.record_disposition(replace(said, code="HUG"), NextStep(LeadState.WON))
    with pytest.raises(BadInput, match="needs the time"):
        await store.record_disposition(replace(said, code="CALLBACK_ANY"), NextStep(LeadState.DONE))
    with pytest.raises(BadInput, match="promises no call"):
        await store.record_disposition(replace(said, due_at=soon), NextStep(LeadState.WON))
    with pytest.raises(BadInput, match="cannot be queued"):
        await store.record_disposition(replace(said, code="SILENT"), NextStep(LeadState.QUEUED))
    with pytest.raises(NotFound, match="999999"):
        await store.record_disposition(replace(said, lead=LeadId(999999)), NextStep(LeadState.WON))
    assert await pool.fetchval("SELECT count(*) FROM disposition") == 0
    assert await pool.fetchval("SELECT state FROM lead") == "wrapup"
