"""Who is gone, and what its leads need, as the database tells it to the engine that takes over."""

from __future__ import annotations

import asyncpg
import pytest

from dialer.reconcile import SILENT_S, close_leftovers
from domain.clock import SystemClock
from domain.ids import EngineId
from domain.outcome import LeadState, Outcome
from domain.records import IntentOrder
from sql.dialing import PgDialStore
from sql.engines import PgEngineStore
from tests.builders import Campaign, make_campaign, make_engine

pytestmark = pytest.mark.integration


async def silence(pool: asyncpg.Pool, engine: EngineId) -> None:
    await pool.execute("UPDATE engine SET seen_at = app_now() - interval '1 hour' WHERE id = $1", engine)


async def lose_lease(pool: asyncpg.Pool, engine: EngineId) -> None:
    await pool.execute("UPDATE campaign_lease SET lease_until = app_now() WHERE engine_id = $1", engine)


async def in_mid_call(pool: asyncpg.Pool, campaign: Campaign, engine: EngineId, leads: int) -> None:
    store = PgDialStore(pool)
    claimed = await store.claim(campaign.id, engine, leads, [])
    intents = await store.intend(engine, "n", "b", 9, 9, 9, [IntentOrder(lead.attempt, None) for lead in claimed])
    assert [intent.blocked_by for intent in intents] == [None] * leads


async def test_who_is_silent_and_leads_nothing_is_buried_once(pool: asyncpg.Pool) -> None:
    store = PgEngineStore(pool)
    me, idle, silent = [await store.start_engine("here") for _ in range(3)]
    leading = await make_engine(pool, await make_campaign(pool))
    await silence(pool, silent)
    await silence(pool, leading)
    assert await store.bury_engines(me, SILENT_S) == [silent]
    assert await store.bury_engines(me, SILENT_S) == []
    await lose_lease(pool, leading)
    assert await store.bury_engines(me, SILENT_S) == [leading]
    assert await store.beat(idle)
    assert not await store.beat(silent)
    assert not await store.beat(leading)


async def test_after_an_outage_nobody_is_buried_by_somebody_as_silent(pool: asyncpg.Pool) -> None:
    store = PgEngineStore(pool)
    me, other = await store.start_engine("a"), await store.start_engine("b")
    await silence(pool, me)
    await silence(pool, other)
    assert await store.bury_engines(me, SILENT_S) == []
    assert await store.beat(me)
    assert await store.bury_engines(me, SILENT_S) == [other]


async def test_a_takeover_that_was_cut_short_is_done_again(pool: asyncpg.Pool) -> None:
    store = PgEngineStore(pool)
    campaign = await make_campaign(pool)
    dead, me = await make_engine(pool, campaign), await store.start_engine("here")
    await campaign.lead()
    await in_mid_call(pool, campaign, dead, 1)
    await silence(pool, dead)
    await lose_lease(pool, dead)
    assert await store.bury_engines(me, SILENT_S) == [dead]
    assert await store.bury_engines(me, SILENT_S) == [dead]
    assert await close_leftovers(PgDialStore(pool), store, me, SystemClock()) == 1
    assert await store.bury_engines(me, SILENT_S) == []


async def test_leftovers_of_every_campaign_are_closed_by_the_leads_own_counters(pool: asyncpg.Pool) -> None:
    store, dialing = PgEngineStore(pool), PgDialStore(pool)
    campaign = await make_campaign(pool)
    dead, me = await make_engine(pool, campaign), await store.start_engine("here")
    first, third = await campaign.lead(), await campaign.lead()
    await pool.execute(
        "UPDATE lead SET counted_attempts = 2, same_outcome_run = 2, last_outcome = 'NO_ANSWER' WHERE id = $1", third
    )
    await in_mid_call(pool, campaign, dead, 2)
    await pool.execute("UPDATE campaign SET state = 'paused'")
    await store.end_engine(dead)
    assert await close_leftovers(dialing, store, me, SystemClock()) == 2
    states = dict(await pool.fetch("SELECT id, state FROM lead"))
    assert states == {first: LeadState.QUEUED, third: LeadState.EXHAUSTED}
    rows = await pool.fetch("SELECT outcome, counted, engine_id FROM attempt")
    assert [tuple(row) for row in rows] == [(Outcome.UNKNOWN, True, dead)] * 2
    assert (
        await pool.fetchval("SELECT lead_id FROM dial_queue WHERE due_at > app_now() + interval '59 minutes'") == first
    )
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0


async def test_a_live_engines_call_in_a_paused_campaign_stays_in_flight(pool: asyncpg.Pool) -> None:
    store, dialing = PgEngineStore(pool), PgDialStore(pool)
    campaign = await make_campaign(pool)
    alive, me = await make_engine(pool, campaign), await store.start_engine("here")
    await campaign.lead()
    await in_mid_call(pool, campaign, alive, 1)
    await lose_lease(pool, alive)
    assert await store.bury_engines(me, SILENT_S) == []
    assert await close_leftovers(dialing, store, me, SystemClock()) == 0
    assert await pool.fetchval("SELECT engine_id FROM inflight") == alive


async def test_trunks_of_paused_campaigns_are_told_too(pool: asyncpg.Pool) -> None:
    await make_campaign(pool, trunk="north")
    await make_campaign(pool, trunk="south", state="paused")
    await make_campaign(pool, trunk="north")
    assert await PgEngineStore(pool).trunks() == ["north", "south"]
