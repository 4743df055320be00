"""One agent's shift as a pure transition table: `(state, event) -> (state, commands)`.

The leg is dialled once per shift and stays up between calls, in the agent's own bridge. Every
change of state closes an interval, so that occupancy is a sum over rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from domain.ids import AgentId, AttemptId, CampaignId, ShiftId, agent_bridge, agent_channel
from domain.outcome import AgentState
from domain.records import AgentInterval

# ---- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShiftStarted:
    at: datetime


@dataclass(frozen=True, slots=True)
class LegUp:
    """The agent's leg stands in his bridge."""

    at: datetime


@dataclass(frozen=True, slots=True)
class LegEnded:
    at: datetime


@dataclass(frozen=True, slots=True)
class LegRefused:
    """The leg could not be dialled."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Reserved:
    attempt: AttemptId
    campaign: CampaignId
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerIn:
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerGone:
    talked: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class WrapUpDone:
    """A result was recorded, or its time ran out."""

    at: datetime


@dataclass(frozen=True, slots=True)
class PauseAsked:
    at: datetime


@dataclass(frozen=True, slots=True)
class ReadyAsked:
    at: datetime


@dataclass(frozen=True, slots=True)
class ShiftEnded:
    at: datetime


AgentEvent = (
    ShiftStarted
    | LegUp
    | LegEnded
    | LegRefused
    | Reserved
    | CustomerIn
    | CustomerGone
    | WrapUpDone
    | PauseAsked
    | ReadyAsked
    | ShiftEnded
)
EVENT_TYPES: tuple[type, ...] = (
    ShiftStarted, LegUp, LegEnded, LegRefused, Reserved, CustomerIn, CustomerGone, WrapUpDone,
    PauseAsked, ReadyAsked, ShiftEnded,
)  # fmt: skip

# ---- commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DialLeg:
    pass


@dataclass(frozen=True, slots=True)
class DropLeg:
    """Hang up the leg and remove the bridge."""


@dataclass(frozen=True, slots=True)
class BecameFree:
    """Ready for a customer: whoever waits longest comes first."""


@dataclass(frozen=True, slots=True)
class TellCallLegLost:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class StartWrapUp:
    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class StopWrapUp:
    pass


@dataclass(frozen=True, slots=True)
class WriteInterval:
    interval: AgentInterval


@dataclass(frozen=True, slots=True)
class CloseShift:
    at: datetime


AgentCommand = DialLeg | DropLeg | BecameFree | TellCallLegLost | StartWrapUp | StopWrapUp | WriteInterval | CloseShift


@dataclass(frozen=True, slots=True)
class Agent:
    """attempt: the customer reserved, talked to, or being wrapped up."""

    id: AgentId
    shift: ShiftId
    state: AgentState
    since: datetime
    attempt: AttemptId | None = None
    campaign: CampaignId | None = None
    pause_after: bool = False  # pause as soon as the present call is wrapped up
    leave_after: bool = False  # end the shift then

    @property
    def channel(self) -> str:
        return agent_channel(self.id, self.shift)

    @property
    def bridge(self) -> str:
        return agent_bridge(self.id, self.shift)


Step = tuple[Agent, tuple[AgentCommand, ...]]
Handler = Callable[[Agent, AgentEvent], Step]


def on_event(agent: Agent, event: AgentEvent) -> Step:
    """The agent's next state and what is to be done. Pairs outside the table change nothing."""
    handler = TRANSITIONS.get((agent.state, type(event)))
    return handler(agent, event) if handler else (agent, ())


def _to(agent: Agent, state: AgentState, at: datetime, *commands: AgentCommand, keep_call: bool = False) -> Step:
    at = max(at, agent.since)  # the switch's clock is read in whole milliseconds
    told: tuple[AgentCommand, ...] = ()
    if agent.state is not AgentState.OFFLINE:
        interval = AgentInterval(
            agent=agent.id, shift=agent.shift, campaign=agent.campaign, state=agent.state,
            from_at=agent.since, to_at=at, attempt=agent.attempt,
        )  # fmt: skip
        told = (WriteInterval(interval),)
    moved = replace(agent, state=state, since=at)
    if not keep_call:
        moved = replace(moved, attempt=None, campaign=None)
    return moved, (*told, *commands)


def _start(agent: Agent, event: AgentEvent) -> Step:
    fresh = replace(agent, pause_after=False, leave_after=False)
    return _to(fresh, AgentState.CONNECTING, event.at, DialLeg())


def _leg_up(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.READY, event.at, BecameFree())


def _leg_lost_alone(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.OFFLINE, event.at, DropLeg(), CloseShift(event.at))


def _leg_lost_with_customer(agent: Agent, event: AgentEvent) -> Step:
    assert agent.attempt is not None
    offline, commands = _to(agent, AgentState.OFFLINE, event.at, DropLeg(), CloseShift(event.at))
    return offline, (TellCallLegLost(agent.attempt), *commands)


def _leg_lost_in_wrapup(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.OFFLINE, event.at, StopWrapUp(), DropLeg(), CloseShift(event.at))


def _reserve(agent: Agent, event: AgentEvent) -> Step:
    assert isinstance(event, Reserved)
    moved, commands = _to(agent, AgentState.RESERVED, event.at)
    return replace(moved, attempt=event.attempt, campaign=event.campaign), commands


def _customer_in(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.TALKING, event.at, keep_call=True)


def _customer_gone(agent: Agent, event: AgentEvent) -> Step:
    assert isinstance(event, CustomerGone)
    if not event.talked:
        return _free(agent, event.at)
    assert agent.attempt is not None
    return _to(agent, AgentState.WRAPUP, event.at, StartWrapUp(agent.attempt), keep_call=True)


def _wrapped_up(agent: Agent, event: AgentEvent) -> Step:
    moved, commands = _free(agent, event.at)
    return moved, (StopWrapUp(), *commands)


def _free(agent: Agent, at: datetime) -> Step:
    if agent.leave_after:
        return _to(agent, AgentState.OFFLINE, at, DropLeg(), CloseShift(at))
    if agent.pause_after:
        return _to(replace(agent, pause_after=False), AgentState.PAUSED, at)
    return _to(agent, AgentState.READY, at, BecameFree())


def _pause_now(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.PAUSED, event.at)


def _pause_later(agent: Agent, event: AgentEvent) -> Step:
    return replace(agent, pause_after=True, leave_after=False), ()


def _ready_later(agent: Agent, event: AgentEvent) -> Step:
    return replace(agent, pause_after=False, leave_after=False), ()


def _ready_now(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.READY, event.at, BecameFree())


def _leave_now(agent: Agent, event: AgentEvent) -> Step:
    return _to(agent, AgentState.OFFLINE, event.at, DropLeg(), CloseShift(event.at))


def _leave_later(agent: Agent, event: AgentEvent) -> Step:
    return replace(agent, leave_after=True), ()


_S = AgentState
TRANSITIONS: dict[tuple[AgentState, type], Handler] = {
    (_S.OFFLINE, ShiftStarted): _start,
    (_S.CONNECTING, LegUp): _leg_up,
    (_S.CONNECTING, LegEnded): _leg_lost_alone,
    (_S.CONNECTING, LegRefused): _leg_lost_alone,
    (_S.CONNECTING, ShiftEnded): _leave_now,
    (_S.READY, Reserved): _reserve,
    (_S.READY, PauseAsked): _pause_now,
    (_S.READY, LegEnded): _leg_lost_alone,
    (_S.READY, ShiftEnded): _leave_now,
    (_S.RESERVED, CustomerIn): _customer_in,
    (_S.RESERVED, CustomerGone): _customer_gone,
    (_S.RESERVED, LegEnded): _leg_lost_with_customer,
    (_S.RESERVED, PauseAsked): _pause_later,
    (_S.RESERVED, ReadyAsked): _ready_later,
    (_S.RESERVED, ShiftEnded): _leave_later,
    (_S.TALKING, CustomerGone): _customer_gone,
    (_S.TALKING, LegEnded): _leg_lost_with_customer,
    (_S.TALKING, PauseAsked): _pause_later,
    (_S.TALKING, ReadyAsked): _ready_later,
    (_S.TALKING, ShiftEnded): _leave_later,
    (_S.WRAPUP, WrapUpDone): _wrapped_up,
    (_S.WRAPUP, LegEnded): _leg_lost_in_wrapup,
    (_S.WRAPUP, PauseAsked): _pause_later,
    (_S.WRAPUP, ReadyAsked): _ready_later,
    (_S.WRAPUP, ShiftEnded): _leave_later,
    (_S.PAUSED, ReadyAsked): _ready_now,
    (_S.PAUSED, LegEnded): _leg_lost_alone,
    (_S.PAUSED, ShiftEnded): _leave_now,
}
