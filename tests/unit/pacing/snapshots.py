"""Snapshots for tests: a quiet campaign with everything allowed, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pacing.model import Agent, AgentPhase, Call, CallPhase, Mode, Snapshot

_QUIET = Snapshot(
    mode=Mode.PROGRESSIVE,
    agents=(),
    calls=(),
    lines_per_agent=1.0,
    max_lines=100,
    lines_in_use=0,
    calls_per_second=100.0,
    launches_ago_s=(),
    leads_ready=100,
    answered_by_person=0,
    abandoned=0,
    abandon_target=0.02,
    abandon_limit=0.03,
    min_sample=50,
)


def agents(**phases: int) -> tuple[Agent, ...]:
    return tuple(Agent(AgentPhase(name), 5.0) for name, many in phases.items() for _ in range(many))


def calls(**phases: int) -> tuple[Call, ...]:
    return tuple(Call(CallPhase(name), 3.0) for name, many in phases.items() for _ in range(many))


def progressive(**different: Any) -> Snapshot:
    return replace(_QUIET, **different)


def power(lines_per_agent: float, **different: Any) -> Snapshot:
    return replace(_QUIET, mode=Mode.POWER, lines_per_agent=lines_per_agent, **different)
