"""Asterisk's event JSON to the domain's typed events.

The stream may hold anything: what is unknown or malformed is counted and logged by its type,
never raised and never printed (events carry numbers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from domain.clock import Clock
from domain.events import (
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    ChannelEvent,
    ChannelHangupRequested,
    ChannelLeftBridge,
    ChannelProgress,
    PlaybackEnded,
    Progress,
)

log = structlog.get_logger()

Json = Mapping[str, Any]

APPLICATION_REPLACED = "ApplicationReplaced"

_DIAL_PROGRESS = {"RINGING": Progress.RINGING, "PROGRESS": Progress.EARLY_MEDIA}
_NAMES_REMEMBERED = 100


class Malformed(Exception):
    """An event lacks what its type promises."""


def _part(event: Json, name: str) -> Json:
    part = event.get(name)
    if not isinstance(part, dict):
        raise Malformed(name)
    return part


def _id(event: Json, name: str) -> str:
    found = _part(event, name).get("id")
    if not isinstance(found, str) or not found:
        raise Malformed(f"{name}.id")
    return found


def _number(event: Json, name: str) -> int | None:
    found = event.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int):
        raise Malformed(name)
    return found


def _dial(event: Json, at: datetime) -> ChannelEvent | None:
    status = event.get("dialstatus")
    kind = _DIAL_PROGRESS.get(status) if isinstance(status, str) else None
    return ChannelProgress(_id(event, "peer"), kind, at) if kind else None


def _state_change(event: Json, at: datetime) -> ChannelEvent | None:
    if _part(event, "channel").get("state") != "Ringing":
        return None
    return ChannelProgress(_id(event, "channel"), Progress.RINGING, at)


def _stasis_start(event: Json, at: datetime) -> ChannelEvent:
    return ChannelAnswered(_id(event, "channel"), at)


def _hangup_request(event: Json, at: datetime) -> ChannelEvent:
    return ChannelHangupRequested(
        channel=_id(event, "channel"),
        cause=_number(event, "cause") or 0,
        tech_cause=_number(event, "tech_cause"),
        soft=event.get("soft") is True,
        at=at,
    )


def _destroyed(event: Json, at: datetime) -> ChannelEvent:
    return ChannelEnded(
        channel=_id(event, "channel"),
        cause=_number(event, "cause") or 0,
        tech_cause=_number(event, "tech_cause"),
        at=at,
    )


def _entered_bridge(event: Json, at: datetime) -> ChannelEvent:
    return ChannelEnteredBridge(_id(event, "channel"), _id(event, "bridge"), at)


def _left_bridge(event: Json, at: datetime) -> ChannelEvent:
    return ChannelLeftBridge(_id(event, "channel"), _id(event, "bridge"), at)


def _playback_finished(event: Json, at: datetime) -> ChannelEvent:
    return PlaybackEnded(_id(event, "playback"), heard=_part(event, "playback").get("state") == "done", at=at)


_TRANSLATIONS: dict[str, Callable[[Json, datetime], ChannelEvent | None]] = {
    "Dial": _dial,
    "ChannelStateChange": _state_change,
    "StasisStart": _stasis_start,
    "ChannelHangupRequest": _hangup_request,
    "ChannelDestroyed": _destroyed,
    "ChannelEnteredBridge": _entered_bridge,
    "ChannelLeftBridge": _left_bridge,
    "PlaybackFinished": _playback_finished,
}

#: What Asterisk is asked to send; it drops the rest, three quarters of a bridged call's events.
WANTED = (*_TRANSLATIONS, APPLICATION_REPLACED)


class EventTranslator:
    """Translates one event at a time. `malformed` and `unknown` count what could not be used, by type."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.malformed: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()

    def translate(self, event: object) -> ChannelEvent | None:
        """The typed event, or None for one that says nothing to the engine. Never raises."""
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self._count(self.malformed, "no type", "ari.event_malformed")
            return None
        kind = event["type"]
        translation = _TRANSLATIONS.get(kind)
        if translation is None:
            if kind != APPLICATION_REPLACED:
                self._count(self.unknown, kind, "ari.event_unknown")
            return None
        try:
            return translation(event, self._time(event))
        except Malformed:
            self._count(self.malformed, kind, "ari.event_malformed")
            return None

    def not_json(self) -> None:
        """The stream held a frame that is not a JSON text."""
        self._count(self.malformed, "not JSON", "ari.event_malformed")

    def _time(self, event: Json) -> datetime:
        """The switch's time stamp; ours when there is none, since an ended call matters more than its time."""
        stamp = event.get("timestamp")
        try:
            at = datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            return self._clock.now()
        try:
            return at.astimezone(UTC)
        except (OverflowError, ValueError):
            return self._clock.now()

    def _count(self, counter: Counter[str], kind: str, message: str) -> None:
        # The names come from outside: both their number and their length are bounded.
        name = kind[:64] if len(counter) < _NAMES_REMEMBERED or kind[:64] in counter else "other"
        counter[name] += 1
        if counter[name] == 1:
            log.warning(message, kind=name)
