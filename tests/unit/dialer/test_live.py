from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from dialer.call import CallState
from dialer.limits import LaunchLog
from dialer.live_status import AgentLine, FinishedCall, LiveStatus, percentiles
from dialer.live_view import LiveView, line, reason_name, screen
from domain.i18n import use_language
from domain.ids import AttemptId
from domain.outcome import AgentState, LeadState, Outcome
from pacing.model import Reason

pytestmark = pytest.mark.unit

STATUS = LiveStatus(
    campaign="Окна",
    state="running",
    mode="power",
    leads={LeadState.QUEUED: 60, LeadState.INFLIGHT: 2, LeadState.WRAPUP: 1, LeadState.WON: 30, LeadState.DEAD: 7},
    due_now=12,
    next_due=None,
    lines={CallState.TALKING: 2, CallState.RINGING: 3},
    agents=[AgentLine("Anna", AgentState.TALKING, 12.0), AgentLine("Ivan", AgentState.READY, 3.0)],
    outcomes={Outcome.ANSWERED: 40, Outcome.BUSY: 9},
    abandoned=2,
    answered=40,
    abandon_target=0.02,
    abandon_limit=0.03,
    reason="launched",
    bridge_ms=(4.0, 30.0),
    last=[FinishedCall(datetime(2026, 11, 2, 9, 0, tzinfo=UTC), AttemptId(7), Outcome.ABANDONED)],
)


def shown(width: int, language: str) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with use_language(language):
        console.print(screen(STATUS, 75))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_leads_that_are_over_are_those_that_will_not_be_called_again() -> None:
    assert (STATUS.accepted, STATUS.finished, STATUS.attempts) == (100, 37, 49)
    assert not STATUS.quiet


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_screen_fits_its_terminal(width: int, language: str) -> None:
    lines = shown(width, language).splitlines()
    assert max(len(row) for row in lines) <= width
    assert len(lines) <= 23
    assert "Окна · 01:15" in lines[0]
    assert any("5.0%" in row for row in lines)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_before_anybody_works_there_is_a_screen_too(width: int) -> None:
    nothing = replace(
        STATUS, leads={}, lines={}, agents=[], outcomes={}, abandoned=0, answered=0, reason="", bridge_ms=None, last=[]
    )
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    with use_language("en"):
        console.print(screen(nothing, 0))


def test_a_narrow_terminal_loses_no_number() -> None:
    assert "49" in shown(40, "en")


def test_off_a_terminal_a_line_is_printed_now_and_then() -> None:
    out = io.StringIO()
    with use_language("en"), LiveView(Console(file=out, width=40), line_every_s=5) as view:
        for second in (0.0, 1.0, 4.9, 5.0, 6.0, 11.0):
            view.show(STATUS, second)
    printed = out.getvalue().splitlines()
    assert [row.split()[0] for row in printed] == ["0", "5", "11"]
    with use_language("en"):
        assert printed[0] == line(STATUS, 0)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_pacing_has_words(reason: Reason) -> None:
    with use_language("en"):
        assert reason_name(reason) != reason.value


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentiles([]) is None
    assert percentiles([7]) == (7, 7)
    assert percentiles(list(range(1, 101))) == (50, 95)
    assert percentiles([3, 1, 2]) == (2, 3)


def test_the_launch_log_forgets_what_is_older_than_its_window() -> None:
    launches = LaunchLog()
    for at in (0.0, 0.5, 0.9):
        launches.add(at)
    assert launches.ages(1.0, 1.0) == pytest.approx((0.5, 0.1))
    assert launches.ages(5.0, 1.0) == ()
