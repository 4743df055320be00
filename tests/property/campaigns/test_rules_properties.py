"""A lead's whole life is simulated with random outcomes, as the store would keep its counters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.presets import PRESETS, preset
from campaigns.rules import CampaignRules, after_attempt, after_disposition
from domain.disposition import DispositionKind
from domain.ids import AgentId, PromiseId
from domain.outcome import PRIORITY, LeadState, Outcome, Temperature
from domain.records import LeadCounters, NextStep

pytestmark = pytest.mark.property

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NEVER_COUNTED = {Outcome.NOT_PLACED, Outcome.BLOCKED_DNC}
ALWAYS_COUNTED = {Outcome.ANSWERED, Outcome.ABANDONED, Outcome.AGENT_MISSED, Outcome.CUSTOMER_HUNG_EARLY}
ABANDONED = {Outcome.ABANDONED, Outcome.AGENT_MISSED}


def kind(
    code: str, *, contact: bool = False, promise: bool = False, dnc: bool = False, state: LeadState | None = None
) -> DispositionKind:
    return DispositionKind(code, code, contact, False, False, False, False, False, promise, dnc, state)


KINDS = [
    kind("SALE", contact=True, state=LeadState.WON),
    kind("NOT_INTERESTED", contact=True, state=LeadState.REFUSED),
    kind("CALLBACK_PERSONAL", contact=True, promise=True),
    kind("CALLBACK_ANY", contact=True, promise=True),
    kind("BAD_LINE", contact=True),
    kind("SILENT"),
    kind("MACHINE_AGENT"),
    kind("DISPO_TIMEOUT"),
    kind("DNC_ASKED", contact=True, dnc=True),
]


@dataclass(frozen=True)
class Facts:
    counters: LeadCounters
    temperature: Temperature = Temperature.COLD
    needs_agent: bool = False
    promise: PromiseId | None = None


FRESH = LeadCounters(counted=0, number_counted=0, promise=0, uncounted_today=0, same_outcome_run=0, last_outcome=None)

rules_of = st.sampled_from(sorted(PRESETS)).map(preset)
dials = st.tuples(st.sampled_from(Outcome), st.booleans()).map(
    lambda pair: (pair[0], pair[0] in ALWAYS_COUNTED or (pair[1] and pair[0] not in NEVER_COUNTED))
)
counters_of = st.builds(
    LeadCounters,
    counted=st.integers(0, 4),
    number_counted=st.integers(0, 4),
    promise=st.integers(0, 4),
    uncounted_today=st.integers(0, 5),
    same_outcome_run=st.integers(0, 8),
    last_outcome=st.none() | st.sampled_from(Outcome),
)
facts_of = st.builds(
    Facts,
    counters=counters_of,
    temperature=st.sampled_from(Temperature),
    needs_agent=st.booleans(),
    promise=st.none() | st.just(PromiseId(7)),
)


def well_formed(step: NextStep) -> None:
    if step.state is LeadState.QUEUED:
        assert step.due_at is not None
        assert step.priority is not None
    else:
        assert step.due_at is None
        assert step.priority is None
        assert step.agent is None
    assert step.rule


@given(rules_of, facts_of, dials)
def test_one_step_keeps_every_rule(rules: CampaignRules, lead: Facts, dial: tuple[Outcome, bool]) -> None:
    outcome, counted = dial
    step = after_attempt(rules, lead, outcome, counted, START)
    well_formed(step)
    assert not step.conversation
    if step.state is not LeadState.QUEUED:
        return
    assert step.due_at is not None
    wait = (step.due_at - START).total_seconds()
    assert (step.priority == 0) == (lead.promise is not None)
    assert step.promise == lead.promise
    if outcome in ABANDONED:
        assert wait >= rules.after_abandon_s
        assert step.needs_agent
        assert step.priority in (0, 1)
    else:
        shortest = min(rules.retry[outcome].delays_s)
        assert wait >= (min(shortest, rules.promise_retry_s) if lead.promise else shortest)
        assert step.needs_agent == lead.needs_agent
        assert step.priority == (0 if lead.promise else PRIORITY[lead.temperature])
    if not counted:
        assert wait >= rules.uncounted_wait_s
        if outcome is not Outcome.NOT_PLACED and lead.counters.uncounted_today + 1 >= rules.max_uncounted_per_day:
            assert step.due_at.date() > START.date()


@given(rules_of, facts_of, dials)
def test_more_attempts_behind_never_bring_a_lead_back(
    rules: CampaignRules, lead: Facts, dial: tuple[Outcome, bool]
) -> None:
    outcome, counted = dial
    counters = lead.counters
    more = replace(
        lead,
        counters=replace(
            counters,
            counted=counters.counted + 1,
            number_counted=counters.number_counted + 1,
            promise=counters.promise + 1,
        ),
    )
    before = after_attempt(rules, lead, outcome, counted, START)
    after = after_attempt(rules, more, outcome, counted, START)
    if before.state is not LeadState.QUEUED:
        assert after.state is before.state
    if not counted:
        # A dial that never rang is not judged by attempts unless they were used up already.
        used = counters.promise if lead.promise else max(counters.counted, counters.number_counted)
        if used + 1 < 3 and before.state is LeadState.QUEUED:
            assert after.state is LeadState.QUEUED


@given(
    rules_of,
    st.sampled_from(Temperature),
    st.lists(st.tuples(dials, st.sampled_from(KINDS), st.integers(0, 3 * 86400)), min_size=1, max_size=40),
)
def test_a_life_never_holds_a_fourth_attempt(
    rules: CampaignRules,
    temperature: Temperature,
    life: list[tuple[tuple[Outcome, bool], DispositionKind, int]],
) -> None:
    now, lead, since_talk, dials_by_day = START, Facts(FRESH, temperature), 0, {START.date(): 0}
    for (outcome, counted), said, patience in life:
        counters = lead.counters
        step = after_attempt(rules, lead, outcome, counted, now)
        well_formed(step)
        since_talk += counted
        # Three ordinary attempts, and three more only to keep a promise made in a conversation.
        assert since_talk <= rules.max_attempts
        if not counted and outcome is not Outcome.NOT_PLACED:
            dials_by_day[now.date()] = dials_by_day.get(now.date(), 0) + 1
            assert dials_by_day[now.date()] <= rules.max_uncounted_per_day
        if step.state is LeadState.WRAPUP:
            promised = now + timedelta(seconds=patience)
            step = after_disposition(rules, lead, said, promised if said.promise else None, AgentId(1), now)
            well_formed(step)
            if step.priority == 0:
                assert said.promise
                step = replace(step, promise=PromiseId(9))
        if step.state is not LeadState.QUEUED:
            return
        assert step.due_at is not None
        run = counters.same_outcome_run + 1 if counters.last_outcome is outcome else 1
        keeps_promise = lead.promise is not None
        lead = Facts(
            LeadCounters(
                counted=0 if step.conversation else counters.counted + (counted and not keeps_promise),
                number_counted=0 if step.conversation else counters.number_counted + (counted and not keeps_promise),
                promise=0 if step.promise != lead.promise else counters.promise + (counted and keeps_promise),
                uncounted_today=dials_by_day.get(step.due_at.date(), 0),
                same_outcome_run=run,
                last_outcome=outcome,
            ),
            temperature,
            step.needs_agent,
            step.promise,
        )
        if step.conversation or (keeps_promise and step.promise is None):
            since_talk = 0
        now = step.due_at + timedelta(seconds=patience % 600)


@given(rules_of, facts_of, st.sampled_from(KINDS), st.integers(0, 86400 * 500))
def test_a_disposition_queues_only_by_promise_or_repeat(
    rules: CampaignRules, lead: Facts, said: DispositionKind, later_s: int
) -> None:
    due_at = START + timedelta(seconds=later_s)
    step = after_disposition(rules, lead, said, due_at if said.promise else None, AgentId(5), START)
    well_formed(step)
    if said.dnc:
        assert step.state is LeadState.DNC
    elif said.lead_state is not None:
        assert step.state is said.lead_state
    elif said.promise:
        assert (step.state, step.due_at, step.priority, step.conversation) == (LeadState.QUEUED, due_at, 0, True)
        assert (step.agent == AgentId(5)) == (said.code == "CALLBACK_PERSONAL")
        assert (step.agent_until is None) == (step.agent is None)
    else:
        assert not step.conversation
        assert step.priority != 0
        if step.state is LeadState.QUEUED:
            assert step.due_at == START + timedelta(seconds=rules.repeat[said.code].delay_s)


@given(rules_of)
def test_a_document_survives_its_journey(rules: CampaignRules) -> None:
    assert CampaignRules.from_document(rules.to_document()) == rules
