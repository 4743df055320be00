"""What the database claims, and what the two logs saw: the two sides that are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from witness import cel
from witness.rules import Rules, ends_nothing

_QUERIES = Path(__file__).with_name("queries.sql")
#: The intent and the log are written on one host; a row that is this far from a channel is not its own.
JOIN_SLACK_S = 2.0

NOT_PLACED = frozenset({"NOT_PLACED"})
TRUNK_FAULTS = frozenset({"TRUNK_FAIL", "NO_RESPONSE", "BARRED"})
#: The engine or the switch died: without a sign of life from the network, there may have been a call or none.
IN_DOUBT = frozenset({"NODE_LOST", "UNKNOWN", "ENGINE_CANCEL"})
LEFT_ALONE = frozenset({"ABANDONED", "AGENT_MISSED", "NODE_LOST", "UNKNOWN"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the attempt table with its disposition; times in seconds since 1970."""

    id: int
    lead_id: int
    number_id: int
    number: str | None
    campaign_id: int
    agent_id: int | None
    promise_id: int | None
    outcome: str
    counted: bool
    started: float
    answered: float | None
    bridged: float | None
    ended: float
    disposition: str | None
    disposed: float | None
    contact: bool
    final_state: str | None

    @property
    def unplaced(self) -> bool:
        """Nothing may have reached the network."""
        return self.outcome in NOT_PLACED or self.outcome.startswith("BLOCKED_")

    @property
    def must_have_channel(self) -> bool:
        return not self.unplaced and (self.counted or self.outcome not in TRUNK_FAULTS | IN_DOUBT)

    @property
    def conversation(self) -> bool:
        """Somebody was talked to: the count of attempts starts anew."""
        return self.contact and self.disposition is not None and not ends_nothing(self.disposition)


@dataclass(frozen=True, slots=True)
class Campaign:
    client_id: int
    rules: Rules


@dataclass(frozen=True, slots=True)
class Rows:
    attempts: Sequence[Attempt]
    campaigns: Mapping[int, Campaign]
    promises_due: Mapping[int, float]
    do_not_call: Sequence[tuple[str, int | None, float]]  # number, client or everybody, since when
    inflight: Sequence[tuple[int, str]]
    lead_accounts: Sequence[tuple[int, int, int]]  # campaign, accepted, leads
    misplaced_leads: Sequence[tuple[int, str, bool, bool]]  # lead, state, has a queue row, is in flight
    queued_strangers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Facts:
    rows: Rows
    network: cel.Log
    switch: cel.Log
    trunk_prefix: str
    calls: Sequence[cel.Leg]  # the network's customer channels
    by_call: Mapping[int, Attempt]  # index in calls -> the attempt that is it
    calls_of: Mapping[int, Sequence[cel.Leg]]  # attempt id -> its channels on the network
    legs_of: Mapping[int, Sequence[cel.Leg]]  # attempt id in a leg's name -> legs on the switch
    talks: Sequence[cel.Talk]


def assemble(rows: Rows, network: cel.Log, switch: cel.Log, trunk_prefix: str) -> Facts:
    """Both sides, joined by number and time on the network and by name on the switch."""
    calls = [leg for leg in network.legs if leg.number is not None and leg.name.startswith("PJSIP/")]
    by_call = _join(rows.attempts, calls)
    calls_of: dict[int, list[cel.Leg]] = {}
    for index, attempt in by_call.items():
        calls_of.setdefault(attempt.id, []).append(calls[index])
    legs_of: dict[int, list[cel.Leg]] = {}
    for leg in switch.legs:
        if leg.attempt is not None:
            legs_of.setdefault(leg.attempt, []).append(leg)
    return Facts(rows, network, switch, trunk_prefix, calls, by_call, calls_of, legs_of, cel.talks(switch))


def _join(attempts: Sequence[Attempt], calls: Sequence[cel.Leg]) -> dict[int, Attempt]:
    """The nearest pairs of one number first; every attempt and every channel is used at most once."""
    by_number: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.number is not None:
            by_number.setdefault(attempt.number, []).append(attempt)
    pairs = [
        (attempt.unplaced, abs(call.started - attempt.started), index, attempt)
        for index, call in enumerate(calls)
        for attempt in by_number.get(call.number or "", ())
        if attempt.started - JOIN_SLACK_S <= call.started <= attempt.ended + JOIN_SLACK_S
    ]
    pairs.sort(key=lambda pair: pair[:3])
    joined: dict[int, Attempt] = {}
    taken: set[int] = set()
    for _unplaced, _distance, index, attempt in pairs:
        if index not in joined and attempt.id not in taken:
            joined[index] = attempt
            taken.add(attempt.id)
    return joined


def statements(path: Path = _QUERIES) -> dict[str, str]:
    """The named statements of the witness's SQL file."""
    parts = re.split(r"^-- name: (\w+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


async def load_rows(dsn: str) -> Rows:
    """Everything from one snapshot of the database."""
    sql = statements()
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return Rows(
                attempts=[Attempt(**row) for row in await connection.fetch(sql["attempts"])],
                campaigns={
                    row["id"]: Campaign(row["client_id"], Rules(json.loads(row["rules"])))
                    for row in await connection.fetch(sql["campaigns"])
                },
                promises_due={row["id"]: row["due"] for row in await connection.fetch(sql["promises"])},
                do_not_call=[tuple(row) for row in await connection.fetch(sql["do_not_call"])],
                inflight=[tuple(row) for row in await connection.fetch(sql["inflight"])],
                lead_accounts=[tuple(row) for row in await connection.fetch(sql["lead_accounts"])],
                misplaced_leads=[tuple(row) for row in await connection.fetch(sql["misplaced_leads"])],
                queued_strangers=[row["lead_id"] for row in await connection.fetch(sql["queued_strangers"])],
            )
    finally:
        await connection.close()
