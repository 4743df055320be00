"""PgKpiReader on rows of every kind: what counts as a person, promises, agents' time, live windows, streaming."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from domain.errors import NotFound, Unavailable
from domain.ids import CampaignId
from domain.kpi import CallCounts, LiveCounts, Period, PromiseCounts
from domain.outcome import LeadState, Outcome
from kpi.export import csv_lines
from kpi.report import build_report
from sql.kpi import PgKpiReader

pytestmark = pytest.mark.integration

CAMPAIGN = CampaignId(1)
DAY = datetime(2026, 3, 2, tzinfo=UTC)
PERIOD = Period(DAY, DAY + timedelta(days=1))
HOUR_ONE = DAY + timedelta(hours=1)


def at(minutes: float) -> datetime:
    return DAY + timedelta(minutes=minutes)


class Books:
    """Writes rows; every attempt is of a lead of its own unless told otherwise."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.serial = 0

    async def open(self, leads: int = 20) -> None:
        await self.pool.execute("INSERT INTO client (name) VALUES ('client')")
        await self.pool.execute(
            "INSERT INTO campaign (client_id, name, trunk, rules) VALUES (1, 'one', 't', '{}'), (1, 'two', 't', '{}')"
        )
        await self.pool.execute(
            """INSERT INTO base (campaign_id, file_name, content_sha256, encoding, separator, mapping, row_count,
                                 accepted_count, zone_unknown_count, loaded_by)
               VALUES (1, 'b', 'x', 'utf-8', ',', '{}', $1, $1, 0, 'test')""",
            leads,
        )
        await self.pool.execute("INSERT INTO list (campaign_id, name, temperature) VALUES (1, 'cold', 'cold')")
        await self.pool.execute("INSERT INTO zone_set (zones) VALUES ('{UTC}')")
        await self.pool.execute("INSERT INTO number (e164) SELECT 70000000000 + g FROM generate_series(1, $1) g", leads)
        await self.pool.execute(
            "INSERT INTO person (client_id, number_id) SELECT 1, g FROM generate_series(1, $1) g", leads
        )
        await self.pool.execute(
            """INSERT INTO lead (campaign_id, list_id, base_id, person_id, number_id, state, priority)
               SELECT 1, 1, 1, g, g, 'queued', 3 FROM generate_series(1, $1) g""",
            leads,
        )
        await self.pool.execute("INSERT INTO agent (login, name, endpoint) VALUES ('a', 'Ann', 'a'), ('b', 'Bob', 'b')")
        await self.pool.execute("INSERT INTO shift (agent_id, started_at) VALUES (1, $1), (2, $1)", DAY)
        await self.pool.execute("INSERT INTO campaign_agent VALUES (1, 1)")

    async def attempt(self, outcome: str, start: datetime = HOUR_ONE, **more: Any) -> int:
        """answered, bridged, ended: seconds after the start; code: what the agent said."""
        self.serial += 1
        moments = {
            name: start + timedelta(seconds=more[name]) if more.get(name) is not None else None
            for name in ("answered", "bridged")
        }
        await self.pool.execute(
            """INSERT INTO attempt (id, started_at, lead_id, number_id, campaign_id, list_id, agent_id, temperature,
                                    outcome, counted, answered_at, bridged_at, ended_at, trunk, node, node_incarnation,
                                    engine_id, rules_version)
               VALUES ($1, $2, $3, $3, $4, 1, $5, 'cold', $6, $7, $8, $9, $10, 't', 'n', '1', 1, 1)""",
            self.serial,
            start,
            more.get("lead", self.serial),
            more.get("campaign", 1),
            more.get("agent", 1 if moments["bridged"] else None),
            outcome,
            more.get("counted", True),
            moments["answered"],
            moments["bridged"],
            start + timedelta(seconds=more.get("ended", 30)),
        )
        if code := more.get("code"):
            await self.pool.execute(
                """INSERT INTO disposition (attempt_id, lead_id, campaign_id, agent_id, code, at)
                   VALUES ($1, $2, 1, 1, $3, $4)""",
                self.serial,
                more.get("lead", self.serial),
                code,
                start + timedelta(minutes=2),
            )
        return self.serial

    async def talk(self, code: str | None = None, **more: Any) -> int:
        return await self.attempt("ANSWERED", answered=5, bridged=5.5, ended=65.5, code=code, **more)

    async def many(self, number: int) -> None:
        await self.pool.execute(
            """INSERT INTO attempt (id, started_at, lead_id, number_id, campaign_id, list_id, temperature, outcome,
                                    counted, ended_at, trunk, node, node_incarnation, engine_id, rules_version)
               SELECT g, $1, 1, 1, 1, 1, 'cold', 'NO_ANSWER', true, $1, 't', 'n', '1', 1, 1
               FROM generate_series(1, $2) g""",
            HOUR_ONE,
            number,
        )

    async def interval(self, agent: int, state: str, since: float, until: float, attempt: int | None = None) -> None:
        await self.pool.execute(
            "INSERT INTO agent_interval VALUES ($1, $1, NULL, $2, $3, $4, $5)",
            agent,
            state,
            at(since),
            at(until),
            attempt,
        )

    async def promise(self, due: datetime, state: str, tried: float | None = None) -> None:
        """tried: minutes after the due time."""
        self.serial += 1
        await self.pool.execute(
            """INSERT INTO promise (lead_id, campaign_id, made_by, attempt_id, due_at, state, first_tried_at, closed_at)
               VALUES ($1, 1, 1, 1, $2, $3, $4, $5)""",
            self.serial,
            due,
            state,
            due + timedelta(minutes=tried) if tried is not None else None,
            None if state == "open" else due + timedelta(hours=1),
        )


@pytest_asyncio.fixture
async def books(pool: asyncpg.Pool) -> Books:
    books = Books(pool)
    await books.open()
    return books


@pytest.fixture
def reader(pool: asyncpg.Pool) -> PgKpiReader:
    return PgKpiReader(pool)


async def test_who_counts_as_a_person(books: Books, reader: PgKpiReader) -> None:
    await books.talk("SALE")
    await books.talk()  # no result: taken for a person
    await books.talk("MACHINE_AGENT")
    await books.talk("SILENT")
    await books.attempt("ABANDONED", answered=5)
    await books.attempt("AGENT_MISSED", answered=5, agent=1)
    await books.attempt("NODE_LOST", answered=5)
    await books.attempt("UNKNOWN")  # never answered: nobody was abandoned
    await books.attempt("CUSTOMER_HUNG_EARLY", answered=5)
    await books.attempt("NO_ANSWER")
    await books.attempt("TRUNK_FAIL", counted=False)
    await books.attempt("NOT_PLACED", counted=False)
    await books.attempt("BLOCKED_DNC", counted=False)
    calls = (await reader.read(CAMPAIGN, PERIOD)).calls
    assert (calls.attempts, calls.dialled, calls.counted, calls.connected) == (13, 11, 10, 8)
    assert (calls.handled, calls.machines, calls.conversations) == (4, 2, 2)
    assert (calls.abandoned, calls.persons, calls.hung_early, calls.trunk_faults) == (3, 5, 1, 1)
    assert (calls.goals, calls.leads_sale, calls.leads_person) == (1, 1, 5)
    assert calls.talk_s == pytest.approx(240)


async def test_only_the_campaign_and_only_the_period_are_counted(books: Books, reader: PgKpiReader) -> None:
    await books.talk(start=DAY)
    await books.talk(start=DAY - timedelta(microseconds=1))
    await books.talk(start=PERIOD.end)
    await books.talk(campaign=2)
    rows = await reader.read(CAMPAIGN, PERIOD)
    assert rows.calls.attempts == 1
    assert [one.attempt async for one in reader.attempts(CAMPAIGN, PERIOD)] == [1]


async def test_leads_are_counted_once_and_end_by_their_last_call(books: Books, reader: PgKpiReader) -> None:
    await books.attempt("NO_ANSWER", at(10), lead=1)
    await books.talk("NOT_INTERESTED", lead=1, start=at(20))
    await books.talk("CALLBACK_ANY", lead=2, start=at(10))
    await books.attempt("NO_ANSWER", at(20), lead=2)
    rows = await reader.read(CAMPAIGN, PERIOD)
    assert (rows.calls.attempts, rows.calls.leads, rows.calls.leads_counted) == (4, 2, 2)
    assert {(one.outcome, one.disposition, one.count) for one in rows.lead_results} == {
        (Outcome.ANSWERED, "NOT_INTERESTED", 1),
        (Outcome.NO_ANSWER, "CALLBACK_ANY", 1),
    }


async def test_an_empty_campaign_has_empty_counts(books: Books, reader: PgKpiReader) -> None:
    rows = await reader.read(CAMPAIGN, PERIOD)
    assert rows.calls == CallCounts()
    assert (rows.accepted, rows.lead_states) == (20, {LeadState.QUEUED: 20})
    assert [one.name for one in rows.agents] == ["Ann"]
    assert rows.results == []
    report = await build_report(reader, CAMPAIGN, PERIOD)
    assert {figure.value for figure in report.figures if figure.denominator == 0} == {None}
    with pytest.raises(NotFound):
        await reader.read(CampaignId(99), PERIOD)


async def test_agents_time_is_clipped_to_the_period(books: Books, reader: PgKpiReader) -> None:
    first = await books.talk(start=at(60))
    await books.interval(1, "ready", -30, 10)
    await books.interval(1, "talking", 10, 20, first)
    await books.interval(1, "wrapup", 20, 22, first)
    await books.interval(1, "paused", 22, 24 * 60 + 30)
    await books.interval(1, "ready", 24 * 60 + 30, 24 * 60 + 40)
    (ann,) = (await reader.read(CAMPAIGN, PERIOD)).agents
    assert (ann.seconds.ready, ann.seconds.talking, ann.seconds.wrapup) == (600, 600, 120)
    assert ann.seconds.paused == (24 * 60 - 22) * 60
    assert ann.seconds.logged_in == 24 * 3600
    assert ann.seconds.talks == 1
    assert ann.calls.wrapup_s == 120


async def test_agents_add_up_with_those_who_left_the_campaign_and_with_nobody(
    books: Books, reader: PgKpiReader
) -> None:
    await books.talk(agent=1)
    await books.talk(agent=2)
    await books.attempt("NO_ANSWER")
    rows = await reader.read(CAMPAIGN, PERIOD)
    assert [(one.name, one.calls.attempts) for one in rows.agents] == [("Ann", 1), ("Bob", 1), ("", 1)]


async def test_promises_are_judged_by_their_tolerance(books: Books, reader: PgKpiReader) -> None:
    await books.pool.execute(
        "INSERT INTO engine (id, host, started_at, ended_at) VALUES (1, 'h', $1, $2)", DAY, at(600)
    )
    await books.promise(at(100), "kept", tried=5)
    await books.promise(at(100), "kept", tried=-15)
    await books.promise(at(100), "broken", tried=40)
    await books.promise(at(100), "broken")
    await books.promise(at(100), "open")  # long past, nobody tried
    await books.promise(at(100), "moved")
    await books.promise(at(100), "cancelled")
    await books.promise(at(900), "broken")  # no engine ran by then
    await books.promise(PERIOD.end, "broken")
    assert (await reader.read(CAMPAIGN, PERIOD)).promises == PromiseCounts(
        moved=1, cancelled=1, excused=1, kept=2, kept_late=1, broken=2
    )
    narrow = await reader.read(CAMPAIGN, PERIOD, timedelta(minutes=1))
    assert (narrow.promises.kept, narrow.promises.kept_late, narrow.promises.broken) == (1, 2, 2)
    await books.pool.execute("UPDATE campaign SET rules = $1", {"promise_tolerance_s": 600})
    own = await reader.read(CAMPAIGN, PERIOD, timedelta(minutes=1))
    assert (own.promises.kept, own.promises.kept_late, own.promises.broken) == (2, 1, 2)


async def test_a_promise_whose_time_is_not_over_is_pending(books: Books, reader: PgKpiReader) -> None:
    now = datetime.now(UTC)
    await books.promise(now - timedelta(minutes=5), "open")
    promises = (await reader.read(CAMPAIGN, Period(now - timedelta(hours=1), now + timedelta(hours=1)))).promises
    assert promises == PromiseCounts(pending=1)


async def test_the_live_window_moves_with_the_databases_clock(books: Books, reader: PgKpiReader) -> None:
    now = datetime.now(UTC)
    await books.talk(start=now - timedelta(minutes=30))
    await books.talk("SILENT", start=now - timedelta(minutes=30))
    await books.attempt("ABANDONED", now - timedelta(minutes=30), answered=5)
    await books.attempt("NO_ANSWER", now - timedelta(minutes=30))
    await books.attempt("NOT_PLACED", now - timedelta(minutes=30), counted=False)
    await books.attempt("ABANDONED", now - timedelta(minutes=90), answered=5)
    assert await reader.live(CAMPAIGN, 1) == LiveCounts(abandoned=1, persons=2, connected=3, dialled=4)
    assert await reader.live(CAMPAIGN, 2) == LiveCounts(abandoned=2, persons=3, connected=4, dialled=5)
    assert await reader.live(CampaignId(2), 2) == LiveCounts(0, 0, 0, 0)


async def test_outcomes_since_a_moment(books: Books, reader: PgKpiReader) -> None:
    await books.attempt("NO_ANSWER", at(10))
    await books.attempt("NO_ANSWER", at(20))
    await books.attempt("BUSY", at(20), counted=False)
    assert await reader.outcomes_since(CAMPAIGN, at(20)) == {Outcome.NO_ANSWER: 1, Outcome.BUSY: 1}
    assert await reader.outcomes_since(CAMPAIGN, at(30)) == {}


async def test_the_export_streams_in_order_and_shows_numbers_only_on_request(books: Books, reader: PgKpiReader) -> None:
    await books.pool.execute("UPDATE number SET e164 = NULL WHERE id = 2")
    await books.attempt("NO_ANSWER", at(20))
    await books.attempt("BUSY", at(10))
    await books.talk("SALE", start=at(5))
    plain = [one async for one in reader.attempts(CAMPAIGN, PERIOD)]
    assert [one.attempt for one in plain] == [3, 2, 1]
    assert [one.talk_s for one in plain] == [60.0, None, None]
    assert {one.number for one in plain} == {None}
    with_numbers = [one.number async for one in reader.attempts(CAMPAIGN, PERIOD, numbers=True)]
    assert with_numbers == ["70000000003", None, "70000000001"]
    assert "70000000001" not in repr([one async for one in reader.attempts(CAMPAIGN, PERIOD, numbers=True)])


async def test_an_export_left_half_way_frees_its_connection(books: Books, pool: asyncpg.Pool) -> None:
    await books.many(5000)
    reader = PgKpiReader(pool)
    for _ in range(pool.get_max_size() + 1):
        async with aclosing(csv_lines(reader, CAMPAIGN, PERIOD)) as lines:
            await anext(lines)
            await anext(lines)
    assert len([line async for line in csv_lines(reader, CAMPAIGN, PERIOD)]) == 5001
    assert pool.get_idle_size() == pool.get_size()


async def test_a_connection_killed_in_the_middle_is_told_as_unavailable(books: Books, pool: asyncpg.Pool) -> None:
    await books.many(5000)
    async with aclosing(PgKpiReader(pool).attempts(CAMPAIGN, PERIOD)) as attempts:
        await anext(attempts)
        killed = await pool.fetchval(
            """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE state = 'idle in transaction' AND datname = current_database()"""
        )
        assert killed == 1
        with pytest.raises(Unavailable):
            async for _attempt in attempts:
                pass
