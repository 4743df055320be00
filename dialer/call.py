"""One customer call as a pure transition table: `(state, event) -> (state, commands)`.

No I/O, no clock: times come with the events. The arrows are in `TRANSITIONS`; an event without an
arrow (late, doubled or meant for another state) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from dialer.classify import classify_unanswered
from domain.commands import (
    BridgeCustomer,
    CancelTimer,
    Command,
    ConversationBegan,
    FinishAttempt,
    HangUp,
    PlayMessage,
    ReleaseAgent,
    RequestAgent,
    StartTimer,
    TimerKind,
    WithdrawRequest,
)
from domain.events import (
    AgentHungUp,
    AgentLegLost,
    AgentReserved,
    AnswerMissed,
    BridgeFailed,
    CallEvent,
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    ChannelHangupRequested,
    ChannelLeftBridge,
    ChannelProgress,
    ChannelVanished,
    EndTimeout,
    NoAgentInTime,
    NodeLost,
    OriginateRefused,
    Overdue,
    PlaybackEnded,
    StopAsked,
)
from domain.ids import AgentId
from domain.outcome import HangupBy, Outcome

#: Seconds within which the switch must confirm a hang-up.
END_CONFIRM_S = 10.0


class CallState(StrEnum):
    PLACING = "placing"  # ordered; nothing heard from the network yet
    RINGING = "ringing"
    WAITING = "waiting"  # answered; no agent yet
    BRIDGING = "bridging"  # an agent is reserved; the customer is on the way into his bridge
    TALKING = "talking"
    MESSAGE = "message"  # no agent within the limit: the message plays
    ENDING = "ending"  # hang-up commanded, not confirmed
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of one call. Times are the switch's own, UTC."""

    channel: str
    no_agent_limit_s: float
    state: CallState = CallState.PLACING
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    bridged_at: datetime | None = None
    ended_at: datetime | None = None
    agent: AgentId | None = None  # reserved for, or talking with, this customer
    bridge: str | None = None
    talked_to: AgentId | None = None
    limit_passed: bool = False
    cancelled: bool = False  # the engine ordered the end before any answer
    hangup_requested: bool = False
    hangup_by: HangupBy | None = None
    message_played: bool = False
    message_heard: bool = False
    agent_lost: bool = False  # the agent reserved for this customer lost his leg
    q850: int | None = None
    sip_code: int | None = None
    outcome: Outcome | None = None

    @property
    def counted(self) -> bool:
        """A dial counts as an attempt once 180, 183 or an answer was seen."""
        return self.ringing_at is not None or self.answered_at is not None


Step = tuple[Call, tuple[Command, ...]]
Handler = Callable[[Call, CallEvent], Step]


def on_event(call: Call, event: CallEvent) -> Step:
    """The next state of a call and what is to be done. Pairs outside the table change nothing."""
    handler = TRANSITIONS.get((call.state, type(event)))
    return handler(call, event) if handler else (call, ())


# ---- before the answer -----------------------------------------------------------------------


def _progress(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelProgress)
    return replace(call, state=CallState.RINGING, ringing_at=call.ringing_at or event.at), ()


def _refused(call: Call, event: CallEvent) -> Step:
    return _ended(call, event.at, Outcome.NOT_PLACED, HangupBy.ENGINE)


def _answered(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelAnswered)
    answered = replace(call, answered_at=event.at)
    timers = (CancelTimer(TimerKind.OVERDUE), StartTimer(TimerKind.NO_AGENT, call.no_agent_limit_s))
    if call.agent is not None and call.bridge is not None:
        return replace(answered, state=CallState.BRIDGING), (BridgeCustomer(call.bridge), *timers)
    return replace(answered, state=CallState.WAITING), (RequestAgent(), *timers)


def _note_hangup_request(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelHangupRequested)
    if event.soft:
        return call, ()
    return replace(call, hangup_requested=True, q850=event.cause, sip_code=event.tech_cause), ()


def _unanswered_end(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelEnded)
    q850 = call.q850 or event.cause
    sip_code = call.sip_code if call.sip_code is not None else event.tech_cause
    ring_s = (event.at - call.ringing_at).total_seconds() if call.ringing_at else None
    failed_locally = event.cause == 0 and sip_code is None and ring_s is None
    outcome, by = classify_unanswered(
        cancelled=call.cancelled,
        requested=call.hangup_requested or failed_locally,
        q850=q850,
        sip_code=sip_code,
        ring_s=ring_s,
    )
    return _ended(replace(call, q850=q850, sip_code=sip_code), event.at, outcome, by)


def _cancel(call: Call, event: CallEvent) -> Step:
    return _end(replace(call, cancelled=True), HangupBy.ENGINE)


def _overdue(call: Call, event: CallEvent) -> Step:
    # Not `cancelled`: the ring time-out was ours to enforce, so this is a time-out like any other.
    return _end(call, HangupBy.TIMEOUT)


def _answer_missed(call: Call, event: CallEvent) -> Step:
    freed: tuple[Command, ...] = () if call.agent is None else (ReleaseAgent(call.agent, talked=False),)
    alone = replace(call, state=CallState.MESSAGE, answered_at=event.at, agent=None, bridge=None)
    return replace(alone, limit_passed=True, message_played=True), (*freed, CancelTimer(TimerKind.OVERDUE))


def _reserved_agent_lost_before_answer(call: Call, event: CallEvent) -> Step:
    return replace(call, agent=None, bridge=None), ()


# ---- answered, no conversation yet -----------------------------------------------------------


def _agent_given(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, AgentReserved)
    given = replace(call, state=CallState.BRIDGING, agent=event.agent, bridge=event.bridge)
    return given, (BridgeCustomer(event.bridge),)


def _agent_too_late(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, AgentReserved)
    return call, (ReleaseAgent(event.agent, talked=False),)


def _limit_passed_waiting(call: Call, event: CallEvent) -> Step:
    passed = replace(call, state=CallState.MESSAGE, limit_passed=True, message_played=True)
    return passed, (WithdrawRequest(), PlayMessage())


def _limit_passed_bridging(call: Call, event: CallEvent) -> Step:
    return replace(call, limit_passed=True), ()


def _bridging_failed(call: Call, event: CallEvent) -> Step:
    assert call.agent is not None
    lost = isinstance(event, AgentLegLost)
    free: tuple[Command, ...] = () if lost else (ReleaseAgent(call.agent, talked=False),)
    alone = replace(call, agent=None, bridge=None, agent_lost=call.agent_lost or lost)
    if call.limit_passed:
        return replace(alone, state=CallState.MESSAGE, message_played=True), (*free, PlayMessage())
    return replace(alone, state=CallState.WAITING), (*free, RequestAgent())


def _bridged(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelEnteredBridge)
    assert call.agent is not None
    if event.bridge != call.bridge:
        return call, ()
    talking = replace(call, state=CallState.TALKING, bridged_at=event.at, talked_to=call.agent)
    return talking, (ConversationBegan(call.agent), CancelTimer(TimerKind.NO_AGENT))


def _left_before_agent(call: Call, event: CallEvent) -> Step:
    """The customer hung up after the answer and before any agent: early within the limit."""
    assert isinstance(event, ChannelEnded)
    early = Outcome.ABANDONED if call.limit_passed else Outcome.CUSTOMER_HUNG_EARLY
    outcome = Outcome.AGENT_MISSED if call.agent_lost else early
    return _ended(_with_causes(call, event), event.at, outcome, HangupBy.CUSTOMER)


def _stop_answered(call: Call, event: CallEvent) -> Step:
    return _end(replace(call, limit_passed=True), HangupBy.ENGINE)


# ---- in conversation ----------------------------------------------------------------------------


def _talk_ended(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelEnded)
    return _ended(_with_causes(call, event), event.at, Outcome.ANSWERED, HangupBy.CUSTOMER)


def _agent_left(call: Call, event: CallEvent) -> Step:
    return _end(call, HangupBy.AGENT)


def _out_of_bridge(call: Call, event: CallEvent) -> Step:
    if call.hangup_requested:
        return call, ()
    return _end(call, HangupBy.ENGINE)


# ---- the message, and the end ---------------------------------------------------------------------


def _message_over(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, PlaybackEnded)
    return _end(replace(call, message_heard=event.heard), HangupBy.ENGINE)


def _left_during_message(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelEnded)
    outcome = Outcome.AGENT_MISSED if call.agent_lost else Outcome.ABANDONED
    return _ended(_with_causes(call, event), event.at, outcome, HangupBy.CUSTOMER)


def _end_confirmed(call: Call, event: CallEvent) -> Step:
    assert isinstance(event, ChannelEnded)
    if call.answered_at is None:
        return _unanswered_end(call, event)
    return _ended(_with_causes(call, event), event.at, _answered_outcome(call), call.hangup_by or HangupBy.ENGINE)


def _end_not_confirmed(call: Call, event: CallEvent) -> Step:
    outcome = Outcome.UNKNOWN if call.answered_at is None else _answered_outcome(call)
    return _ended(call, event.at, outcome, call.hangup_by)


def _answered_in_ending(call: Call, event: CallEvent) -> Step:
    """A cancel that crossed with the answer: the person is there, so this is an abandoned call."""
    assert isinstance(event, ChannelAnswered)
    return replace(call, answered_at=event.at, limit_passed=True, cancelled=False), (HangUp(),)


def _vanished(call: Call, event: CallEvent) -> Step:
    outcome = Outcome.ANSWERED if call.bridged_at else Outcome.UNKNOWN
    return _ended(call, event.at, outcome, call.hangup_by)


def _node_lost(call: Call, event: CallEvent) -> Step:
    return _ended(call, event.at, Outcome.NODE_LOST, HangupBy.NETWORK)


def _stop(call: Call, event: CallEvent) -> Step:
    return _end(call, HangupBy.ENGINE)


# ---- shared ------------------------------------------------------------------------------------------


def _answered_outcome(call: Call) -> Outcome:
    if call.bridged_at is not None:
        return Outcome.ANSWERED
    return Outcome.AGENT_MISSED if call.agent_lost else Outcome.ABANDONED


def _with_causes(call: Call, event: ChannelEnded) -> Call:
    sip_code = call.sip_code if call.sip_code is not None else event.tech_cause
    return replace(call, q850=call.q850 or event.cause, sip_code=sip_code)


def _end(call: Call, by: HangupBy) -> Step:
    """Order the hang-up; an agent in conversation is freed at once, his customer is gone for him."""
    freed: tuple[Command, ...] = ()
    if call.agent is not None:
        freed = (ReleaseAgent(call.agent, talked=call.bridged_at is not None),)
    ending = replace(call, state=CallState.ENDING, hangup_by=by, agent=None, bridge=None)
    return ending, (HangUp(), WithdrawRequest(), *freed, StartTimer(TimerKind.END, END_CONFIRM_S))


def _ended(call: Call, at: datetime, outcome: Outcome, by: HangupBy | None) -> Step:
    freed: tuple[Command, ...] = ()
    if call.agent is not None:
        freed = (ReleaseAgent(call.agent, talked=call.bridged_at is not None),)
    over = replace(
        call,
        state=CallState.ENDED,
        ended_at=at,
        outcome=outcome,
        hangup_by=call.hangup_by or by,
        agent=None,
        bridge=None,
    )
    timers = tuple(CancelTimer(kind) for kind in TimerKind)
    return over, (WithdrawRequest(), *freed, *timers, FinishAttempt())


_S = CallState
#: The arrows. A state machine's reader starts here.
TRANSITIONS: dict[tuple[CallState, type], Handler] = {
    (_S.PLACING, ChannelProgress): _progress,
    (_S.PLACING, ChannelAnswered): _answered,
    (_S.PLACING, ChannelHangupRequested): _note_hangup_request,
    (_S.PLACING, ChannelEnded): _unanswered_end,
    (_S.PLACING, OriginateRefused): _refused,
    (_S.PLACING, AgentLegLost): _reserved_agent_lost_before_answer,
    (_S.PLACING, Overdue): _overdue,
    (_S.PLACING, ChannelVanished): _vanished,
    (_S.PLACING, AnswerMissed): _answer_missed,
    (_S.PLACING, StopAsked): _cancel,
    (_S.PLACING, NodeLost): _node_lost,
    (_S.RINGING, ChannelProgress): _progress,
    (_S.RINGING, ChannelAnswered): _answered,
    (_S.RINGING, ChannelHangupRequested): _note_hangup_request,
    (_S.RINGING, ChannelEnded): _unanswered_end,
    (_S.RINGING, AgentLegLost): _reserved_agent_lost_before_answer,
    (_S.RINGING, Overdue): _overdue,
    (_S.RINGING, ChannelVanished): _vanished,
    (_S.RINGING, AnswerMissed): _answer_missed,
    (_S.RINGING, StopAsked): _cancel,
    (_S.RINGING, NodeLost): _node_lost,
    (_S.WAITING, AgentReserved): _agent_given,
    (_S.WAITING, NoAgentInTime): _limit_passed_waiting,
    (_S.WAITING, ChannelHangupRequested): _note_hangup_request,
    (_S.WAITING, ChannelEnded): _left_before_agent,
    (_S.WAITING, ChannelVanished): _vanished,
    (_S.WAITING, StopAsked): _stop_answered,
    (_S.WAITING, NodeLost): _node_lost,
    (_S.BRIDGING, ChannelEnteredBridge): _bridged,
    (_S.BRIDGING, BridgeFailed): _bridging_failed,
    (_S.BRIDGING, AgentLegLost): _bridging_failed,
    (_S.BRIDGING, AgentReserved): _agent_too_late,
    (_S.BRIDGING, NoAgentInTime): _limit_passed_bridging,
    (_S.BRIDGING, ChannelHangupRequested): _note_hangup_request,
    (_S.BRIDGING, ChannelEnded): _left_before_agent,
    (_S.BRIDGING, ChannelVanished): _vanished,
    (_S.BRIDGING, StopAsked): _stop_answered,
    (_S.BRIDGING, NodeLost): _node_lost,
    (_S.TALKING, ChannelHangupRequested): _note_hangup_request,
    (_S.TALKING, ChannelLeftBridge): _out_of_bridge,
    (_S.TALKING, ChannelEnded): _talk_ended,
    (_S.TALKING, AgentHungUp): _agent_left,
    (_S.TALKING, AgentLegLost): _agent_left,
    (_S.TALKING, AgentReserved): _agent_too_late,
    (_S.TALKING, ChannelVanished): _vanished,
    (_S.TALKING, StopAsked): _stop,
    (_S.TALKING, NodeLost): _node_lost,
    (_S.MESSAGE, PlaybackEnded): _message_over,
    (_S.MESSAGE, AgentReserved): _agent_too_late,
    (_S.MESSAGE, ChannelHangupRequested): _note_hangup_request,
    (_S.MESSAGE, ChannelEnded): _left_during_message,
    (_S.MESSAGE, ChannelVanished): _vanished,
    (_S.MESSAGE, StopAsked): _stop,
    (_S.MESSAGE, NodeLost): _node_lost,
    (_S.ENDING, ChannelAnswered): _answered_in_ending,
    (_S.ENDING, ChannelHangupRequested): _note_hangup_request,
    (_S.ENDING, ChannelEnded): _end_confirmed,
    (_S.ENDING, EndTimeout): _end_not_confirmed,
    (_S.ENDING, AgentReserved): _agent_too_late,
    (_S.ENDING, ChannelVanished): _end_not_confirmed,
    (_S.ENDING, NodeLost): _node_lost,
    (_S.ENDED, AgentReserved): _agent_too_late,
}
