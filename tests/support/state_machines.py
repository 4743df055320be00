"""`python -m tests.support.state_machines` writes docs/call_state_machine.md: both machines as diagrams.

The tables name handlers, not the states they lead to. So both machines are walked: every event, in every
state that can be reached, with every value that a handler looks at.
"""

from __future__ import annotations

import itertools
import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

from agents import agent as agent_machine
from dialer import call as call_machine
from domain.events import CallEvent, Progress
from domain.ids import AgentId, AttemptId, CampaignId, ShiftId
from domain.outcome import AgentState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "call_state_machine.md"

#: Arrows: (state before, state after) and the events that lead there.
Arrows = dict[tuple[StrEnum, StrEnum], set[str]]

_AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_CHANNEL, _BRIDGE = "pd-000000000001", "ab-000001-000000001"
#: The values to try, by the name of an event's field.
_VALUES: dict[str, list[Any]] = {
    "at": [_AT],
    "channel": [_CHANNEL],
    "bridge": [_BRIDGE],
    "playback": ["am-000000000001"],
    "kind": [Progress.RINGING],
    "cause": [16],
    "tech_cause": [None, 486],
    "soft": [False, True],
    "heard": [False, True],
    "talked": [False, True],
    "agent": [AgentId(1)],
    "attempt": [AttemptId(1)],
    "campaign": [CampaignId(1)],
}


def _samples(kinds: Iterable[Any]) -> list[Any]:
    return [
        kind(**dict(zip((one.name for one in fields(kind)), values, strict=True)))
        for kind in kinds
        for values in itertools.product(*(_VALUES[one.name] for one in fields(kind)))
    ]


def _walk(first: list[Any], events: list[Any], machine: ModuleType) -> Arrows:
    arrows: Arrows = defaultdict(set)
    known, ahead = set(first), list(first)
    while ahead:
        here = ahead.pop()
        for event in events:
            there, _commands = machine.on_event(here, event)
            if (here.state, type(event)) in machine.TRANSITIONS:
                arrows[here.state, there.state].add(type(event).__name__)
            if there not in known:
                known.add(there)
                ahead.append(there)
    return arrows


def call_arrows() -> Arrows:
    call = call_machine.Call(_CHANNEL, no_agent_limit_s=2.0)
    with_agent = call_machine.Call(_CHANNEL, no_agent_limit_s=2.0, agent=AgentId(1), bridge=_BRIDGE)
    return _walk([call, with_agent], _samples(typing.get_args(CallEvent)), call_machine)


def agent_arrows() -> Arrows:
    agent = agent_machine.Agent(AgentId(1), ShiftId(1), AgentState.OFFLINE, _AT)
    return _walk([agent], _samples(typing.get_args(agent_machine.AgentEvent)), agent_machine)


def _diagram(arrows: Arrows, states: type[StrEnum], first: StrEnum, last: StrEnum) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {first.value}"
    for before, after in itertools.product(states, states):
        if before is not after and (before, after) in arrows:
            yield f"    {before.value} --> {after.value}: {'<br>'.join(sorted(arrows[before, after]))}"
    yield f"    {last.value} --> [*]"
    yield "```"


def _within(arrows: Arrows, states: type[StrEnum]) -> Iterator[str]:
    yield "| in the state | noted or answered without leaving it |"
    yield "|---|---|"
    for state in states:
        if (state, state) in arrows:
            yield f"| {state.value} | {', '.join(sorted(arrows[state, state]))} |"


def page() -> str:
    calls, agents = call_arrows(), agent_arrows()
    lines = [
        "# A call and an agent",
        "",
        "Written by `python -m tests.support.state_machines` from the tables in `dialer/call.py` and",
        "`agents/agent.py`; a test compares. `domain/events.py` and `agents/agent.py` say what each event means.",
        "An event without an arrow (late, doubled, meant for another state) changes nothing.",
        "",
        "## A customer's call",
        "",
        "A call for which an agent was reserved beforehand begins in *placing* as well, with the agent.",
        "",
        *_diagram(calls, call_machine.CallState, call_machine.CallState.PLACING, call_machine.CallState.ENDED),
        "",
        *_within(calls, call_machine.CallState),
        "",
        "## An agent's shift",
        "",
        *_diagram(agents, AgentState, AgentState.OFFLINE, AgentState.OFFLINE),
        "",
        *_within(agents, AgentState),
        "",
        "A pause or the end of the shift that is asked for during a call is noted and comes after the wrap-up.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
