"""AMI messages in plain form, and the typed events of the switch's health.

panoramisk gives a header as a string, or as a list when it is repeated; here it is always one
string (repetitions are joined by line feeds) under a lower-case name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

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


class Reach(StrEnum):
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    UNMONITORED = "unmonitored"  # not qualified: nobody knows
    REMOVED = "removed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """A phone's or a trunk's contact. aor: its PJSIP address of record; rtt_ms: of the last OPTIONS."""

    aor: str
    reach: Reach
    rtt_ms: float | None
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
    AmiUp
    | AmiDown
    | SwitchBooted
    | SwitchStopping
    | SwitchRestarted
    | ContactChanged
    | RegistrationChanged
    | CallOrphaned
)

_REACH = {
    "reachable": Reach.REACHABLE,
    "avail": Reach.REACHABLE,
    "created": Reach.UNKNOWN,
    "updated": Reach.UNKNOWN,
    "unreachable": Reach.UNREACHABLE,
    "unavail": Reach.UNREACHABLE,
    "nonqualified": Reach.UNMONITORED,
    "nonqual": Reach.UNMONITORED,
    "removed": Reach.REMOVED,
}


def contact_of(message: AmiMessage, at: datetime) -> ContactChanged | None:
    """From a ContactStatus event or a ContactList item; None if it names no address of record."""
    aor = message.get("aor") or message.get("objectname", "").partition("/")[0]
    # A list item's `aor` and `objectname` may carry the contact's URI after an @ or a semicolon.
    aor = aor.partition(";")[0].partition("@")[0]
    if not aor:
        return None
    status = message.get("contactstatus") or message.get("status") or ""
    return ContactChanged(aor, _REACH.get(status.lower(), Reach.UNKNOWN), _rtt_ms(message), at)


def _rtt_ms(message: AmiMessage) -> float | None:
    text = message.get("roundtripusec", "")
    return int(text) / 1000.0 if text.isascii() and text.isdigit() else None


def switch_event(message: AmiMessage, received: datetime) -> SwitchEvent | None:
    """The typed event, or None for one that says nothing here. Never raises."""
    at = _time(message, received)
    match message.get("event"):
        case "FullyBooted":
            return SwitchBooted(at)
        case "Shutdown":
            return SwitchStopping(restart=message.get("restart", "").lower() == "true", at=at)
        case "ContactStatus":
            return contact_of(message, at)
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
