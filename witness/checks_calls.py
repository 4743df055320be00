"""Do the rows and the switches' logs tell the same story of every call?"""

from __future__ import annotations

from itertools import pairwise

from witness.cel import Leg
from witness.facts import LEFT_ALONE, Attempt, Facts
from witness.finding import Check, Finding, Violation

#: How far two clocks' readings of one event may lie apart.
EVENT_SLACK_S = 1.0
#: An answer that meets our own hang-up on its way is known to one side only.
CROSSED_S = 1.0


def _of(attempt: Attempt) -> str:
    return f"attempt {attempt.id}"


def _leg(leg: Leg) -> str:
    return f"channel {leg.unique_id}"


def evidence(facts: Facts) -> Finding:
    found = []
    if not facts.rows.attempts:
        found.append(Violation("database", "no attempts: nothing to verify"))
    if not facts.calls:
        found.append(Violation("network log", "no customer channels: nothing to verify against"))
    if not any(leg.attempt is not None for leg in facts.switch.legs):
        found.append(Violation("switch log", "no customer channels: nothing to verify against"))
    return Finding(len(facts.rows.attempts) + len(facts.calls), found)


def logs_readable(facts: Facts) -> Finding:
    sides = (("network", facts.network), ("switch", facts.switch))
    found = [
        Violation(f"{side} log", f"line {number} cannot be understood") for side, log in sides for number in log.broken
    ]
    return Finding(len(facts.network.legs) + len(facts.switch.legs), found)


def numbers_known(facts: Facts) -> Finding:
    found = [
        Violation(_of(attempt), "its number was erased, so the logs cannot be joined to it")
        for attempt in facts.rows.attempts
        if attempt.number is None
    ]
    return Finding(len(facts.rows.attempts), found)


def channel_has_attempt(facts: Facts) -> Finding:
    found = [
        Violation(_leg(call), f"the network was rung at {call.started:.3f} and no attempt says so")
        for index, call in enumerate(facts.calls)
        if index not in facts.by_call
    ]
    return Finding(len(facts.calls), found)


def leg_has_attempt(facts: Facts) -> Finding:
    ids = {attempt.id for attempt in facts.rows.attempts}
    found = [
        Violation(_leg(legs[0]), "names an attempt that is not in the database")
        for attempt, legs in facts.legs_of.items()
        if attempt not in ids
    ]
    if facts.trunk_prefix:
        found += [
            Violation(_leg(leg), "uses the trunk without naming an attempt")
            for leg in facts.switch.legs
            if leg.attempt is None and leg.endpoint_name.startswith(facts.trunk_prefix.removeprefix("PJSIP/"))
        ]
    return Finding(len(facts.switch.legs), found)


def attempt_has_channel(facts: Facts) -> Finding:
    due = [attempt for attempt in facts.rows.attempts if attempt.must_have_channel]
    found = [
        Violation(_of(attempt), f"{attempt.outcome}, yet the network has no channel of it")
        for attempt in due
        if not facts.calls_of.get(attempt.id)
    ]
    return Finding(len(due), found)


def attempt_has_leg(facts: Facts) -> Finding:
    found = []
    for attempt in facts.rows.attempts:
        legs = len(facts.legs_of.get(attempt.id, ()))
        if legs > 1 or (legs == 0 and attempt.must_have_channel):
            found.append(Violation(_of(attempt), f"{attempt.outcome} has {legs} legs on the switch, not one"))
    return Finding(len(facts.rows.attempts), found)


def unplaced_is_silent(facts: Facts) -> Finding:
    unplaced = [attempt for attempt in facts.rows.attempts if attempt.unplaced]
    found = [
        Violation(_of(attempt), f"{attempt.outcome}, yet the network was rung")
        for attempt in unplaced
        if facts.calls_of.get(attempt.id)
    ]
    return Finding(len(unplaced), found)


def one_call_per_number(facts: Facts) -> Finding:
    by_number: dict[str, list[Leg]] = {}
    for call in facts.calls:
        by_number.setdefault(call.number or "", []).append(call)
    found = []
    for calls in by_number.values():
        for earlier, later in pairwise(sorted(calls, key=lambda call: call.started)):
            if later.started < earlier.end_or(facts.network.last):
                found.append(Violation(_leg(later), f"rang a number that {_leg(earlier)} was still ringing"))
    return Finding(len(facts.calls), found)


def intent_before_invite(facts: Facts) -> Finding:
    found = []
    for index, attempt in facts.by_call.items():
        call = facts.calls[index]
        if attempt.started > call.started:
            late = (attempt.started - call.started) * 1000
            found.append(Violation(_of(attempt), f"the network was rung {late:.1f} ms before the intent"))
    return Finding(len(facts.by_call), found)


def answered_agrees(facts: Facts) -> Finding:
    found = []
    for attempt in facts.rows.attempts:
        for side, legs, last in (
            ("network", facts.calls_of.get(attempt.id, ()), facts.network.last),
            ("switch", facts.legs_of.get(attempt.id, ()), facts.switch.last),
        ):
            for leg in legs:
                if attempt.answered is not None and leg.answered is None:
                    found.append(Violation(_of(attempt), f"says answered; the {side}'s log does not"))
                elif attempt.answered is None and leg.answered is not None:
                    if leg.end_or(last) - leg.answered > CROSSED_S:
                        found.append(Violation(_of(attempt), f"says not answered; the {side}'s log does"))
                elif attempt.answered is not None and leg.answered is not None:
                    apart = abs(attempt.answered - leg.answered)
                    if apart > EVENT_SLACK_S:
                        found.append(
                            Violation(_of(attempt), f"its answer is {apart:.1f} s away from that of the {side}'s log")
                        )
    return Finding(len(facts.rows.attempts), found)


def bridged_agrees(facts: Facts) -> Finding:
    first: dict[int, tuple[float, int | None]] = {}
    for talk in sorted(facts.talks, key=lambda talk: talk.since):
        first.setdefault(talk.customer.attempt or 0, (talk.since, talk.agent.agent))
    found = []
    for attempt in facts.rows.attempts:
        since, agent = first.get(attempt.id, (None, None))
        if (since is None) != (attempt.bridged is None):
            claim, log = ("bridged", "not") if since is None else ("not bridged", "bridged")
            found.append(Violation(_of(attempt), f"says {claim}; in the log customer and agent were {log}"))
        elif since is not None and attempt.bridged is not None:
            if abs(since - attempt.bridged) > EVENT_SLACK_S:
                apart = abs(since - attempt.bridged)
                found.append(Violation(_of(attempt), f"its bridge is {apart:.1f} s away from that of the log"))
            if agent != attempt.agent_id:
                found.append(Violation(_of(attempt), f"names agent {attempt.agent_id}; the log saw agent {agent}"))
    return Finding(len(facts.rows.attempts), found)


def agent_one_customer(facts: Facts) -> Finding:
    by_agent: dict[int, list[tuple[float, float, str]]] = {}
    for talk in facts.talks:
        by_agent.setdefault(talk.agent.agent or 0, []).append((talk.since, talk.until, talk.customer.unique_id))
    found = []
    for agent, spans in by_agent.items():
        spans.sort()
        until, holder = spans[0][1], spans[0][2]
        for since, end, customer in spans[1:]:
            if since < until and customer != holder:
                found.append(Violation(f"agent {agent}", f"had {customer} while still with {holder}"))
            if end > until:
                until, holder = end, customer
    return Finding(len(facts.talks), found)


def abandoned_agrees(facts: Facts) -> Finding:
    """Answered on the switch, never with an agent, and there for as long as the limit: abandoned."""
    with_agent = {talk.customer.attempt for talk in facts.talks}
    found, counted, claimed = [], 0, 0
    for attempt in facts.rows.attempts:
        alone = attempt.outcome in LEFT_ALONE and attempt.answered is not None and attempt.bridged is None
        claimed += alone
        legs = facts.legs_of.get(attempt.id, ())
        waited = [
            leg.end_or(facts.switch.last) - leg.answered
            for leg in legs
            if leg.answered is not None and attempt.id not in with_agent
        ]
        # A lost agent's leg abandons the customer at once, not only after the limit.
        limit = 0.0 if alone else facts.rows.campaigns[attempt.campaign_id].rules.no_agent_limit_s + EVENT_SLACK_S
        left = bool(waited) and max(waited) >= limit
        counted += left
        if alone != left:
            what = "says abandoned; the log does not" if alone else "was left without an agent and does not say so"
            found.append(Violation(_of(attempt), what))
    if counted != claimed and not found:
        found.append(Violation("total", f"{claimed} abandoned in the rows, {counted} in the log"))
    return Finding(len(facts.rows.attempts), found)


CHECKS = (
    Check("evidence", "there is something to verify", evidence),
    Check("logs_readable", "every line of both logs is understood", logs_readable),
    Check("numbers_known", "no number was erased before the verification", numbers_known),
    Check("channel_has_attempt", "every customer channel of the network has exactly one attempt", channel_has_attempt),
    Check("leg_has_attempt", "every customer leg of the switch names an attempt that exists", leg_has_attempt),
    Check("attempt_has_channel", "every placed attempt has its channel on the network", attempt_has_channel),
    Check("attempt_has_leg", "every placed attempt has exactly one leg on the switch", attempt_has_leg),
    Check("unplaced_is_silent", "an attempt that was not placed rang nobody", unplaced_is_silent),
    Check("one_call_per_number", "no number rings twice at once", one_call_per_number),
    Check("intent_before_invite", "the intent was committed before the network was rung", intent_before_invite),
    Check("answered_agrees", "rows and both logs agree on who answered, and when", answered_agrees),
    Check("bridged_agrees", "rows and log agree on who talked to which agent, and when", bridged_agrees),
    Check("agent_one_customer", "no agent was in two customers at once", agent_one_customer),
    Check("abandoned_agrees", "rows and log agree on who was abandoned", abandoned_agrees),
)
