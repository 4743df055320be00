"""The figures, computed twice: from the rows and from the logs."""

from __future__ import annotations

from witness.facts import Facts
from witness.finding import Check, Finding, Violation

#: Per call, and on average over a run.
TALK_SLACK_S = 1.0


def dials(facts: Facts) -> Finding:
    """Attempts that never showed a sign of life may or may not have reached the network: they give the margin."""
    certain = sum(attempt.must_have_channel for attempt in facts.rows.attempts)
    placed = sum(not attempt.unplaced for attempt in facts.rows.attempts)
    seen = len(facts.calls)
    found = []
    if not certain <= seen <= placed:
        found.append(Violation("total", f"{certain} to {placed} dials by the rows, {seen} by the network's log"))
    return Finding(placed, found)


def answers(facts: Facts) -> Finding:
    claimed = sum(attempt.answered is not None for attempt in facts.rows.attempts)
    seen = sum(1 for legs in facts.legs_of.values() for leg in legs if leg.answered is not None)
    found = []
    if claimed != seen:
        found.append(Violation("total", f"{claimed} answers by the rows, {seen} by the switch's log"))
    return Finding(claimed, found)


def talk_seconds(facts: Facts) -> Finding:
    heard: dict[int, float] = {}
    for talk in facts.talks:
        whose = talk.customer.attempt or 0
        heard[whose] = heard.get(whose, 0.0) + talk.until - talk.since
    found = []
    claimed_s = heard_s = 0.0
    calls = 0
    for attempt in facts.rows.attempts:
        claimed = attempt.ended - attempt.bridged if attempt.bridged is not None else 0.0
        by_log = heard.get(attempt.id, 0.0)
        calls += claimed > 0 or by_log > 0
        claimed_s, heard_s = claimed_s + claimed, heard_s + by_log
        if abs(claimed - by_log) > TALK_SLACK_S:
            found.append(
                Violation(f"attempt {attempt.id}", f"{claimed:.1f} s of talk by its row, {by_log:.1f} s by the log")
            )
    if not found and abs(claimed_s - heard_s) > TALK_SLACK_S * max(calls, 1):
        found.append(Violation("total", f"{claimed_s:.1f} s of talk by the rows, {heard_s:.1f} s by the log"))
    return Finding(calls, found)


CHECKS = (
    Check("kpi_dials", "dials by the rows are dials by the network's log", dials),
    Check("kpi_answers", "answers by the rows are answers by the switch's log", answers),
    Check("kpi_talk", "talk by the rows is talk by the switch's log, within a second a call", talk_seconds),
)
