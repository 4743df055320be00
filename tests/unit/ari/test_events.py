"""Asterisk's events in the engine's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ari.events import WANTED, EventTranslator
from domain.events import (
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    ChannelHangupRequested,
    ChannelLeftBridge,
    ChannelProgress,
    PlaybackEnded,
    Progress,
)

pytestmark = pytest.mark.unit

_AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
_NOW = datetime(2026, 5, 5, tzinfo=UTC)
_CHANNEL = {"id": "pd-000000000001", "state": "Ringing", "caller": {"number": "79990000001"}}
_BRIDGE = {"id": "ab-000001-000000001", "channels": ["pd-000000000001"]}


class _Clock:
    def now(self) -> datetime:
        return _NOW

    def monotonic(self) -> float:
        return 0.0


def _translate(kind: str, **fields: Any) -> Any:
    event = {"type": kind, "timestamp": "2026-01-02T06:04:05.678+0300", "application": "dialer", **fields}
    return EventTranslator(_Clock()).translate(event)


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (
            "Dial",
            {"peer": _CHANNEL, "dialstatus": "RINGING"},
            ChannelProgress("pd-000000000001", Progress.RINGING, _AT),
        ),
        (
            "Dial",
            {"peer": _CHANNEL, "dialstatus": "PROGRESS"},
            ChannelProgress("pd-000000000001", Progress.EARLY_MEDIA, _AT),
        ),
        ("Dial", {"peer": _CHANNEL, "dialstatus": ""}, None),
        ("Dial", {"peer": _CHANNEL, "dialstatus": "ANSWER"}, None),
        ("ChannelStateChange", {"channel": _CHANNEL}, ChannelProgress("pd-000000000001", Progress.RINGING, _AT)),
        ("ChannelStateChange", {"channel": {**_CHANNEL, "state": "Up"}}, None),
        ("StasisStart", {"channel": _CHANNEL, "args": []}, ChannelAnswered("pd-000000000001", _AT)),
        (
            "ChannelHangupRequest",
            {"channel": _CHANNEL, "cause": 17, "tech_cause": 486},
            ChannelHangupRequested("pd-000000000001", 17, 486, soft=False, at=_AT),
        ),
        (
            "ChannelHangupRequest",
            {"channel": _CHANNEL, "soft": True},
            ChannelHangupRequested("pd-000000000001", 0, None, soft=True, at=_AT),
        ),
        (
            "ChannelDestroyed",
            {"channel": _CHANNEL, "cause": 19, "cause_txt": "x", "tech_cause": 480},
            ChannelEnded("pd-000000000001", 19, 480, _AT),
        ),
        # Before Asterisk 22.7 there is no tech_cause.
        ("ChannelDestroyed", {"channel": _CHANNEL, "cause": 0}, ChannelEnded("pd-000000000001", 0, None, _AT)),
        (
            "ChannelEnteredBridge",
            {"channel": _CHANNEL, "bridge": _BRIDGE},
            ChannelEnteredBridge("pd-000000000001", "ab-000001-000000001", _AT),
        ),
        (
            "ChannelLeftBridge",
            {"channel": _CHANNEL, "bridge": _BRIDGE},
            ChannelLeftBridge("pd-000000000001", "ab-000001-000000001", _AT),
        ),
        ("PlaybackFinished", {"playback": {"id": "am-1", "state": "done"}}, PlaybackEnded("am-1", heard=True, at=_AT)),
        (
            "PlaybackFinished",
            {"playback": {"id": "am-1", "state": "failed"}},
            PlaybackEnded("am-1", heard=False, at=_AT),
        ),
    ],
)
def test_event_in_the_engines_words(kind: str, fields: dict[str, Any], expected: object) -> None:
    assert kind in WANTED
    assert _translate(kind, **fields) == expected


@pytest.mark.parametrize("stamp", [None, "", "soon", 17, "2026-01-02T03:04:05.678", "9999-12-31T23:59:59-2359"])
def test_end_of_a_call_with_an_unusable_time_has_the_time_of_its_arrival(stamp: object) -> None:
    ended = _translate("ChannelDestroyed", channel=_CHANNEL, cause=16, timestamp=stamp)
    assert ended == ChannelEnded("pd-000000000001", 16, None, _NOW)


def test_unknown_types_cannot_fill_the_memory() -> None:
    translator = EventTranslator(_Clock())
    for number in range(5000):
        translator.translate({"type": f"{number}" + "x" * 1000})
    assert len(translator.unknown) <= 101
    assert translator.unknown["other"] == 4900
    assert max(len(name) for name in translator.unknown) <= 64


def test_application_replaced_is_asked_for_and_is_no_unknown() -> None:
    translator = EventTranslator(_Clock())
    assert translator.translate({"type": "ApplicationReplaced"}) is None
    assert not translator.unknown
    assert "ApplicationReplaced" in WANTED
