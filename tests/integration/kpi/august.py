"""A finished project with known figures, as facts and as rows: two days of calls of a base of building firms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg

from domain.ids import CampaignId
from domain.kpi import Period

CAMPAIGN = CampaignId(1)
PERIOD = Period(datetime(2017, 8, 1, tzinfo=UTC), datetime(2017, 9, 1, tzinfo=UTC))
DAYS = (datetime(2017, 8, 22, 6, tzinfo=UTC), datetime(2017, 8, 23, 6, tzinfo=UTC))

OPERATORS = 3
DIALLING_DAYS = 2
TEST_CALLS = 20
BASE_CONTACTS = 850
TARGETS_ORDERED = 400

#: Leads by what became of them in the end.
CUT_AFTER_THREE_ATTEMPTS = 190
SILENT = 93
CALLBACK_NOT_REACHED = 54
BAD_LINE = 36
OFF_SEGMENT = 32
REFUSED_FOR_DISTRUST = 20
REFUSED_OTHERWISE = 189
MEETINGS = 54
REPEAT_CALL_DATES = 55
SELF_CALLERS = 54
OFFER_ONLY = 52

#: What the books say and no telephone knows.
ADDRESSES_COLLECTED = 215
OFFERS_DELIVERED = 160
FEE = 15_000
BASE_PREPARATION = 2_000
PURCHASES = 6
CONSIGNMENTS = 19
SELF_CALLERS_WHO_CALLED = 8
DEALS_OF_SELF_CALLERS = 1

TALK_S = 120
WRAPUP_S = 30
READY_S = 10
RING_S = 4

#: code, contact, decision maker, on target, goal, refused, promise
KINDS = (
    ("REFUSED_DISTRUST", True, False, True, False, True, False),
    ("REFUSED_OFFER", True, False, True, False, True, False),
    ("MEETING_DATE", True, True, True, True, False, False),
    ("REPEAT_CALL_DATE", True, True, True, True, False, True),
    ("SELF_CALLER", True, True, True, False, False, False),
    ("OFFER_ONLY", True, False, True, False, False, False),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Leads with one fate. calls: outcome and disposition of each attempt, in order."""

    name: str
    leads: int
    state: str
    calls: tuple[tuple[str, str | None], ...]


def _answered(name: str, leads: int, state: str, code: str) -> Group:
    return Group(name, leads, state, (("ANSWERED", code),))


GROUPS = (
    Group("cut after three attempts", CUT_AFTER_THREE_ATTEMPTS, "exhausted", (("NO_ANSWER", None),) * 3),
    Group(
        "callback not reached",
        CALLBACK_NOT_REACHED,
        "exhausted",
        (("ANSWERED", "CALLBACK_ANY"), ("NO_ANSWER", None)),
    ),
    _answered("silent", SILENT, "exhausted", "SILENT"),
    _answered("bad line", BAD_LINE, "exhausted", "BAD_LINE"),
    _answered("off segment", OFF_SEGMENT, "off_target", "WRONG_SEGMENT"),
    _answered("distrust", REFUSED_FOR_DISTRUST, "refused", "REFUSED_DISTRUST"),
    _answered("refused", REFUSED_OTHERWISE, "refused", "REFUSED_OFFER"),
    _answered("meeting", MEETINGS, "won", "MEETING_DATE"),
    _answered("repeat call", REPEAT_CALL_DATES, "won", "REPEAT_CALL_DATE"),
    _answered("self-caller", SELF_CALLERS, "done", "SELF_CALLER"),
    _answered("offer only", OFFER_ONLY, "won", "OFFER_ONLY"),
)


@dataclass(slots=True)
class Agent:
    """The agent's clock on each day, moved on by every call."""

    id: int
    free_at: list[datetime] = field(default_factory=lambda: list(DAYS))


@dataclass(slots=True)
class Rows:
    """Records for COPY, and which leads belong to which group."""

    leads: list[tuple[object, ...]] = field(default_factory=list)
    attempts: list[tuple[object, ...]] = field(default_factory=list)
    dispositions: list[tuple[object, ...]] = field(default_factory=list)
    promises: list[tuple[object, ...]] = field(default_factory=list)
    intervals: list[tuple[object, ...]] = field(default_factory=list)
    groups: dict[str, set[int]] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)


def build() -> Rows:
    rows = Rows()
    agents = [Agent(number) for number in range(1, OPERATORS + 1)]
    ids = iter(range(1, 10_000))
    lead = 0
    for group in GROUPS:
        members = rows.groups.setdefault(group.name, set())
        for _member in range(group.leads):
            lead += 1
            members.add(lead)
            rows.leads.append(_lead(lead, group.state))
            _call(rows, group, lead, agents[lead % OPERATORS], ids)
    for untouched in range(lead + 1, BASE_CONTACTS + 1):
        rows.leads.append(_lead(untouched, "blocked"))
    return rows


def _lead(lead: int, state: str) -> tuple[object, ...]:
    return (lead, 1, 1 + lead % 2, 1, lead, lead, state, 3)


def _call(rows: Rows, group: Group, lead: int, agent: Agent, ids: Iterator[int]) -> None:
    promise = None
    for turn, (outcome, code) in enumerate(group.calls):
        attempt = next(ids)
        day = min(turn, DIALLING_DAYS - 1) if len(group.calls) > 1 else lead // OPERATORS % DIALLING_DAYS
        if outcome == "ANSWERED":
            started = _handle(rows, attempt, lead, agent, day)
            rows.dispositions.append((attempt, lead, 1, agent.id, code, started + timedelta(minutes=3)))
        else:
            started = DAYS[day] + timedelta(hours=8, seconds=attempt)
            rows.attempts.append(
                (attempt, started, lead, lead, 1, 1 + lead % 2, None, promise, "cold", outcome, True, None, None,
                 started + timedelta(seconds=25), "trunk", "node", "1", 1, 1)
            )  # fmt: skip
        if code == "CALLBACK_ANY":
            promise = lead
            due = DAYS[1] + timedelta(hours=8)
            rows.promises.append(
                (promise, lead, 1, agent.id, attempt, due, "kept", due + timedelta(minutes=5), due + timedelta(hours=1))
            )
        if code == "REPEAT_CALL_DATE":
            later = datetime(2017, 9, 4, 9, tzinfo=UTC)
            rows.promises.append((lead, lead, 1, agent.id, attempt, later, "open", None, None))


def _handle(rows: Rows, attempt: int, lead: int, agent: Agent, day: int) -> datetime:
    wait_s = attempt % 10 / 10
    bridged = agent.free_at[day] + timedelta(seconds=READY_S)
    started = bridged - timedelta(seconds=wait_s + RING_S)
    ended = bridged + timedelta(seconds=TALK_S)
    ready_again = ended + timedelta(seconds=WRAPUP_S)
    answered = bridged - timedelta(seconds=wait_s)
    shift = 1 + (agent.id - 1) * DIALLING_DAYS + day
    rows.waits_s.append(wait_s)
    rows.attempts.append(
        (attempt, started, lead, lead, 1, 1 + lead % 2, agent.id, None, "cold", "ANSWERED", True, answered, bridged,
         ended, "trunk", "node", "1", 1, 1)
    )  # fmt: skip
    for state, since, until, campaign in (
        ("ready", agent.free_at[day], bridged, None),
        ("talking", bridged, ended, 1),
        ("wrapup", ended, ready_again, 1),
    ):
        rows.intervals.append((agent.id, shift, campaign, state, since, until, attempt if campaign else None))
    agent.free_at[day] = ready_again
    return started


ATTEMPT_COLUMNS = (
    "id", "started_at", "lead_id", "number_id", "campaign_id", "list_id", "agent_id", "promise_id", "temperature",
    "outcome", "counted", "answered_at", "bridged_at", "ended_at", "trunk", "node", "node_incarnation", "engine_id",
    "rules_version",
)  # fmt: skip


async def insert(connection: asyncpg.Connection) -> Rows:
    """The project in a fresh database, beside a training campaign whose calls belong to no report of it."""
    rows = build()
    await connection.execute("INSERT INTO client (name) VALUES ('Bricks')")
    await connection.execute(
        "INSERT INTO campaign (client_id, name, trunk, rules) VALUES (1, 'August', 'trunk', '{}'),"
        " (1, 'Training', 'trunk', '{}')"
    )
    await connection.execute(
        """INSERT INTO base (campaign_id, file_name, content_sha256, encoding, separator, mapping, row_count,
                             accepted_count, zone_unknown_count, loaded_by)
           VALUES (1, 'base.csv', 'x', 'utf-8', ',', '{}', $1, $1, 0, 'test')""",
        BASE_CONTACTS,
    )
    await connection.execute(
        "INSERT INTO list (campaign_id, name, temperature) VALUES (1, 'even', 'cold'), (1, 'odd', 'cold')"
    )
    await connection.execute("INSERT INTO zone_set (zones) VALUES ('{UTC}')")
    await connection.executemany(
        """INSERT INTO disposition_kind (code, label, contact, decision_maker, on_target, goal, sale, refused, promise,
                                         dnc, lead_state, position)
           VALUES ($1, $1, $2, $3, $4, $5, false, $6, $7, false, NULL, 99)""",
        KINDS,
    )
    await _copy(connection, "number", ("id", "e164"), [(n, 70_000_000_000 + n) for n in range(1, BASE_CONTACTS + 1)])
    await _copy(
        connection, "person", ("id", "client_id", "number_id"), [(n, 1, n) for n in range(1, BASE_CONTACTS + 1)]
    )
    columns = ("id", "campaign_id", "list_id", "base_id", "person_id", "number_id", "state", "priority")
    await _copy(connection, "lead", columns, rows.leads)
    for agent in range(1, OPERATORS + 1):
        await connection.execute("INSERT INTO agent (login, name, endpoint) VALUES ($1, $1, $1)", f"Agent {agent}")
        for day in DAYS:
            await connection.execute(
                "INSERT INTO shift (agent_id, started_at, ended_at) VALUES ($1, $2, $2)", agent, day
            )
    await _copy(connection, "attempt", ATTEMPT_COLUMNS, rows.attempts)
    await _copy(connection, "attempt", ATTEMPT_COLUMNS, [_training(n) for n in range(TEST_CALLS)])
    await _copy(
        connection, "disposition", ("attempt_id", "lead_id", "campaign_id", "agent_id", "code", "at"), rows.dispositions
    )
    promise = (
        "id",
        "lead_id",
        "campaign_id",
        "made_by",
        "attempt_id",
        "due_at",
        "state",
        "first_tried_at",
        "closed_at",
    )
    await _copy(connection, "promise", promise, rows.promises)
    interval = ("agent_id", "shift_id", "campaign_id", "state", "from_at", "to_at", "attempt_id")
    await _copy(connection, "agent_interval", interval, rows.intervals)
    return rows


def _training(n: int) -> tuple[object, ...]:
    at = datetime(2017, 8, 21, 9, n, tzinfo=UTC)
    talk = at + timedelta(seconds=20)
    return (
        9000 + n,
        at,
        n + 1,
        n + 1,
        2,
        1,
        1,
        None,
        "cold",
        "ANSWERED",
        True,
        at,
        at,
        talk,
        "trunk",
        "node",
        "1",
        1,
        1,
    )


async def _copy(
    connection: asyncpg.Connection, table: str, columns: tuple[str, ...], records: list[tuple[object, ...]]
) -> None:
    await connection.copy_records_to_table(table, columns=columns, records=records)
