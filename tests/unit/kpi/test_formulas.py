from __future__ import annotations

import inspect
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import BadInput
from domain.kpi import AgentSeconds, CallCounts, Period, PromiseCounts
from kpi import formulas
from kpi.formulas import Figure, Unit

pytestmark = pytest.mark.unit

CALLS = CallCounts(
    attempts=210, dialled=200, counted=150, connected=80, handled=60, machines=10, abandoned=5, hung_early=4,
    trunk_faults=8, goals=20, connected_s=7000.0, talk_s=6000.0, wrapup_s=1200.0, wait_p50_s=0.2, wait_p95_s=1.4,
    leads=100, leads_counted=90, leads_connected=70, leads_person=50, leads_contact=45, leads_decision_maker=30,
    leads_on_target=40, leads_refused=15, leads_goal=18, leads_sale=6,
)  # fmt: skip
TIME = AgentSeconds(connecting=100, ready=700, reserved=200, talking=2000, wrapup=1000, paused=500, talks=30)
PROMISES = PromiseCounts(moved=3, cancelled=2, excused=1, pending=4, kept=6, kept_late=1, broken=3)

#: key -> value, numerator, denominator
EXPECTED: dict[str, tuple[float, float, float | None]] = {
    "dials": (200, 200, None),
    "calls_handled": (60, 60, None),
    "asr": (0.4, 80, 200),
    "human_asr": (0.275, 55, 200),
    "trunk_fault_rate": (0.04, 8, 200),
    "abandon_rate": (5 / 55, 5, 55),
    "abandon_rate_of_answered": (0.0625, 5, 80),
    "abandon_rate_of_dials": (0.025, 5, 200),
    "abandon_rate_estimated": ((5 - 50 / 60) / (50 + 5 - 50 / 60), 5 - 50 / 60, 50 + 5 - 50 / 60),
    "answer_to_bridge_p50": (0.2, 30, 60),
    "answer_to_bridge_p95": (1.4, 57, 60),
    "acd": (100, 6000, 60),
    "acd_literal": (35, 7000, 200),
    "aht": (120, 7200, 60),
    "attempts_per_contact": (150 / 45, 150, 45),
    "conversion": (0.4, 20, 50),
    "leads_processed": (100, 100, None),
    "answered_rate": (0.7, 70, 100),
    "person_rate": (0.5, 50, 100),
    "decision_makers": (30, 30, None),
    "on_target_rate": (0.4, 40, 100),
    "no_result_rate": (0.6, 60, 100),
    "refused_rate": (0.375, 15, 40),
    "interested_rate": (0.625, 25, 40),
    "applications": (18, 18, None),
    "sales": (6, 6, None),
    "turnover": (0.18, 18, 100),
    "not_attempted": (20, 20, None),
    "penetration": (0.75, 90, 120),
    "occupancy": (0.75, 3000, 4000),
    "idle_rate": (0.225, 900, 4000),
    "average_wait": (30, 900, 30),
    "promises_kept": (0.6, 6, 10),
    "promises_broken": (0.4, 4, 10),
}


def all_figures() -> list[Figure]:
    return [*formulas.of_calls(CALLS, 120), *formulas.of_time(TIME), *formulas.of_promises(PROMISES)]


@pytest.mark.parametrize("figure", all_figures(), ids=lambda figure: figure.key)
def test_each_figure_by_hand(figure: Figure) -> None:
    value, numerator, denominator = EXPECTED[figure.key]
    assert figure.value == pytest.approx(value)
    assert figure.numerator == pytest.approx(numerator)
    assert figure.denominator == (None if denominator is None else pytest.approx(denominator))


def test_every_figure_has_its_expectation() -> None:
    assert [figure.key for figure in all_figures()] == list(EXPECTED)


@pytest.mark.parametrize(
    "figure",
    [
        *formulas.of_calls(CallCounts(), 0),
        *formulas.of_time(AgentSeconds()),
        *formulas.of_promises(PromiseCounts()),
        formulas.cost_per(100, 0, "leads"),
        formulas.delivery_rate(0, 0),
        formulas.deal_rate(0, 0, "x"),
        formulas.per_agent_day("x", 1, 0, 1),
    ],
    ids=lambda figure: figure.key,
)
def test_nothing_divided_by_nothing_is_undefined_not_zero(figure: Figure) -> None:
    assert (figure.value is None) == (figure.denominator is not None)
    if figure.value is None:
        assert str(figure).startswith("-")


def test_abandonment_with_machines_estimated_by_the_published_example() -> None:
    # 29 dropped, agents met 9 persons and 7 machines.
    figure = formulas.abandon_rate_estimated(CallCounts(connected=45, handled=16, machines=7, abandoned=29))
    assert figure.numerator == 16.3125
    assert figure.denominator == 25.3125
    assert figure.value == pytest.approx(0.6444, abs=5e-5)


def test_only_machines_met_means_that_nobody_was_abandoned() -> None:
    figure = formulas.abandon_rate_estimated(CallCounts(handled=5, machines=5, abandoned=3))
    assert (figure.numerator, figure.denominator, figure.value) == (0, 0, None)


def test_the_three_denominators_of_abandonment_are_told_apart() -> None:
    rates = (formulas.abandon_rate, formulas.abandon_rate_of_answered, formulas.abandon_rate_of_dials)
    figures = [rate(CALLS) for rate in rates]
    assert [figure.of for figure in figures] == ["persons", "connected", "dials"]
    assert {figure.numerator for figure in figures} == {5}


def test_an_abandoned_call_counts_as_a_person_and_a_machine_met_by_an_agent_does_not() -> None:
    assert CALLS.persons == 60 - 10 + 5
    assert replace(CALLS, abandoned=6).persons == CALLS.persons + 1
    assert replace(CALLS, machines=11).persons == CALLS.persons - 1
    assert replace(CALLS, hung_early=90).persons == CALLS.persons


def test_occupied_idle_and_connecting_are_all_of_the_time_worked() -> None:
    figures = formulas.of_time(TIME)
    worked = TIME.logged_in - TIME.paused
    assert (figures[0].value or 0) + (figures[1].value or 0) + TIME.connecting / worked == pytest.approx(1)


def test_a_figure_prints_its_denominator() -> None:
    assert str(formulas.asr(CALLS)) == "40.00% (80 / 200 dials)"
    assert str(formulas.dials(CALLS)) == "200"
    assert str(formulas.asr(CallCounts())) == "- (0 / 0 dials)"


def test_small_samples_are_compared_by_intervals() -> None:
    first = formulas.wilson(formulas.turnover(CallCounts(leads=130, leads_goal=50)))
    second = formulas.wilson(formulas.turnover(CallCounts(leads=100, leads_goal=60)))
    assert first is not None
    assert second is not None
    assert [round(100 * end, 1) for end in (*first, *second)] == [30.5, 47.0, 50.2, 69.1]
    assert formulas.wilson(formulas.turnover(CallCounts())) is None


def test_every_formula_states_formula_unit_denominator_and_its_place_in_the_manual() -> None:
    manual = (Path(formulas.__file__).parent.parent / "docs" / "kpi.md").read_text(encoding="utf-8")
    checked = 0
    for function in vars(formulas).values():
        if not inspect.isfunction(function) or function.__module__ != formulas.__name__:
            continue
        if inspect.signature(function).return_annotation != "Figure" or function.__name__[0] == "_":
            continue
        if function is formulas.share:
            continue
        text = re.sub(r"\s+", " ", function.__doc__ or "")
        catalogue = re.match(r"([KE]\d\d[a-z]*)\. ", text)
        assert catalogue, function.__name__
        assert "Unit: " in text, function.__name__
        assert "enominator" in text, function.__name__
        assert f"| {catalogue.group(1)} |" in manual, function.__name__
        checked += 1
    assert checked == len(EXPECTED) + 4


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2)),  # noqa: DTZ001
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_period_without_zone_or_length_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(BadInput):
        Period(start, end)


def test_units_are_stable_names() -> None:
    assert [unit.value for unit in Unit] == ["count", "share", "seconds", "ratio", "money"]
