"""What a pacing decision is made of, and what it says.

The engine fills a `Snapshot`, any law answers with a `Decision`. Both are plain data, so that a
decision can be logged, stored beside the attempt it placed, and replayed. Times are seconds;
ratios are fractions (0.03 is 3 %).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum


class InvalidSnapshot(ValueError):
    """A number of the snapshot cannot be: deciding on it could dial too much."""


class Mode(StrEnum):
    PROGRESSIVE = "progressive"
    POWER = "power"


class AgentPhase(StrEnum):
    IDLE = "idle"  # free for the next answered call
    RESERVED = "reserved"  # kept for one particular call
    TALKING = "talking"
    WRAPUP = "wrapup"
    PAUSED = "paused"


class CallPhase(StrEnum):
    DIALLING = "dialling"  # ordered, not yet heard of
    RINGING = "ringing"
    WAITING = "waiting"  # a person answered and has no agent yet


class Reason(StrEnum):
    """Why the decision is what it is. The codes are stable: people and reports read them."""

    LAUNCHED = "launched"
    NO_AGENTS = "no_agents"  # nobody logged in, or everybody paused
    ALL_AGENTS_BUSY = "all_agents_busy"  # none idle beyond those whom waiting calls will take
    ENOUGH_RINGING = "enough_ringing"  # the calls under way are as many as the mode allows
    NO_LEADS = "no_leads"
    LINES_CAP = "lines_cap"
    CPS_CAP = "cps_cap"
    GUARD_PROGRESSIVE = "guard_progressive"  # abandonment above its target
    GUARD_STOP = "guard_stop"  # abandonment at its limit, or one more would pass it


@dataclass(frozen=True, slots=True)
class Agent:
    """elapsed_s: seconds in this phase."""

    phase: AgentPhase
    elapsed_s: float

    def __post_init__(self) -> None:
        _at_least(0.0, elapsed_s=self.elapsed_s)


@dataclass(frozen=True, slots=True)
class Call:
    """age_s: seconds since the originate. reserved: an agent is kept for this very call
    (a promised callback), so it neither needs nor covers an idle one."""

    phase: CallPhase
    age_s: float
    reserved: bool = False

    def __post_init__(self) -> None:
        _at_least(0.0, age_s=self.age_s)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One campaign at one moment.

    agents: (N,) those logged in for the campaign. calls: (K,) of the campaign, before the bridge.
    lines_per_agent: power only, lines per idle agent, at least 1; a fraction is kept on average.
    max_lines, lines_in_use: of the trunk, whoever uses them.
    calls_per_second: cap on the rate, calls/s; launches_ago_s: (L,) seconds since each recent
        launch, reaching back over `rate_window_s(calls_per_second)`.
    leads_ready: leads at hand that may be called now.
    answered_by_person, abandoned: over the profile's window; abandoned ones are among the answered.
    abandon_target <= abandon_limit: fractions of `answered_by_person`.
    min_sample: answered calls below which the rate is reckoned as if there had been so many.
    placed: calls the campaign has placed so far; it only spreads the fraction of `lines_per_agent`
        over calls. Left at 0 the fraction is dropped.
    Raises InvalidSnapshot on a number that cannot be.
    """

    mode: Mode
    agents: tuple[Agent, ...]
    calls: tuple[Call, ...]
    lines_per_agent: float
    max_lines: int
    lines_in_use: int
    calls_per_second: float
    launches_ago_s: tuple[float, ...]
    leads_ready: int
    answered_by_person: int
    abandoned: int
    abandon_target: float
    abandon_limit: float
    min_sample: int
    placed: int = 0

    def __post_init__(self) -> None:
        _at_least(
            0.0,
            max_lines=self.max_lines,
            lines_in_use=self.lines_in_use,
            calls_per_second=self.calls_per_second,
            leads_ready=self.leads_ready,
            answered_by_person=self.answered_by_person,
            abandoned=self.abandoned,
            abandon_target=self.abandon_target,
            min_sample=self.min_sample,
            placed=self.placed,
        )
        _at_least(1.0, lines_per_agent=self.lines_per_agent)
        _at_least(self.abandon_target, abandon_limit=self.abandon_limit)
        _at_least(self.abandoned, answered_by_person=self.answered_by_person)
        for ago in self.launches_ago_s:
            _at_least(0.0, launches_ago_s=ago)


@dataclass(frozen=True, slots=True)
class Decision:
    """launch: calls to place now. details: the numbers it was made of, for the attempt's row."""

    launch: int
    reason: Reason
    details: dict[str, float] = field(default_factory=dict)


def _at_least(least: float, **numbers: float) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number) or number < least:
            raise InvalidSnapshot(f"Pacing snapshot: {name} is {number}, expected a finite number from {least} up.")
