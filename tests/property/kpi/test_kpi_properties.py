from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kpi import AgentSeconds, CallCounts, OutcomeCount, PromiseCounts
from domain.outcome import Outcome
from kpi import formulas
from kpi.formulas import Unit
from kpi.report import result_tree, total_seconds
from kpi.sheets import Sheet, neutral

pytestmark = pytest.mark.property

CODES: Sequence[str | None] = (None, "SALE", "SILENT", "NOT_INTERESTED", "CALLBACK_ANY")


@st.composite
def calls(draw: st.DrawFn) -> CallCounts:
    """Counts as they can occur: each set lies inside those it is taken from."""

    def part(whole: int) -> int:
        return draw(st.integers(0, whole))

    attempts = draw(st.integers(0, 5000))
    dialled = part(attempts)
    connected = part(dialled)
    handled = part(connected)
    machines = part(handled)
    abandoned = part(connected - handled)
    leads = part(attempts)
    on_target = part(leads)
    return CallCounts(
        attempts=attempts, dialled=dialled, counted=draw(st.integers(connected, dialled)), connected=connected,
        handled=handled, machines=machines, abandoned=abandoned, hung_early=part(connected - handled - abandoned),
        trunk_faults=part(dialled - connected), goals=part(handled - machines),
        connected_s=float(connected), talk_s=draw(st.floats(0, 1e6)), wrapup_s=draw(st.floats(0, 1e6)),
        wait_p50_s=0.5 if handled else None, wait_p95_s=1.5 if handled else None,
        leads=leads, leads_counted=part(leads), leads_connected=part(leads), leads_person=part(leads),
        leads_contact=part(leads), leads_decision_maker=part(leads), leads_on_target=on_target,
        leads_refused=part(on_target), leads_goal=part(leads), leads_sale=part(leads),
    )  # fmt: skip


seconds = st.builds(
    AgentSeconds,
    **{f.name: st.floats(0, 1e6) for f in fields(AgentSeconds) if f.name != "talks"},
    talks=st.integers(0, 1000),
)
promises = st.builds(PromiseCounts, **{f.name: st.integers(0, 1000) for f in fields(PromiseCounts)})
counts = st.dictionaries(
    st.tuples(st.sampled_from(Outcome), st.sampled_from(CODES)), st.integers(1, 10_000), max_size=40
)


@given(calls(), st.integers(0, 1000), seconds, promises)
def test_shares_lie_between_nothing_and_all_and_are_their_own_quotient(
    c: CallCounts, more: int, s: AgentSeconds, p: PromiseCounts
) -> None:
    for figure in (*formulas.of_calls(c, c.leads + more), *formulas.of_time(s), *formulas.of_promises(p)):
        if figure.value is None:
            assert figure.denominator == 0 or figure.key == "abandon_rate_estimated"
            continue
        if figure.unit is Unit.SHARE:
            assert -1e-9 <= figure.value <= 1 + 1e-9, figure
        if figure.denominator is not None and not figure.key.startswith("answer_to_bridge"):
            assert figure.value == pytest.approx(figure.numerator / figure.denominator)


@given(calls())
def test_the_base_is_conserved(c: CallCounts) -> None:
    assert c.conversations + c.machines == c.handled
    assert c.persons == c.conversations + c.abandoned
    if c.leads:
        on_target, rest = formulas.on_target_rate(c), formulas.no_result_rate(c)
        assert on_target.numerator + rest.numerator == c.leads
        assert (on_target.value or 0) + (rest.value or 0) == pytest.approx(1)
    if c.leads_on_target:
        refused, interested = formulas.refused_rate(c), formulas.interested_rate(c)
        assert refused.numerator + interested.numerator == c.leads_on_target
        assert (refused.value or 0) + (interested.value or 0) == pytest.approx(1)


@given(calls(), st.integers(0, 1000))
def test_what_was_processed_and_what_was_not_is_what_was_accepted(c: CallCounts, more: int) -> None:
    accepted = c.leads + more
    assert formulas.leads_processed(c).numerator + formulas.not_attempted(c, accepted).numerator == accepted


@given(calls())
def test_the_wider_the_denominator_the_lower_the_rate_of_abandonment(c: CallCounts) -> None:
    rates = [
        rate(c).value
        for rate in (formulas.abandon_rate, formulas.abandon_rate_of_answered, formulas.abandon_rate_of_dials)
    ]
    defined = [rate for rate in rates if rate is not None]
    assert defined == sorted(defined, reverse=True)


@given(calls())
def test_estimating_machines_never_raises_the_rate(c: CallCounts) -> None:
    plain, estimated = formulas.abandon_rate(c), formulas.abandon_rate_estimated(c)
    if plain.value is not None and estimated.value is not None:
        assert estimated.value <= plain.value + 1e-9
        if c.machines == 0:
            assert estimated.value == pytest.approx(plain.value)


@given(counts)
def test_the_tree_of_results_adds_up_at_every_level(found: dict[tuple[Outcome, str | None], int]) -> None:
    rows = [OutcomeCount(outcome, code, code or "", number) for (outcome, code), number in found.items()]
    tree = result_tree(rows, "attempts")
    whole = sum(found.values())
    assert sum(node.share.numerator for node in tree) == whole
    assert sum(node.share.value or 0 for node in tree) == pytest.approx(1 if found else 0)
    for node in tree:
        assert sum(leaf.share.numerator for leaf in node.dispositions) == node.share.numerator
        assert sum(leaf.share.value or 0 for leaf in node.dispositions) == pytest.approx(node.share.value)
    back = Counter(
        {(node.outcome, leaf.disposition): leaf.share.numerator for node in tree for leaf in node.dispositions}
    )
    assert back == Counter(found)
    numbers = [node.share.numerator for node in tree]
    assert numbers == sorted(numbers, reverse=True)


@given(st.lists(seconds, max_size=6))
def test_time_of_agents_adds_up(parts: list[AgentSeconds]) -> None:
    together = total_seconds(parts)
    assert together.logged_in == pytest.approx(sum(part.logged_in for part in parts))
    assert together.talks == sum(part.talks for part in parts)


@given(promises)
def test_every_promise_is_in_one_place(p: PromiseCounts) -> None:
    assert p.due == p.charged + p.moved + p.cancelled + p.excused + p.pending
    kept, broken = formulas.of_promises(p)
    if p.charged:
        assert (kept.value or 0) + (broken.value or 0) == pytest.approx(1)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    figure = formulas.share("x", k, n, "x")
    interval = formulas.wilson(figure)
    assert interval is not None
    low, high = interval
    assert 0 <= low <= (figure.value or 0) + 1e-12
    assert (figure.value or 0) - 1e-12 <= high <= 1


@given(st.lists(st.text(), min_size=1, max_size=5), st.booleans())
def test_a_sheet_reads_back_and_runs_nothing(cells: list[str], semicolon: bool) -> None:
    line = Sheet(semicolon=semicolon).line(cells)
    (back,) = csv.reader(io.StringIO(line, newline=""), delimiter=";" if semicolon else ",", strict=True)
    assert back == [neutral(cell) for cell in cells]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in back)
