"""What becomes of a lead after a dial, and after what the agent said: pure functions of rules and facts.

The counters are those the lead was claimed with, that is, before the attempt in question.

Order of the rules: do-not-call; a number that does not exist; the count of promise or ordinary attempts;
too many of the same result; the lock after an abandoned call; the wait of a dial that never rang; the
delay of the outcome.

A promise that is not reached is tried again at priority 0 within its own count. When that is used up
the lead ends as exhausted and the promise is broken: three more ordinary calls on top of the promised
ones would be six without a conversation.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Protocol, assert_never

from campaigns.ruleset import CampaignRules, Profile, Repeat, Retry, validate
from domain.disposition import PERSONAL_PROMISE, DispositionKind
from domain.errors import BadInput
from domain.i18n import _
from domain.ids import AgentId, PromiseId
from domain.outcome import PRIORITY, PROMISE_PRIORITY, LeadState, Outcome, Temperature
from domain.records import LeadCounters, NextStep

__all__ = [
    "CampaignRules",
    "LeadFacts",
    "Profile",
    "Repeat",
    "Retry",
    "after_attempt",
    "after_disposition",
    "validate",
]

#: A later promise is a new project: the base will have changed by then.
LONGEST_PROMISE = timedelta(days=550)


class LeadFacts(Protocol):
    """What the rules look at; a domain.records.ClaimedLead has it all."""

    @property
    def temperature(self) -> Temperature: ...
    @property
    def needs_agent(self) -> bool: ...
    @property
    def promise(self) -> PromiseId | None: ...
    @property
    def counters(self) -> LeadCounters: ...


def after_attempt(rules: CampaignRules, lead: LeadFacts, outcome: Outcome, counted: bool, now: datetime) -> NextStep:
    """The lead's next step when a dial has ended.

    counted: 180, 183 or an answer was seen. now: aware. An answered call waits for its disposition;
    whether it was a conversation is known only then.
    """
    run = _run(lead.counters, outcome)
    match outcome:
        case Outcome.ANSWERED:
            return NextStep(LeadState.WRAPUP, rule="answered")
        case Outcome.BLOCKED_DNC:
            return NextStep(LeadState.DNC, rule="do-not-call")
        case Outcome.ABANDONED | Outcome.AGENT_MISSED:
            if _attempts_used(rules, lead, counted):
                return _exhausted(lead)
            return _again(rules, lead, outcome, counted, now, rules.after_abandon_s)
        case (
            Outcome.NO_ANSWER
            | Outcome.BUSY
            | Outcome.REJECTED
            | Outcome.UNREACHABLE
            | Outcome.INVALID_NUMBER
            | Outcome.BARRED
            | Outcome.TRUNK_FAIL
            | Outcome.NO_RESPONSE
            | Outcome.CUSTOMER_HUNG_EARLY
            | Outcome.ENGINE_CANCEL
            | Outcome.NOT_PLACED
            | Outcome.NODE_LOST
            | Outcome.UNKNOWN
        ):
            retry = rules.retry[outcome]
            given_up = retry.give_up_after is not None and run >= retry.give_up_after
            if outcome is Outcome.INVALID_NUMBER and given_up:
                return NextStep(LeadState.DEAD, rule="number does not exist")
            if _attempts_used(rules, lead, counted):
                return _exhausted(lead)
            if given_up:
                return NextStep(LeadState.EXHAUSTED, rule=f"{outcome.value} {run} times in a row")
            delay = retry.delay_s(run)
            if lead.promise is not None and outcome is not Outcome.INVALID_NUMBER:
                delay = min(delay, rules.promise_retry_s)
            return _again(rules, lead, outcome, counted, now, delay)
        case _:
            assert_never(outcome)


def after_disposition(
    rules: CampaignRules,
    lead: LeadFacts,
    kind: DispositionKind,
    due_at: datetime | None,
    agent: AgentId,
    now: datetime,
) -> NextStep:
    """The lead's next step when the agent has said how the conversation ended.

    due_at: when the promise falls due, aware; needed by the kinds that promise and by no other.
    Raises BadInput if it is missing, past or too far away. The promise's own row, and its id in the
    queue, are made by the store that records the disposition.
    """
    if kind.dnc:
        return NextStep(LeadState.DNC, conversation=kind.contact, rule=kind.code)
    if kind.promise:
        return _promised(rules, kind, due_at, agent, now)
    if kind.lead_state is not None:
        return NextStep(kind.lead_state, conversation=kind.contact, rule=kind.code)
    return _repeated(rules, lead, kind, now)


def _promised(
    rules: CampaignRules, kind: DispositionKind, due_at: datetime | None, agent: AgentId, now: datetime
) -> NextStep:
    if due_at is None:
        raise BadInput(_("{code} needs the time at which to call back.").format(code=kind.code))
    if due_at < now - timedelta(minutes=1):
        raise BadInput(_("The time at which to call back has passed. Choose a later one."))
    if due_at > now + LONGEST_PROMISE:
        raise BadInput(_("The time at which to call back is more than 18 months away. Choose an earlier one."))
    due_at = max(due_at, now)
    personal = kind.code == PERSONAL_PROMISE
    return NextStep(
        LeadState.QUEUED,
        due_at=due_at,
        priority=PROMISE_PRIORITY,
        agent=agent if personal else None,
        # Half of the tolerance is the agent's own; in the other half anybody can still keep it in time.
        agent_until=due_at + timedelta(seconds=rules.promise_tolerance_s / 2) if personal else None,
        conversation=kind.contact,
        rule=kind.code,
    )


def _repeated(rules: CampaignRules, lead: LeadFacts, kind: DispositionKind, now: datetime) -> NextStep:
    # Nothing was said that mattered, so the counts go on: a bad line is not a conversation.
    repeat = rules.repeat.get(kind.code)
    if repeat is None:
        return NextStep(LeadState.DONE, conversation=kind.contact, rule=kind.code)
    if _attempts_used(rules, lead, True) or _run(lead.counters, Outcome.ANSWERED) > repeat.repeats:
        return NextStep(LeadState.EXHAUSTED, rule=f"{kind.code}: no more repeats")
    return NextStep(
        LeadState.QUEUED,
        due_at=now + timedelta(seconds=repeat.delay_s),
        priority=PRIORITY[lead.temperature],
        needs_agent=lead.needs_agent,
        rule=kind.code,
    )


def _run(counters: LeadCounters, outcome: Outcome) -> int:
    return counters.same_outcome_run + 1 if counters.last_outcome is outcome else 1


def _attempts_used(rules: CampaignRules, lead: LeadFacts, counted: bool) -> bool:
    made = 1 if counted else 0
    if lead.promise is not None:
        return lead.counters.promise + made >= rules.max_promise_attempts
    return max(lead.counters.counted, lead.counters.number_counted) + made >= rules.max_attempts


def _exhausted(lead: LeadFacts) -> NextStep:
    return NextStep(LeadState.EXHAUSTED, rule="attempts used" if lead.promise is None else "promise attempts used")


def _again(
    rules: CampaignRules, lead: LeadFacts, outcome: Outcome, counted: bool, now: datetime, delay_s: float
) -> NextStep:
    abandoned = outcome in (Outcome.ABANDONED, Outcome.AGENT_MISSED)
    due_at, rule = now + timedelta(seconds=delay_s), outcome.value
    if not counted:
        due_at = max(due_at, now + timedelta(seconds=rules.uncounted_wait_s))
        # What was refused before it was sent is no dial, and does not use up the day.
        if outcome is not Outcome.NOT_PLACED and lead.counters.uncounted_today + 1 >= rules.max_uncounted_per_day:
            due_at = max(due_at, _next_day(now))
            rule = f"{rule}, {rules.max_uncounted_per_day} dials today never rang"
    if lead.promise is not None:
        priority = PROMISE_PRIORITY
    else:
        # Whoever was left waiting comes before everybody but the promises.
        priority = PRIORITY[Temperature.HOT if abandoned else lead.temperature]
    # A promise that is tried again is late already: whoever is free keeps it, so no agent is named.
    return NextStep(
        LeadState.QUEUED,
        due_at=due_at,
        priority=priority,
        needs_agent=abandoned or lead.needs_agent,
        promise=lead.promise,
        rule=rule,
    )


def _next_day(now: datetime) -> datetime:
    """The uncounted dials of a lead are counted by the UTC day."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
