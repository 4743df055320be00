"""Reading Asterisk's channel event log (CSV): who rang, answered, was bridged and ended, and when.

One line per event: event, seconds since 1970 with microseconds, caller, called extension, channel name,
unique id, linked id, more (JSON).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

_FIELDS = 8
_NUMBER = re.compile(r"\+?(\d{5,15})")
_CUSTOMER = re.compile(r"pd-(\d{12})")
_AGENT = re.compile(r"ag-(\d{6})-(\d{9})")


@dataclass(slots=True)
class Stay:
    """Time in one bridge; until is None while the log does not say that it ended."""

    bridge: str
    since: float
    until: float | None = None


@dataclass(slots=True)
class Leg:
    """One life of one channel, times in seconds since 1970."""

    unique_id: str
    name: str
    extension: str
    started: float
    answered: float | None = None
    ended: float | None = None
    cause: int | None = None
    stays: list[Stay] = field(default_factory=list)

    @property
    def number(self) -> str | None:
        """Digits that were called, on the network's side; None for anything that is no telephone number."""
        found = _NUMBER.fullmatch(self.extension)
        return found.group(1) if found else None

    @property
    def endpoint_name(self) -> str:
        """Endpoint and serial of the channel."""
        return self.name.partition("/")[2]

    @property
    def attempt(self) -> int | None:
        """Attempt id in the name of a customer's leg on the switch."""
        found = _CUSTOMER.fullmatch(self.unique_id)
        return int(found.group(1)) if found else None

    @property
    def agent(self) -> int | None:
        """Agent id in the name of an agent's leg on the switch."""
        found = _AGENT.fullmatch(self.unique_id)
        return int(found.group(1)) if found else None

    def end_or(self, last: float) -> float:
        return self.ended if self.ended is not None else max(last, self.started)


@dataclass(frozen=True, slots=True)
class Log:
    """legs: in order of their start. broken: numbers of the lines that could not be understood.
    last: time of the newest event."""

    legs: Sequence[Leg]
    broken: Sequence[int]
    last: float


def read(path: Path) -> Log:
    """The log in a file. A last line that a kill cut short is forgiven."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    log = parse(lines)
    if lines[-1] and len(lines) in log.broken:
        return replace(log, broken=[number for number in log.broken if number != len(lines)])
    return log


def parse(lines: Iterable[str]) -> Log:
    """Legs out of the lines, which may be slightly out of order."""
    events: list[tuple[float, int, list[str]]] = []
    broken: list[int] = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            (values,) = csv.reader([line], strict=True)
            if len(values) != _FIELDS:
                raise ValueError(line)
            events.append((float(values[1]), number, values))
        except (ValueError, csv.Error):
            broken.append(number)
    events.sort(key=lambda event: event[:2])
    legs: list[Leg] = []
    alive: dict[str, Leg] = {}
    for at, number, values in events:
        if not _apply(at, values, legs, alive):
            broken.append(number)
    return Log(legs, sorted(broken), events[-1][0] if events else 0.0)


def _apply(at: float, values: list[str], legs: list[Leg], alive: dict[str, Leg]) -> bool:
    kind, _time, _caller, extension, name, unique_id, _linked, more = values
    if kind == "CHAN_START":
        leg = alive[unique_id] = Leg(unique_id, name, extension, at)
        legs.append(leg)
        return True
    found = alive.get(unique_id)
    if found is None:  # began before the log did
        return True
    try:
        extra = json.loads(more) if more else {}
    except json.JSONDecodeError:
        return False
    match kind:
        case "ANSWER":
            found.answered = at if found.answered is None else found.answered
        case "HANGUP":
            cause = extra.get("hangupcause")
            found.cause = int(cause) if cause is not None else None
        case "CHAN_END":
            found.ended = at
            _leave(found, None, at)
            del alive[unique_id]
        case "BRIDGE_ENTER":
            found.stays.append(Stay(str(extra.get("bridge_id", "")), at))
        case "BRIDGE_EXIT":
            _leave(found, str(extra.get("bridge_id", "")), at)
        case _:
            pass
    return True


def _leave(leg: Leg, bridge: str | None, at: float) -> None:
    for stay in leg.stays:
        if stay.until is None and bridge in (None, stay.bridge):
            stay.until = at


@dataclass(frozen=True, slots=True)
class Talk:
    """A customer and an agent together in one bridge."""

    customer: Leg
    agent: Leg
    since: float
    until: float


def talks(log: Log) -> list[Talk]:
    """Every time a customer's leg and an agent's leg shared a bridge, on the switch's side."""
    agents: dict[str, list[tuple[Leg, Stay]]] = {}
    for leg in log.legs:
        if leg.agent is not None:
            for stay in leg.stays:
                agents.setdefault(stay.bridge, []).append((leg, stay))
    found: list[Talk] = []
    for customer in log.legs:
        if customer.attempt is None:
            continue
        for stay in customer.stays:
            for agent, beside in agents.get(stay.bridge, ()):
                since = max(stay.since, beside.since)
                until = min(_until(stay, log.last), _until(beside, log.last))
                if since < until:
                    found.append(Talk(customer, agent, since, until))
    return found


def _until(stay: Stay, last: float) -> float:
    return stay.until if stay.until is not None else max(last, stay.since)
