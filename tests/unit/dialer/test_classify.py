from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.call import Call, on_event
from domain.events import CallEvent, ChannelEnded, ChannelHangupRequested, ChannelProgress, Progress
from domain.outcome import Outcome

pytestmark = pytest.mark.unit

CHANNEL = "pd-000000000001"


def at(seconds: float) -> datetime:
    return datetime(2026, 11, 2, 9, 0, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("sip", "q850", "rang", "outcome"),
    [
        (486, 17, True, Outcome.BUSY),
        (600, 17, False, Outcome.BUSY),
        (603, 21, True, Outcome.REJECTED),
        (403, 21, True, Outcome.REJECTED),
        (403, 21, False, Outcome.BARRED),
        (401, 21, False, Outcome.BARRED),
        (407, 21, False, Outcome.BARRED),
        (488, 58, False, Outcome.BARRED),
        (606, 58, False, Outcome.BARRED),
        (404, 1, False, Outcome.INVALID_NUMBER),
        (410, 22, False, Outcome.INVALID_NUMBER),
        (484, 28, False, Outcome.INVALID_NUMBER),
        (485, 1, False, Outcome.INVALID_NUMBER),
        (604, 1, False, Outcome.INVALID_NUMBER),
        (408, 18, True, Outcome.NO_ANSWER),
        (408, 18, False, Outcome.UNREACHABLE),
        (480, 19, True, Outcome.NO_ANSWER),
        (480, 19, False, Outcome.UNREACHABLE),
        (480, 20, True, Outcome.UNREACHABLE),
        (487, 127, True, Outcome.NO_ANSWER),
        (302, 23, False, Outcome.UNREACHABLE),
        (500, 38, False, Outcome.TRUNK_FAIL),
        (502, 27, False, Outcome.TRUNK_FAIL),
        (503, 34, True, Outcome.TRUNK_FAIL),
        (504, 102, False, Outcome.TRUNK_FAIL),
        (None, 17, True, Outcome.BUSY),
        (None, 1, False, Outcome.INVALID_NUMBER),
        (None, 22, False, Outcome.INVALID_NUMBER),
        (None, 28, False, Outcome.INVALID_NUMBER),
        (None, 21, True, Outcome.REJECTED),
        (None, 21, False, Outcome.BARRED),
        (None, 34, False, Outcome.TRUNK_FAIL),
        (None, 19, True, Outcome.NO_ANSWER),
        (None, 19, False, Outcome.UNREACHABLE),
        (None, 20, True, Outcome.UNREACHABLE),
        (None, 29, False, Outcome.BARRED),
        (None, 38, True, Outcome.TRUNK_FAIL),
    ],
)
def test_signalling_decides_the_outcome(sip: int | None, q850: int, rang: bool, outcome: Outcome) -> None:
    events: list[CallEvent] = [ChannelProgress(CHANNEL, Progress.RINGING, at(0.5))] if rang else []
    call = Call(CHANNEL, no_agent_limit_s=2.0)
    for event in (
        *events,
        ChannelHangupRequested(CHANNEL, q850, sip, False, at(5)),
        ChannelEnded(CHANNEL, q850, sip, at(6)),
    ):
        call, _ = on_event(call, event)
    assert call.outcome is outcome
    assert (call.sip_code, call.q850) == (sip, q850)
