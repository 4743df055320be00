"""The one door: numbers in, a decision out."""

from __future__ import annotations

import math
from typing import assert_never

from pacing import power, progressive
from pacing.counts import Counts, count
from pacing.guard import Guard, abandon_rate, judge
from pacing.model import Decision, Mode, Reason, Snapshot

#: 0.18/s over the 1/0.18 s that one call takes must be one call, not a hair less.
_HAIR = 1e-9


def rate_window_s(calls_per_second: float) -> float:
    """Seconds over which the cap on the rate is counted: one, or as many as one call takes."""
    return max(1.0, 1.0 / calls_per_second) if calls_per_second > 0 else 1.0


def decide(snapshot: Snapshot) -> Decision:
    """How many calls to place now, and why not more.

    The mode says how many calls may be under way; leads, the trunk's lines and the rate cap that;
    the abandonment guard comes last and only lowers. Deterministic; O(agents + calls).
    """
    counts = count(snapshot)
    guard = judge(snapshot)
    wanted = max(0, _target(snapshot, counts) - counts.under_way)
    guarded = max(0, progressive.target(counts) - counts.under_way) if guard is not Guard.OFF else wanted
    lines = max(0, snapshot.max_lines - snapshot.lines_in_use)
    rate = _rate_allowance(snapshot)
    launch = min(wanted, guarded, lines, rate, snapshot.leads_ready) if counts.present else 0
    return Decision(
        launch=launch,
        reason=Reason.LAUNCHED if launch > 0 else _why_none(snapshot, counts, guard, wanted, lines, rate),
        details={
            "agents": counts.agents,
            "present": counts.present,
            "idle": counts.idle,
            "waiting": counts.waiting,
            "dialling": counts.dialling,
            "ringing": counts.ringing,
            "reserved_calls": counts.reserved_calls,
            "wanted": wanted,
            "guarded": guarded,
            "launch": launch,
            "lines_free": lines,
            "rate_free": rate,
            "leads_ready": snapshot.leads_ready,
            "lines_per_agent": snapshot.lines_per_agent,
            "answered": snapshot.answered_by_person,
            "abandoned": snapshot.abandoned,
            "abandon_rate": round(abandon_rate(snapshot), 6),
            "guard": int(guard),
        },
    )


def _target(snapshot: Snapshot, counts: Counts) -> int:
    match snapshot.mode:
        case Mode.PROGRESSIVE:
            return progressive.target(counts)
        case Mode.POWER:
            return power.target(counts, snapshot.lines_per_agent, snapshot.placed)
        case _:
            assert_never(snapshot.mode)


def _rate_allowance(snapshot: Snapshot) -> int:
    window = rate_window_s(snapshot.calls_per_second)
    recent = sum(ago < window for ago in snapshot.launches_ago_s)
    return max(0, math.floor(snapshot.calls_per_second * window + _HAIR) - recent)


def _why_none(snapshot: Snapshot, counts: Counts, guard: Guard, wanted: int, lines: int, rate: int) -> Reason:
    refusals = (
        (counts.present == 0, Reason.NO_AGENTS),
        (counts.free == 0, Reason.ALL_AGENTS_BUSY),
        (wanted == 0, Reason.ENOUGH_RINGING),
        (snapshot.leads_ready == 0, Reason.NO_LEADS),
        (lines == 0, Reason.LINES_CAP),
        (rate == 0, Reason.CPS_CAP),
        (guard is Guard.STOP, Reason.GUARD_STOP),
    )
    return next((reason for refused, reason in refusals if refused), Reason.GUARD_PROGRESSIVE)
