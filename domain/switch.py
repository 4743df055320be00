"""What a watch over the switch tells: the switch's own life and who can be reached, never the course of a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reach(StrEnum):
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WatchUp:
    """The watch has begun; what happened before is unknown."""

    at: datetime


@dataclass(frozen=True, slots=True)
class WatchDown:
    """Nothing is known of the switch until the next WatchUp."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SwitchBooted:
    at: datetime


@dataclass(frozen=True, slots=True)
class SwitchStopping:
    restart: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class SwitchRestarted:
    """Another start-up time than before: every call it carried is gone."""

    startup: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReachChanged:
    """A trunk or an agent's telephone, whichever of its contacts answers. name: the trunk's or the endpoint's."""

    name: str
    reach: Reach
    at: datetime


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """Our registration at a provider. domain: the provider's address, without user part."""

    domain: str
    registered: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class CallOrphaned:
    """A customer answered while no engine listened; the dialplan played the message. channel: our channel id."""

    channel: str
    at: datetime


SwitchEvent = (
    WatchUp
    | WatchDown
    | SwitchBooted
    | SwitchStopping
    | SwitchRestarted
    | ReachChanged
    | RegistrationChanged
    | CallOrphaned
)
