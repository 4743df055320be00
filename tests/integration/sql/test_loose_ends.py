"""What a lost answer or a dead engine leaves in the tables, and how it is put in order."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg
import pytest

from dialer.reconcile import close_wrapups
from domain.clock import SystemClock
from domain.ids import AgentId, AttemptId, EngineId, LeadId
from domain.outcome import AgentState, LeadState, Outcome
from domain.records import AgentInterval, IntentOrder, NextStep
from sql.dialing import PgDialStore
from sql.engines import PgEngineStore
from tests.builders import Campaign, make_agent, make_campaign, make_engine, make_final, now

pytestmark = pytest.mark.integration


async def talk(pool: asyncpg.Pool, campaign: Campaign, engine: EngineId, agent: AgentId) -> AttemptId:
    """A conversation that has ended and waits for the agent's word."""
    store = PgDialStore(pool)
    [claimed] = await store.claim(campaign.id, engine, 1, [])
    [intent] = await store.intend(engine, "n", "b", 9, 9, 9, [IntentOrder(claimed.attempt, None)])
    at = intent.at + timedelta(seconds=2)
    final = make_final(
        claimed, engine, intent.at, outcome=Outcome.ANSWERED, answered_at=at, bridged_at=at, agent=agent,
        next=NextStep(LeadState.WRAPUP),
    )  # fmt: skip
    await store.finish([final])
    return claimed.attempt


async def test_claims_whose_answer_was_lost_go_back_and_the_others_stay(pool: asyncpg.Pool) -> None:
    store, campaign, other = PgDialStore(pool), await make_campaign(pool), await make_campaign(pool)
    me, somebody = await make_engine(pool, campaign), await make_engine(pool)
    leads = [await campaign.lead() for _ in range(4)]
    await other.lead()
    kept, dialled, lost, theirs = [
        (await store.claim(campaign.id, engine, 1, []))[0] for engine in (me, me, me, somebody)
    ]
    [elsewhere] = await store.claim(other.id, me, 1, [])
    await store.intend(me, "n", "b", 9, 9, 9, [IntentOrder(dialled.attempt, None)])
    assert await store.release_claims(campaign.id, me, [kept.attempt]) == 1
    left = {row["attempt_id"] for row in await pool.fetch("SELECT attempt_id FROM inflight")}
    assert left == {kept.attempt, dialled.attempt, theirs.attempt, elsewhere.attempt}
    assert await pool.fetchval("SELECT lead_id FROM dial_queue") == lost.lead
    assert await pool.fetchval("SELECT state FROM lead WHERE id = $1", lost.lead) == "queued"
    assert lost.lead in leads


async def test_a_talk_of_a_dead_engine_gets_no_result_and_its_next_step(pool: asyncpg.Pool) -> None:
    campaign = await make_campaign(pool)
    dead, alive = await make_engine(pool, campaign), await make_engine(pool)
    agent = await make_agent(pool, campaign)
    leads = [await campaign.lead() for _ in range(3)]
    waiting, judged = await talk(pool, campaign, dead, agent), await talk(pool, campaign, dead, agent)
    await pool.execute(
        """INSERT INTO disposition (attempt_id, lead_id, campaign_id, agent_id, code, at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        judged, leads[1], campaign.id, agent, "SALE", await now(pool),
    )  # fmt: skip
    await pool.execute("UPDATE campaign_lease SET engine_id = $1", alive)
    await talk(pool, campaign, alive, agent)
    store, kinds = PgEngineStore(pool), await PgEngineStore(pool).disposition_kinds()
    no_result = kinds["DISPO_TIMEOUT"]
    assert await close_wrapups(PgDialStore(pool), store, no_result, SystemClock()) == 0
    await store.end_engine(dead)
    [left] = await store.left_in_wrapup()
    counters = left.behind.counters
    assert (left.behind.attempt, left.agent) == (waiting, agent)
    assert (counters.counted, counters.number_counted, counters.same_outcome_run) == (0, 0, 0)
    assert await close_wrapups(PgDialStore(pool), store, no_result, SystemClock()) == 1
    assert await close_wrapups(PgDialStore(pool), store, no_result, SystemClock()) == 0
    assert await pool.fetchval("SELECT code FROM disposition WHERE attempt_id = $1", waiting) == "DISPO_TIMEOUT"
    assert await states(pool) == {leads[0]: "queued", leads[1]: "wrapup", leads[2]: "wrapup"}
    due = await pool.fetchval("SELECT due_at FROM dial_queue WHERE lead_id = $1", leads[0])
    assert timedelta(hours=23) < due - await now(pool) <= timedelta(days=1)


async def states(pool: asyncpg.Pool) -> dict[LeadId, str]:
    return dict(await pool.fetch("SELECT id, state FROM lead"))


async def interval(store: PgEngineStore, agent: AgentId, shift: int, at: datetime, seconds: float) -> datetime:
    end = at + timedelta(seconds=seconds)
    await store.record_intervals([AgentInterval(agent, shift, None, AgentState.READY, at, end, None)])  # type: ignore[arg-type]
    return end


async def test_shifts_that_nobody_leads_end_with_the_last_that_was_seen_of_them(pool: asyncpg.Pool) -> None:
    store, campaign = PgEngineStore(pool), await make_campaign(pool)
    me = await make_engine(pool, campaign)
    began = await now(pool) - timedelta(hours=2)
    seen, unseen, mine, over = [
        (agent, await store.start_shift(agent, began)) for agent in [await make_agent(pool, campaign) for _ in range(4)]
    ]
    last = await interval(store, *seen, began, 60)
    last = await interval(store, *seen, last, 600)
    await store.end_shift(over[1], began + timedelta(hours=1))
    assert await store.close_forgotten_shifts(me, [mine[1]]) == 2
    ends = dict(await pool.fetch("SELECT id, ended_at FROM shift"))
    assert ends == {seen[1]: last, unseen[1]: began, mine[1]: None, over[1]: began + timedelta(hours=1)}


async def test_while_another_engine_lives_its_shifts_are_its_own(pool: asyncpg.Pool) -> None:
    store, campaign = PgEngineStore(pool), await make_campaign(pool)
    me, other = await make_engine(pool, campaign), await make_engine(pool)
    await store.start_shift(await make_agent(pool), await now(pool))
    assert await store.close_forgotten_shifts(me, []) == 0
    await store.end_engine(other)
    assert await store.close_forgotten_shifts(me, []) == 1
