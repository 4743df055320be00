from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain.errors import BadInput
from domain.ids import EngineId
from domain.outcome import HangupBy, LeadState, Outcome, Temperature
from domain.records import AttemptFinal, ClaimedLead, Intent, IntentOrder, NextStep
from sql.dialing import PgDialStore
from tests.builders import Campaign, make_agent, make_campaign, make_engine, make_final, now

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


async def dial(store: PgDialStore, campaign: Campaign, engine: EngineId) -> tuple[ClaimedLead, Intent]:
    (claimed,) = await store.claim(campaign.id, engine, 1, [])
    (intent,) = await store.intend(engine, "node1", "boot1", 3, 3, 2, [IntentOrder(claimed.attempt, None)])
    assert intent.blocked_by is None
    return claimed, intent


async def counters(pool: asyncpg.Pool) -> dict[str, Any]:
    row = await pool.fetchrow(
        """SELECT lead.state, lead.counted_attempts, lead.promise_attempts, lead.uncounted_today,
                  lead.same_outcome_run, lead.last_outcome, number.counted_attempts AS number_counted
           FROM lead JOIN number ON number.id = lead.number_id"""
    )
    return dict(row)


async def test_a_finished_attempt_is_one_row_and_its_lead_goes_back_to_the_queue(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    lead = await campaign.lead(Temperature.WARM)
    claimed, intent = await dial(store, campaign, engine)
    again_at = intent.at + timedelta(hours=1)
    step = NextStep(LeadState.QUEUED, due_at=again_at, priority=2, needs_agent=True)
    final = make_final(claimed, engine, intent.at, next=step, sip_code=480, pacing={"ratio": 1.5})

    await store.finish([final])

    row = await pool.fetchrow("SELECT * FROM attempt")
    assert (row["id"], row["started_at"], row["lead_id"], row["outcome"], row["counted"]) == (
        claimed.attempt,
        intent.at,
        lead,
        "NO_ANSWER",
        True,
    )
    assert (row["ringing_at"], row["ended_at"]) == (final.ringing_at, final.ended_at)
    assert (row["sip_code"], row["q850"], row["temperature"], row["pacing"]) == (480, 19, "warm", {"ratio": 1.5})
    queued = await pool.fetchrow("SELECT * FROM dial_queue")
    assert (queued["lead_id"], queued["due_at"], queued["priority"], queued["needs_agent"]) == (lead, again_at, 2, True)
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0
    assert await counters(pool) == {
        "state": "queued",
        "counted_attempts": 1,
        "promise_attempts": 0,
        "uncounted_today": 0,
        "same_outcome_run": 1,
        "last_outcome": "NO_ANSWER",
        "number_counted": 1,
    }


async def test_repeating_a_batch_changes_nothing(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    await campaign.lead()
    claimed, intent = await dial(store, campaign, engine)
    final = make_final(claimed, engine, intent.at)
    await store.finish([final, final])
    await store.finish([final])
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 1
    assert (await counters(pool))["counted_attempts"] == 1
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 1
    await store.finish([])


async def test_runs_of_an_outcome_are_counted_and_broken(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    await campaign.lead()
    runs: list[tuple[str, int]] = []
    for outcome in (Outcome.BUSY, Outcome.BUSY, Outcome.NO_ANSWER):
        claimed, intent = await dial(store, campaign, engine)
        step = NextStep(LeadState.QUEUED, due_at=intent.at, priority=3)
        await store.finish([make_final(claimed, engine, intent.at, outcome=outcome, next=step)])
        state = await counters(pool)
        runs.append((state["last_outcome"], state["same_outcome_run"]))
    assert runs == [("BUSY", 1), ("BUSY", 2), ("NO_ANSWER", 1)]
    assert (await counters(pool))["counted_attempts"] == 3


async def test_dials_that_never_rang_are_counted_by_the_day_and_unsent_ones_not_at_all(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    await campaign.lead()
    seen: list[int] = []
    for outcome in (Outcome.TRUNK_FAIL, Outcome.NOT_PLACED, Outcome.NO_RESPONSE):
        claimed, intent = await dial(store, campaign, engine)
        step = NextStep(LeadState.QUEUED, due_at=intent.at, priority=3)
        await store.finish([make_final(claimed, engine, intent.at, outcome=outcome, counted=False, next=step)])
        seen.append((await counters(pool))["uncounted_today"])
    assert seen == [1, 1, 2]
    assert (await counters(pool))["counted_attempts"] == 0
    (claimed,) = await store.claim(campaign.id, engine, 1, [])
    assert claimed.counters.uncounted_today == 2
    await store.unclaim([claimed.attempt])

    await pool.execute("UPDATE lead SET uncounted_on = uncounted_on - 1")
    claimed, intent = await dial(store, campaign, engine)
    await store.finish([make_final(claimed, engine, intent.at, outcome=Outcome.BARRED, counted=False)])
    assert (await counters(pool))["uncounted_today"] == 1


async def test_a_conversation_starts_the_counts_of_lead_and_number_anew(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    agent = await make_agent(pool, campaign)
    await campaign.lead()
    await pool.execute("UPDATE lead SET counted_attempts = 2, promise_attempts = 1")
    await pool.execute("UPDATE number SET counted_attempts = 2")
    claimed, intent = await dial(store, campaign, engine)
    answered = intent.at + timedelta(seconds=5)
    final = make_final(
        claimed,
        engine,
        intent.at,
        outcome=Outcome.ANSWERED,
        agent=agent,
        answered_at=answered,
        bridged_at=answered,
        hangup_by=HangupBy.CUSTOMER,
        next=NextStep(LeadState.WRAPUP, conversation=True),
    )
    await store.finish([final])
    state = await counters(pool)
    assert (state["state"], state["counted_attempts"], state["promise_attempts"], state["number_counted"]) == (
        "wrapup",
        0,
        0,
        0,
    )
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 0


@pytest.mark.parametrize(
    ("due_in_s", "counted", "state", "tried"),
    [
        (-60, True, "kept", True),
        (-890, True, "kept", True),
        (-910, True, "broken", True),
        (-60, False, "open", False),
    ],
)
async def test_a_promise_is_judged_by_its_first_dial_that_rang(
    pool: asyncpg.Pool,
    store: PgDialStore,
    campaign: Campaign,
    engine: EngineId,
    due_in_s: int,
    counted: bool,
    state: str,
    tried: bool,
) -> None:
    agent = await make_agent(pool, campaign)
    lead = await campaign.lead()
    promise = await campaign.promise(lead, agent, await now(pool) + timedelta(seconds=due_in_s))
    claimed, intent = await dial(store, campaign, engine)
    outcome = Outcome.NO_ANSWER if counted else Outcome.TRUNK_FAIL
    await store.finish([make_final(claimed, engine, intent.at, outcome=outcome, counted=counted)])
    row = await pool.fetchrow("SELECT * FROM promise WHERE id = $1", promise)
    assert (row["state"], row["first_tried_at"]) == (state, intent.at if tried else None)
    queued = await pool.fetchval("SELECT promise_id FROM dial_queue")
    assert queued == promise
    after = await counters(pool)
    assert (after["counted_attempts"], after["promise_attempts"]) == (0, int(counted))


async def test_a_campaigns_own_tolerance_goes_before_the_default(
    pool: asyncpg.Pool, store: PgDialStore, engine: EngineId
) -> None:
    strict = await make_campaign(pool, rules={"promise_tolerance_s": 30})
    owner = await make_engine(pool, strict)
    agent = await make_agent(pool, strict)
    await strict.promise(await strict.lead(), agent, await now(pool) - timedelta(seconds=60))
    claimed, intent = await dial(store, strict, owner)
    await store.finish([make_final(claimed, owner, intent.at)])
    assert await pool.fetchval("SELECT state FROM promise") == "broken"


@pytest.mark.parametrize(
    ("final_state", "promise_state"), [(LeadState.EXHAUSTED, "broken"), (LeadState.DEAD, "cancelled")]
)
async def test_a_promise_that_was_never_tried_ends_with_its_lead(
    pool: asyncpg.Pool,
    store: PgDialStore,
    campaign: Campaign,
    engine: EngineId,
    final_state: LeadState,
    promise_state: str,
) -> None:
    agent = await make_agent(pool, campaign)
    await campaign.promise(await campaign.lead(), agent, await now(pool))
    claimed, intent = await dial(store, campaign, engine)
    await store.finish(
        [make_final(claimed, engine, intent.at, outcome=Outcome.BARRED, counted=False, next=NextStep(final_state))]
    )
    assert await pool.fetchval("SELECT state FROM promise") == promise_state
    assert await pool.fetchval("SELECT state FROM lead") == final_state


async def test_the_lead_keeps_what_its_disposition_decided_before_the_attempt_was_written(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    agent = await make_agent(pool, campaign)
    await campaign.lead()
    claimed, intent = await dial(store, campaign, engine)
    await pool.execute(
        """INSERT INTO disposition (attempt_id, lead_id, campaign_id, agent_id, code, at)
           VALUES ($1, $2, $3, $4, 'SALE', app_now())""",
        claimed.attempt,
        claimed.lead,
        campaign.id,
        agent,
    )
    await pool.execute("UPDATE lead SET state = 'won'")
    await store.finish([make_final(claimed, engine, intent.at, next=NextStep(LeadState.WRAPUP))])
    assert await pool.fetchval("SELECT state FROM lead") == "won"
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 1


async def test_one_final_that_contradicts_itself_does_not_take_the_others_with_it(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    finals: list[AttemptFinal] = []
    for _ in range(3):
        await campaign.lead()
        claimed, intent = await dial(store, campaign, engine)
        finals.append(make_final(claimed, engine, intent.at))
    finals[1] = replace(finals[1], outcome=Outcome.ANSWERED)  # without having been bridged
    with pytest.raises(BadInput, match=str(finals[1].attempt)):
        await store.finish(finals)
    written = {row["id"] for row in await pool.fetch("SELECT id FROM attempt")}
    assert written == {finals[0].attempt, finals[2].attempt}
    assert [row["attempt_id"] for row in await pool.fetch("SELECT attempt_id FROM inflight")] == [finals[1].attempt]


async def test_an_engine_clock_behind_the_databases_does_not_lose_the_attempt(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    await campaign.lead()
    claimed, intent = await dial(store, campaign, engine)
    slow = intent.at - timedelta(seconds=30)
    await store.finish([make_final(claimed, engine, slow, ended_at=slow)])
    row = await pool.fetchrow("SELECT started_at, ended_at FROM attempt")
    assert tuple(row) == (intent.at, intent.at)


async def test_a_batch_of_many_leads_is_written_in_one_go(
    pool: asyncpg.Pool, store: PgDialStore, campaign: Campaign, engine: EngineId
) -> None:
    for _ in range(40):
        await campaign.lead()
    claimed = await store.claim(campaign.id, engine, 40, [])
    intents = await store.intend(
        engine, "node1", "boot1", 3, 3, 2, [IntentOrder(lead.attempt, None) for lead in claimed]
    )
    finals = [make_final(lead, engine, intent.at) for lead, intent in zip(claimed, intents, strict=True)]
    await store.finish(finals)
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 40
    assert await store.lead_states(campaign.id) == {LeadState.QUEUED: 40}
    assert await pool.fetchval("SELECT sum(counted_attempts) FROM number") == 40
