"""Whatever engines do, in whatever order and at once, and whenever they die: no lead is lost or doubled,
and no limit is passed. The time is the test's own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.ids import AgentId, EngineId
from domain.outcome import PROMISE_PRIORITY, LeadState, Outcome, Temperature
from domain.records import AttemptFinal, ClaimedLead, Disposition, Intent, IntentOrder, NextStep
from sql.dialing import PgDialStore
from sql.engines import PgEngineStore
from tests.builders import Campaign, make_agent, make_campaign, make_final

pytestmark = pytest.mark.integration

LEADS = 24
MORNING = datetime(2026, 3, 3, 10, tzinfo=UTC)
UNCOUNTED = (Outcome.TRUNK_FAIL, Outcome.NO_RESPONSE, Outcome.NOT_PLACED)
COUNTED = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNREACHABLE)


class World:
    """A campaign open from 9 to 20 UTC on every day of March, and engines that drive it without any rules of
    their own: they requeue everything, so that only the gate holds them back."""

    def __init__(self, pool: asyncpg.Pool, campaign: Campaign, agent: AgentId, seed: int) -> None:
        self.pool = pool
        self.campaign = campaign
        self.agent = agent
        self.random = random.Random(seed)
        self.dialing = PgDialStore(pool)
        self.engines = PgEngineStore(pool)

    async def engine(self) -> None:
        """One engine's life, ended at random without a word."""
        engine = await self.engines.start_engine("here")
        for _ in range(self.random.randint(3, 12)):
            await self.pass_time()
            # An engine that is told that it lost its lease may still be so slow as to go on.
            if not await self.engines.take_lease(self.campaign.id, engine, 300) and self.random.random() < 0.8:
                continue
            for left in await self.dialing.leftovers(engine):
                await self.dialing.finish([left])
            free = [self.agent] if self.random.random() < 0.5 else []
            claimed = list(await self.dialing.claim(self.campaign.id, engine, self.random.randint(1, 12), free))
            self.random.shuffle(claimed)
            unused, used = claimed[::4], [lead for i, lead in enumerate(claimed) if i % 4]
            orders = [IntentOrder(lead.attempt, None) for lead in used]
            await self.pass_time()
            intents = await self.dialing.intend(engine, "node1", "boot1", 3, 3, 2, orders)
            if self.random.random() < 0.2:
                return  # with claims and intents in its hands
            await self.dialing.unclaim([lead.attempt for lead in unused])
            pairs = [(lead, intent) for lead, intent in zip(used, intents, strict=True) if intent.blocked_by is None]
            finals = [self.final(lead, intent, engine) for lead, intent in pairs]
            await self.dialing.finish(finals)
            await self.dialing.finish(finals[: len(finals) // 2])
            await self.wrap_up(finals)
        if self.random.random() < 0.5:
            await self.engines.end_engine(engine)

    async def pass_time(self) -> None:
        seconds = self.random.choice([1.0, 20.0, 90.0, 600.0])
        await self.pool.execute("UPDATE test_clock SET at = at + make_interval(secs => $1)", seconds)

    async def sleep_through_the_night(self) -> None:
        """Half past eight in the evening, when the window has been closed for a while, becomes ten to nine."""
        await self.pool.execute(
            """UPDATE test_clock SET at = at + interval '12 hours 20 minutes'
               WHERE (at AT TIME ZONE 'UTC')::time > '20:30'"""
        )

    def final(self, lead: ClaimedLead, intent: Intent, engine: EngineId) -> AttemptFinal:
        again = intent.at + timedelta(seconds=self.random.choice([0, 60, 600]))
        step = NextStep(
            LeadState.QUEUED,
            due_at=again,
            priority=PROMISE_PRIORITY if lead.promise else 3,
            promise=lead.promise,
        )
        kind = self.random.random()
        if kind < 0.1:
            answered = intent.at + timedelta(seconds=5)
            return make_final(
                lead,
                engine,
                intent.at,
                outcome=Outcome.ANSWERED,
                agent=self.agent,
                answered_at=answered,
                bridged_at=answered,
                next=NextStep(LeadState.WRAPUP, conversation=True),
            )
        counted = kind < 0.6
        outcome = self.random.choice(COUNTED if counted else UNCOUNTED)
        return make_final(lead, engine, intent.at, outcome=outcome, counted=counted, next=step)

    async def wrap_up(self, finals: list[AttemptFinal]) -> None:
        for final in finals:
            if final.next.state is not LeadState.WRAPUP:
                continue
            code = self.random.choice(["SALE", "CALLBACK_ANY", "CALLBACK_PERSONAL", "SILENT", "DNC_ASKED"])
            due_at = final.ended_at + timedelta(hours=2)
            disposition = Disposition(
                final.attempt,
                final.lead,
                final.campaign,
                self.agent,
                code,
                final.ended_at,
                due_at=due_at if code.startswith("CALLBACK") else None,
            )
            ends = {"SALE": LeadState.WON, "DNC_ASKED": LeadState.DNC}
            if code in ends:
                step = NextStep(ends[code], conversation=True)
            else:
                personal = code == "CALLBACK_PERSONAL"
                step = NextStep(
                    LeadState.QUEUED,
                    due_at=due_at,
                    priority=PROMISE_PRIORITY,
                    agent=self.agent if personal else None,
                    agent_until=due_at if personal else None,
                )
            await self.dialing.record_disposition(disposition, step)

    async def check_places(self) -> None:
        """Each lead is where its state says, and nowhere else."""
        rows = await self.pool.fetch(
            """SELECT state, EXISTS (SELECT FROM dial_queue q WHERE q.lead_id = lead.id) AS queued,
                      EXISTS (SELECT FROM inflight f WHERE f.lead_id = lead.id) AS inflight
               FROM lead"""
        )
        assert len(rows) == LEADS
        for row in rows:
            assert (row["queued"], row["inflight"]) == (row["state"] == "queued", row["state"] == "inflight"), row

    async def check_limits(self) -> None:
        attempts = await self.pool.fetch("SELECT * FROM attempt WHERE outcome <> 'BLOCKED_DNC' ORDER BY started_at, id")
        assert len({row["id"] for row in attempts}) == len(attempts) > LEADS
        since_talk: Counter[int] = Counter()
        for_promise: Counter[tuple[int, int]] = Counter()
        never_rang: Counter[tuple[int, date]] = Counter()
        for row in attempts:
            lead, at = row["lead_id"], row["started_at"]
            assert 9 <= at.hour < 20, "outside the window"
            if row["counted"] and row["promise_id"] is None:
                since_talk[lead] += 1
            elif row["counted"]:
                for_promise[lead, row["promise_id"]] += 1
            elif row["outcome"] != "NOT_PLACED":
                never_rang[lead, at.date()] += 1
            if row["outcome"] == "ANSWERED":
                since_talk[lead] = 0
            assert since_talk[lead] <= 3
        assert max(for_promise.values(), default=0) <= 3
        assert max(never_rang.values()) == 2
        assert max(since_talk.values()) == 3


async def stop_the_clock(pool: asyncpg.Pool, at: datetime) -> None:
    await pool.execute("CREATE TABLE test_clock (at timestamptz)")
    await pool.execute("INSERT INTO test_clock VALUES ($1)", at)
    await pool.execute(
        "CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM test_clock'"
    )


async def make_world(pool: asyncpg.Pool, seed: int, **campaign_fields: Any) -> World:
    campaign = await make_campaign(pool, **campaign_fields)
    agent = await make_agent(pool, campaign)
    await stop_the_clock(pool, MORNING)
    await campaign.close_window()
    for day in range(1, 32):
        opens = datetime(2026, 3, day, 9, tzinfo=UTC)
        await campaign.open(1, opens, opens + timedelta(hours=11))
    for i in range(LEADS):
        await campaign.lead(list(Temperature)[i % 3], due_at=MORNING)
    return World(pool, campaign, agent, seed)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_one_engine_after_another(pool: asyncpg.Pool, seed: int) -> None:
    world = await make_world(pool, seed)
    for _ in range(30):
        await world.engine()
        await world.sleep_through_the_night()
        await world.check_places()
    await world.check_limits()


@pytest.mark.timeout(120)
async def test_several_engines_at_once(pool: asyncpg.Pool) -> None:
    world = await make_world(pool, 3)
    for _ in range(30):
        await asyncio.gather(*(world.engine() for _ in range(4)))
        await world.sleep_through_the_night()
        await world.check_places()
    await world.check_limits()
