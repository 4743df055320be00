"""AMI messages in plain form, and as the domain's events of the switch.

panoramisk gives a header as a string, or as a list when it is repeated; here it is always one
string (repetitions are joined by line feeds) under a lower-case name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.ids import trunk_of
from domain.switch import (
    CallOrphaned,
    Reach,
    ReachChanged,
    RegistrationChanged,
    SwitchBooted,
    SwitchEvent,
    SwitchStopping,
)

AmiMessage = Mapping[str, str]


def message_of(message: Any) -> dict[str, str]:
    """Any panoramisk message as lower-case name -> text."""
    plain: dict[str, str] = {}
    for name, value in message.items():
        if isinstance(value, (list, tuple)):
            plain[str(name).lower()] = "\n".join(str(part) for part in value)
        else:
            plain[str(name).lower()] = str(value)
    return plain


@dataclass(frozen=True, slots=True)
class AmiUp:
    """Logged in; what happened before is unknown."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AmiDown:
    reason: str
    at: datetime


_PEER = {"reachable": Reach.REACHABLE, "unreachable": Reach.UNREACHABLE}
_TECHNOLOGY = "PJSIP/"


def _reach_of(message: AmiMessage, at: datetime) -> ReachChanged | None:
    """PeerStatus speaks for an endpoint as a whole, where ContactStatus speaks for one of its contacts."""
    peer = message.get("peer", "")
    endpoint = peer.removeprefix(_TECHNOLOGY)
    if not endpoint or endpoint == peer:
        return None
    return ReachChanged(trunk_of(endpoint), _PEER.get(message.get("peerstatus", "").lower(), Reach.UNKNOWN), at)


def switch_event(message: AmiMessage, received: datetime) -> SwitchEvent | None:
    """The typed event, or None for one that says nothing here. Never raises."""
    at = _time(message, received)
    match message.get("event"):
        case "FullyBooted":
            return SwitchBooted(at)
        case "Shutdown":
            return SwitchStopping(restart=message.get("restart", "").lower() == "true", at=at)
        case "PeerStatus":
            return _reach_of(message, at)
        case "Registry":
            return RegistrationChanged(
                domain=message.get("domain", "").rpartition("@")[2],
                registered=message.get("status", "").lower() == "registered",
                at=at,
            )
        case "UserEvent" if message.get("userevent") == "DialerOrphan":
            channel = message.get("callid", "").strip()
            return CallOrphaned(channel, at) if channel else None
        case _:
            return None


def _time(message: AmiMessage, received: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(float(message["timestamp"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return received
