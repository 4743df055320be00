"""Were the rules kept: how often, how soon, and whom never to call?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from witness.cel import Leg
from witness.facts import Attempt, Facts
from witness.finding import Check, Finding, Violation

#: The end of a call is noticed, and the wait after it begins, this much before the log's line at most.
DELAY_SLACK_S = 0.25
#: A do-not-call entry binds from one second after it was written.
DNC_GRACE_S = 1.0


def _grouped(attempts: Iterable[Attempt], key: Callable[[Attempt], int]) -> dict[int, list[Attempt]]:
    groups: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault(key(attempt), []).append(attempt)
    return groups


def _too_many(
    facts: Facts, dials: Sequence[tuple[float, Attempt | None, str]], talked: Iterable[float], seen_by: str
) -> list[Violation]:
    """Ordinary and promised dials of one number against their own limits, restarting at each conversation."""
    found = []
    count = 0
    for_promise: dict[int, int] = {}
    events: list[tuple[float, int, tuple[float, Attempt | None, str] | None]] = [(at, 0, None) for at in talked]
    events += [(dial[0], 1, dial) for dial in dials]
    for _at, _order, dial in sorted(events, key=lambda event: event[:2]):
        if dial is None:
            count = 0
            continue
        _started, attempt, subject = dial
        if attempt is not None and attempt.promise_id is not None:
            limit = facts.rows.campaigns[attempt.campaign_id].rules.max_promise_attempts
            for_promise[attempt.promise_id] = n = for_promise.get(attempt.promise_id, 0) + 1
            if n > limit:
                found.append(Violation(subject, f"is number {n} for one promise by {seen_by}; {limit} are allowed"))
            continue
        count += 1
        limits = [campaign.rules.max_attempts for campaign in facts.rows.campaigns.values()]
        limit = facts.rows.campaigns[attempt.campaign_id].rules.max_attempts if attempt else max(limits, default=3)
        if count > limit:
            found.append(
                Violation(subject, f"is number {count} since the last conversation by {seen_by}; {limit} are allowed")
            )
    return found


def _conversations(attempts: Iterable[Attempt]) -> list[float]:
    return [attempt.disposed for attempt in attempts if attempt.conversation and attempt.disposed is not None]


def attempts_by_rows(facts: Facts) -> Finding:
    found = []
    for attempts in _grouped(facts.rows.attempts, lambda attempt: attempt.number_id).values():
        dials = [(a.started, a, f"attempt {a.id}") for a in attempts if a.counted]
        found += _too_many(facts, dials, _conversations(attempts), "the rows")
    return Finding(sum(attempt.counted for attempt in facts.rows.attempts), found)


def attempts_by_log(facts: Facts) -> Finding:
    """As above, but counting what the network saw. A row may say that a channel never rang; a channel that
    answered, or that has no row, counts whatever the rows say."""
    by_number: dict[str, list[Attempt]] = {}
    for attempt in facts.rows.attempts:
        by_number.setdefault(attempt.number or "", []).append(attempt)
    bridged = {talk.customer.attempt for talk in facts.talks}
    dials: dict[str, list[tuple[float, Attempt | None, str]]] = {}
    for index, call in enumerate(facts.calls):
        row = facts.by_call.get(index)
        if row is None or row.counted or call.answered is not None:
            dials.setdefault(call.number or "", []).append((call.started, row, f"channel {call.unique_id}"))
    found = []
    for number, calls in dials.items():
        talked = _conversations(attempt for attempt in by_number.get(number, ()) if attempt.id in bridged)
        found += _too_many(facts, calls, talked, "the network's log")
    return Finding(sum(map(len, dials.values())), found)


def uncounted_a_day(facts: Facts) -> Finding:
    days: dict[tuple[int, str], list[Attempt]] = {}
    for attempt in facts.rows.attempts:
        if not attempt.counted and not attempt.unplaced:
            day = datetime.fromtimestamp(attempt.started, UTC).date().isoformat()
            days.setdefault((attempt.lead_id, day), []).append(attempt)
    found = []
    for (_lead, day), attempts in days.items():
        limit = facts.rows.campaigns[attempts[0].campaign_id].rules.max_uncounted_per_day
        for n, attempt in enumerate(attempts[limit:], limit + 1):
            found.append(
                Violation(f"attempt {attempt.id}", f"is dial {n} of {day} that never rang; {limit} are allowed")
            )
    return Finding(sum(map(len, days.values())), found)


def _first(legs: Sequence[Leg]) -> Leg | None:
    return min(legs, key=lambda leg: leg.started) if legs else None


def not_too_soon(facts: Facts) -> Finding:
    """The next channel of a lead against the wait that the last one's end imposes."""
    examined, found = 0, []
    for attempts in _grouped(facts.rows.attempts, lambda attempt: attempt.lead_id).values():
        run, last_outcome, allowed = 0, "", (0.0, 0)
        for attempt in sorted(attempts, key=lambda attempt: attempt.started):
            run = run + 1 if attempt.outcome == last_outcome else 1
            last_outcome = attempt.outcome
            call = _first(facts.calls_of.get(attempt.id, ()))
            if call is None:
                continue
            earliest, because_of = allowed
            examined += because_of > 0
            if call.started < earliest - DELAY_SLACK_S:
                early = earliest - call.started
                found.append(
                    Violation(f"attempt {attempt.id}", f"came {early:.2f} s too soon after attempt {because_of}")
                )
            allowed = _next_allowed(facts, attempt, call, run), attempt.id
    return Finding(examined, found)


def _next_allowed(facts: Facts, attempt: Attempt, call: Leg, run: int) -> float:
    rules = facts.rows.campaigns[attempt.campaign_id].rules
    if attempt.disposition is not None and attempt.disposed is not None:
        return attempt.disposed + (rules.after_disposition(attempt.disposition) or 0.0)
    ends = [leg.ended for leg in (call, *facts.legs_of.get(attempt.id, ())) if leg.ended is not None]
    since = min(ends, default=attempt.ended)
    return since + rules.after_outcome(attempt.outcome, run, attempt.counted, attempt.promise_id is not None)


def final_is_final(facts: Facts) -> Finding:
    found = []
    for attempts in _grouped(facts.rows.attempts, lambda attempt: attempt.lead_id).values():
        ended: tuple[float, int] | None = None
        for attempt in sorted(attempts, key=lambda attempt: attempt.started):
            if ended is not None and attempt.started > ended[0] and not attempt.unplaced:
                found.append(Violation(f"attempt {attempt.id}", f"rang a lead that attempt {ended[1]} had ended"))
            if attempt.final_state is not None and attempt.disposed is not None:
                ended = (attempt.disposed, attempt.id)
    return Finding(len(facts.rows.attempts), found)


def promise_not_early(facts: Facts) -> Finding:
    examined, found = 0, []
    for attempt in facts.rows.attempts:
        call = _first(facts.calls_of.get(attempt.id, ()))
        due = facts.rows.promises_due.get(attempt.promise_id) if attempt.promise_id is not None else None
        if call is None or due is None:
            continue
        examined += 1
        if call.started < due - DELAY_SLACK_S:
            found.append(
                Violation(f"attempt {attempt.id}", f"rang {due - call.started:.1f} s before the promised time")
            )
    return Finding(examined, found)


def do_not_call(facts: Facts) -> Finding:
    banned: dict[str, list[tuple[int | None, float]]] = {}
    for number, client, since in facts.rows.do_not_call:
        banned.setdefault(number, []).append((client, since))
    found = []
    for index, call in enumerate(facts.calls):
        attempt = facts.by_call.get(index)
        client = facts.rows.campaigns[attempt.campaign_id].client_id if attempt is not None else None
        for whose, since in banned.get(call.number or "", ()):
            applies = whose is None or client is None or whose == client
            if applies and call.started > since + DNC_GRACE_S:
                late = call.started - since
                found.append(Violation(f"channel {call.unique_id}", f"rang {late:.1f} s after the do-not-call entry"))
    return Finding(len(facts.calls), found)


def inflight_empty(facts: Facts) -> Finding:
    found = [Violation(f"attempt {attempt}", f"is still in flight ({state})") for attempt, state in facts.rows.inflight]
    return Finding(len(facts.rows.inflight), found)


def leads_conserved(facts: Facts) -> Finding:
    found = [
        Violation(f"campaign {campaign}", f"accepted {accepted} leads and has {leads}")
        for campaign, accepted, leads in facts.rows.lead_accounts
        if accepted != leads
    ]
    for lead, state, queued, inflight in facts.rows.misplaced_leads:
        places = f"{'in' if queued else 'not in'} the queue, {'in' if inflight else 'not in'} flight"
        found.append(Violation(f"lead {lead}", f"is {state}, but {places}"))
    found += [Violation(f"lead {lead}", "is queued and does not exist") for lead in facts.rows.queued_strangers]
    return Finding(sum(leads for _campaign, _accepted, leads in facts.rows.lead_accounts), found)


CHECKS = (
    Check("attempts_by_rows", "no number has too many counted attempts, by the rows", attempts_by_rows),
    Check("attempts_by_log", "no number has too many counted attempts, by the network's log", attempts_by_log),
    Check("uncounted_a_day", "no lead has too many dials a day that never rang", uncounted_a_day),
    Check("not_too_soon", "no lead was called sooner than its wait", not_too_soon),
    Check("final_is_final", "no lead was called after a result that ends it", final_is_final),
    Check("promise_not_early", "no promise was kept before its time", promise_not_early),
    Check("do_not_call", "no number rang after it was put on the do-not-call list", do_not_call),
    Check("inflight_empty", "no call is left in flight", inflight_empty),
    Check("leads_conserved", "every accepted lead is in exactly one place", leads_conserved),
)
