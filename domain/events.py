"""What happened, as the switch or a part of the engine reports it. `at` is the reporter's time, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import AgentId


class Progress(StrEnum):
    RINGING = "ringing"  # 180
    EARLY_MEDIA = "early_media"  # 183


# ---- from the switch, by channel ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChannelProgress:
    channel: str
    kind: Progress
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelAnswered:
    """The channel entered the engine's Stasis application: it is up and ours to command."""

    channel: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelHangupRequested:
    """The far end, or somebody's command, asked for the hang-up (`soft` = a command on this switch)."""

    channel: str
    cause: int
    tech_cause: int | None
    soft: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    """The channel is destroyed; no further event names it. cause: Q.850; tech_cause: SIP code if known."""

    channel: str
    cause: int
    tech_cause: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelEnteredBridge:
    channel: str
    bridge: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge:
    channel: str
    bridge: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    playback: str
    heard: bool  # played to its end
    at: datetime


ChannelEvent = (
    ChannelProgress
    | ChannelAnswered
    | ChannelHangupRequested
    | ChannelEnded
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | PlaybackEnded
)

# ---- about the links to a switch ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The event stream is connected, subscribed and complete from now on. `incarnation` changes
    when Asterisk was restarted (its start-up time)."""

    incarnation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LinkDown:
    reason: str
    at: datetime


LinkEvent = LinkUp | LinkDown
TelephonyEvent = ChannelEvent | LinkEvent

# ---- inside the engine, to a call ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OriginateRefused:
    """Asterisk refused the order before any INVITE."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AgentReserved:
    agent: AgentId
    channel: str
    bridge: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentLegLost:
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    """The agent ended the conversation (his leg stays up)."""

    at: datetime


@dataclass(frozen=True, slots=True)
class BridgeFailed:
    at: datetime


@dataclass(frozen=True, slots=True)
class NoAgentInTime:
    """The profile's limit after the answer has passed."""

    at: datetime


@dataclass(frozen=True, slots=True)
class EndTimeout:
    """The hang-up that was commanded was never confirmed by the switch."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Overdue:
    """Longer than its ring time-out without any end: the switch was asked for more than it did."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelVanished:
    """After a broken link the switch no longer shows the channel: its end was not seen."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AnswerMissed:
    """The call was answered while nobody listened: the switch plays the message and hangs up by itself."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The engine is closing: hang up."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NodeLost:
    """The switch that carried the call was restarted."""

    at: datetime


EngineCallEvent = (
    OriginateRefused
    | AgentReserved
    | AgentLegLost
    | AgentHungUp
    | BridgeFailed
    | NoAgentInTime
    | EndTimeout
    | Overdue
    | ChannelVanished
    | AnswerMissed
    | StopAsked
    | NodeLost
)
CallEvent = ChannelEvent | EngineCallEvent
