"""Abandonment guard: the last word of a decision, which can only lower it.

Rate = abandoned / max(answered by a person, min_sample): with few answers one abandonment is
reckoned as if the sample were full, so that neither a single one closes the day nor a burst of
them passes unseen. Above the target, or at the limit, calls are placed one for one with idle
agents; calls beyond that ring on and are not replaced. Progressive stays allowed at the limit:
it can hardly abandon, and its answers are what brings the rate down again.
"""

from __future__ import annotations

from enum import IntEnum

from pacing.model import Snapshot


class Guard(IntEnum):
    """Numbers, because they are stored among a decision's details."""

    OFF = 0
    PROGRESSIVE = 1
    STOP = 2


def abandon_rate(snapshot: Snapshot) -> float:
    """The rate the guard judges by; 0 while nobody has been abandoned."""
    if snapshot.abandoned == 0:
        return 0.0
    return snapshot.abandoned / max(snapshot.answered_by_person, snapshot.min_sample)


def judge(snapshot: Snapshot) -> Guard:
    """How far the guard reaches in. The limit's look ahead needs a full sample."""
    rate = abandon_rate(snapshot)
    if rate >= snapshot.abandon_limit:
        return Guard.STOP
    answered = snapshot.answered_by_person
    full = answered >= snapshot.min_sample
    if full and (snapshot.abandoned + 1) / (answered + 1) > snapshot.abandon_limit:
        return Guard.STOP
    return Guard.PROGRESSIVE if rate > snapshot.abandon_target else Guard.OFF
