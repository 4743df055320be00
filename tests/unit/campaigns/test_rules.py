from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.presets import preset
from campaigns.rules import CampaignRules, after_attempt, after_disposition, validate
from domain.disposition import DispositionKind
from domain.errors import BadInput
from domain.ids import AgentId, PromiseId
from domain.outcome import LeadState, Outcome, Temperature
from domain.records import LeadCounters

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
COLD = preset("cold")
FRESH = LeadCounters(counted=0, number_counted=0, promise=0, uncounted_today=0, same_outcome_run=0, last_outcome=None)
BAD_LINE = DispositionKind("BAD_LINE", "", True, False, False, False, False, False, False, False, None)
PERSONAL = DispositionKind("CALLBACK_PERSONAL", "", True, False, False, False, False, False, True, False, None)


@dataclass(frozen=True)
class Facts:
    counters: LeadCounters = FRESH
    temperature: Temperature = Temperature.COLD
    needs_agent: bool = False
    promise: PromiseId | None = None


def seen(**changes: Any) -> Facts:
    return Facts(replace(FRESH, **changes))


def test_the_third_counted_attempt_is_the_last() -> None:
    second = after_attempt(COLD, seen(counted=1, number_counted=1), Outcome.NO_ANSWER, True, NOW)
    third = after_attempt(COLD, seen(counted=2, number_counted=2), Outcome.NO_ANSWER, True, NOW)
    assert second.state is LeadState.QUEUED
    assert third.state is LeadState.EXHAUSTED


def test_the_number_counts_as_well_as_the_lead() -> None:
    assert after_attempt(COLD, seen(number_counted=2), Outcome.BUSY, True, NOW).state is LeadState.EXHAUSTED


def test_busy_waits_ten_minutes_twice_and_then_an_hour() -> None:
    waits = []
    for run in range(3):
        lead = seen(same_outcome_run=run, last_outcome=Outcome.BUSY if run else None)
        step = after_attempt(COLD, lead, Outcome.BUSY, True, NOW)
        assert step.due_at
        waits.append((step.due_at - NOW).total_seconds())
    assert waits == [600, 600, 3600]


def test_another_result_between_breaks_the_run() -> None:
    lead = seen(same_outcome_run=5, last_outcome=Outcome.NO_ANSWER)
    assert after_attempt(COLD, lead, Outcome.INVALID_NUMBER, False, NOW).state is LeadState.QUEUED


def test_a_dead_number_needs_two_results_a_day_apart() -> None:
    first = after_attempt(COLD, Facts(), Outcome.INVALID_NUMBER, False, NOW)
    assert first.due_at
    assert first.due_at >= NOW + timedelta(hours=24)
    again = seen(same_outcome_run=1, last_outcome=Outcome.INVALID_NUMBER)
    assert after_attempt(COLD, again, Outcome.INVALID_NUMBER, False, NOW).state is LeadState.DEAD


def test_even_a_promise_waits_a_day_for_a_number_that_seems_dead() -> None:
    lead = Facts(promise=PromiseId(1))
    step = after_attempt(COLD, lead, Outcome.INVALID_NUMBER, False, NOW)
    assert step.due_at
    assert step.due_at >= NOW + timedelta(hours=24)


def test_two_dials_that_never_rang_are_enough_for_a_day() -> None:
    first = after_attempt(COLD, Facts(), Outcome.ENGINE_CANCEL, False, NOW)
    second = after_attempt(COLD, seen(uncounted_today=1), Outcome.ENGINE_CANCEL, False, NOW)
    assert first.due_at == NOW + timedelta(seconds=60)
    assert second.due_at == datetime(2026, 3, 3, tzinfo=UTC)


def test_an_order_that_was_never_sent_does_not_use_up_the_day() -> None:
    step = after_attempt(COLD, seen(uncounted_today=1), Outcome.NOT_PLACED, False, NOW)
    assert step.due_at == NOW + timedelta(seconds=60)


def test_an_abandoned_lead_rests_three_days_and_then_gets_an_agent_of_its_own() -> None:
    step = after_attempt(COLD, Facts(), Outcome.ABANDONED, True, NOW)
    assert (step.due_at, step.priority, step.needs_agent) == (NOW + timedelta(hours=72), 1, True)
    later = after_attempt(COLD, Facts(needs_agent=True), Outcome.NO_ANSWER, True, NOW)
    assert later.needs_agent


def test_a_promise_has_its_own_three_and_then_ends() -> None:
    lead = Facts(replace(FRESH, counted=0, promise=1), promise=PromiseId(3))
    again = after_attempt(COLD, lead, Outcome.NO_ANSWER, True, NOW)
    assert (again.state, again.priority, again.promise) == (LeadState.QUEUED, 0, PromiseId(3))
    assert again.due_at == NOW + timedelta(minutes=15)
    last = Facts(replace(FRESH, promise=2), promise=PromiseId(3))
    assert after_attempt(COLD, last, Outcome.NO_ANSWER, True, NOW).state is LeadState.EXHAUSTED


def test_a_bad_line_is_tried_again_twice_and_is_no_conversation() -> None:
    first = after_disposition(COLD, Facts(), BAD_LINE, None, AgentId(1), NOW)
    assert (first.state, first.conversation) == (LeadState.QUEUED, False)
    third = seen(same_outcome_run=2, last_outcome=Outcome.ANSWERED)
    assert after_disposition(COLD, third, BAD_LINE, None, AgentId(1), NOW).state is LeadState.EXHAUSTED


@pytest.mark.parametrize("due_at", [None, NOW - timedelta(hours=1), NOW + timedelta(days=600)])
def test_a_promise_needs_a_time_that_can_be_kept(due_at: datetime | None) -> None:
    with pytest.raises(BadInput):
        after_disposition(COLD, Facts(), PERSONAL, due_at, AgentId(1), NOW)


def test_a_personal_promise_belongs_to_its_agent_for_half_of_the_tolerance() -> None:
    due_at = NOW + timedelta(hours=2)
    step = after_disposition(COLD, Facts(), PERSONAL, due_at, AgentId(4), NOW)
    assert (step.agent, step.agent_until) == (AgentId(4), due_at + timedelta(minutes=7, seconds=30))


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"ring_timeout": 25}, "rules.ring_timeout"),
        ({"ring_timeout_s": "25"}, "rules.ring_timeout_s"),
        ({"ring_timeout_s": True}, "rules.ring_timeout_s"),
        ({"ring_timeout_s": 20.5}, "rules.ring_timeout_s"),
        ({"ring_timeout_s": 14}, "rules.ring_timeout_s"),
        ({"abandon_limit": 0.05}, "rules.abandon_limit"),
        ({"abandon_limit": float("nan")}, "rules.abandon_limit"),
        ({"abandon_target": 0.03, "abandon_limit": 0.02}, "rules.abandon_target"),
        ({"max_attempts": 4}, "rules.max_attempts"),
        ({"max_uncounted_per_day": 3}, "rules.max_uncounted_per_day"),
        ({"uncounted_wait_s": 59}, "rules.uncounted_wait_s"),
        ({"after_abandon_s": 3600}, "rules.after_abandon_s"),
        ({"min_ring_s": 40}, "rules.min_ring_s"),
        ({"window": "always"}, "rules.window"),
        ({"window": {"mon": ["nine"]}}, "rules.window.mon"),
        ({"countries": []}, "rules.countries"),
        ({"countries": ["+7"]}, "rules.countries"),
        ({"countries": "7"}, "rules.countries"),
        ({"default_zone": "Moscow"}, "rules.default_zone"),
        ({"default_zone": "../etc/passwd"}, "rules.default_zone"),
        ({"profile": "wild"}, "rules.profile"),
        ({"retry": {"ANSWERED": {}}}, "rules.retry.ANSWERED"),
        ({"retry": {"BUSY": {"delays_s": [1]}}}, "rules.retry.BUSY.delays_s"),
        ({"retry": {"BUSY": {"delays_s": []}}}, "rules.retry.BUSY.delays_s"),
        ({"retry": {"INVALID_NUMBER": {"delays_s": [3600]}}}, "rules.retry.INVALID_NUMBER"),
        ({"retry": {"INVALID_NUMBER": {"give_up_after": 1}}}, "rules.retry.INVALID_NUMBER"),
        ({"retry": []}, "rules.retry"),
        ({"repeat": {"SILENT": {"repeats": 4}}}, "rules.repeat.SILENT.repeats"),
    ],
)
def test_a_wrong_document_names_its_field(document: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=named.replace(".", r"\.")):
        CampaignRules.from_document(document)


def test_lab_rules_are_for_lab_trunks_only() -> None:
    lab = preset("lab")
    validate(lab, trunk_is_lab=True)
    validate(COLD, trunk_is_lab=False)
    with pytest.raises(BadInput, match="lab"):
        validate(lab, trunk_is_lab=False)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(BadInput, match="tepid"):
        preset("tepid")


def test_a_preset_takes_overrides() -> None:
    assert preset("hot", {"max_lines": 7}).max_lines == 7
