"""What a call's state machine asks to be done. The executor performs them; results return as events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import AgentId


class TimerKind(StrEnum):
    NO_AGENT = "no_agent"  # fires NoAgentInTime
    OVERDUE = "overdue"  # fires Overdue
    END = "end"  # fires EndTimeout


@dataclass(frozen=True, slots=True)
class RequestAgent:
    """An answered customer waits: give the longest-idle agent, now or as soon as one is free."""


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """The customer no longer waits."""


@dataclass(frozen=True, slots=True)
class BridgeCustomer:
    bridge: str


@dataclass(frozen=True, slots=True)
class ConversationBegan:
    """Customer and agent hear each other: record, tell the agent, bound the call's length."""

    agent: AgentId


@dataclass(frozen=True, slots=True)
class ReleaseAgent:
    """talked: the agent goes to wrap-up; otherwise straight back to ready."""

    agent: AgentId
    talked: bool


@dataclass(frozen=True, slots=True)
class PlayMessage:
    """The abandoned-call message, to the customer."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up the customer's leg."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    kind: TimerKind
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    kind: TimerKind


@dataclass(frozen=True, slots=True)
class FinishAttempt:
    """The last leg has ended: write the attempt. The call carries what is to be written."""


Command = (
    RequestAgent
    | WithdrawRequest
    | BridgeCustomer
    | ConversationBegan
    | ReleaseAgent
    | PlayMessage
    | HangUp
    | StartTimer
    | CancelTimer
    | FinishAttempt
)
