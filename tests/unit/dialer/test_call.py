from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from dialer.call import TRANSITIONS, Call, CallState, on_event
from domain.commands import (
    BridgeCustomer,
    Command,
    ConversationBegan,
    FinishAttempt,
    HangUp,
    PlayMessage,
    ReleaseAgent,
    RequestAgent,
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
    Progress,
    StopAsked,
)
from domain.ids import AgentId
from domain.outcome import HangupBy, Outcome

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CHANNEL = "pd-000000000001"
BRIDGE = "ab-000001-000000001"
AGENT = AgentId(1)
LATE = AgentId(2)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def ringing(s: float = 1) -> CallEvent:
    return ChannelProgress(CHANNEL, Progress.RINGING, at(s))


def answered(s: float = 2) -> CallEvent:
    return ChannelAnswered(CHANNEL, at(s))


def given(s: float = 2, agent: AgentId = AGENT) -> CallEvent:
    return AgentReserved(agent, "ag-000001-000000001", BRIDGE, at(s))


def bridged(s: float = 2.1) -> CallEvent:
    return ChannelEnteredBridge(CHANNEL, BRIDGE, at(s))


def request(cause: int, sip: int | None = None, s: float = 5, *, soft: bool = False) -> CallEvent:
    return ChannelHangupRequested(CHANNEL, cause, sip, soft, at(s))


def ended(cause: int = 16, sip: int | None = None, s: float = 6) -> CallEvent:
    return ChannelEnded(CHANNEL, cause, sip, at(s))


def message_over(*, heard: bool = True) -> CallEvent:
    return PlaybackEnded("am-000000000001", heard, at(8))


def play(*events: CallEvent, call: Call | None = None) -> tuple[Call, list[Command]]:
    call = call or Call(CHANNEL, no_agent_limit_s=2.0)
    told: list[Command] = []
    for event in events:
        call, commands = on_event(call, event)
        told.extend(commands)
    return call, told


NO_AGENT, STOP = NoAgentInTime(at(4)), StopAsked(at(4))
LEG_LOST, NODE_LOST = AgentLegLost(at(3)), NodeLost(at(3))
ANSWER_MISSED = AnswerMissed(at(3))
VANISHED, OVERDUE, END_TIMEOUT = ChannelVanished(at(9)), Overdue(at(9)), EndTimeout(at(19))

STORIES: dict[str, tuple[list[CallEvent], CallState, Outcome | None, HangupBy | None]] = {
    "busy at once": ([request(17, 486), ended(17, 486)], CallState.ENDED, Outcome.BUSY, HangupBy.NETWORK),
    "busy after ringing": (
        [ringing(), request(17, 486), ended(17, 486)],
        CallState.ENDED,
        Outcome.BUSY,
        HangupBy.NETWORK,
    ),
    "declined": ([ringing(), request(21, 603), ended(21, 603)], CallState.ENDED, Outcome.REJECTED, HangupBy.NETWORK),
    "unallocated": ([request(1, 404), ended(1, 404)], CallState.ENDED, Outcome.INVALID_NUMBER, HangupBy.NETWORK),
    "congestion": ([request(34, 503), ended(34, 503)], CallState.ENDED, Outcome.TRUNK_FAIL, HangupBy.NETWORK),
    "rang out": ([ringing(), ringing(2), ended(19, 480, 26)], CallState.ENDED, Outcome.NO_ANSWER, HangupBy.TIMEOUT),
    "network gave up ringing": (
        [ringing(), request(19, 480), ended(19, 480)],
        CallState.ENDED,
        Outcome.NO_ANSWER,
        HangupBy.NETWORK,
    ),
    "telephone off": ([request(20, 480), ended(20, 480)], CallState.ENDED, Outcome.UNREACHABLE, HangupBy.NETWORK),
    "nothing at all": ([ended(19, 480, 26)], CallState.ENDED, Outcome.NO_RESPONSE, HangupBy.TIMEOUT),
    "no port left": ([ended(0, None, 0.1)], CallState.ENDED, Outcome.NOT_PLACED, HangupBy.ENGINE),
    "refused by the switch": ([OriginateRefused(at(0.1))], CallState.ENDED, Outcome.NOT_PLACED, HangupBy.ENGINE),
    "answered without ringing": (
        [answered(), given(), bridged(), request(16), ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.CUSTOMER,
    ),
    "conversation, customer ends": (
        [ringing(), answered(), given(), bridged(), request(16), ChannelLeftBridge(CHANNEL, BRIDGE, at(6)), ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.CUSTOMER,
    ),
    "conversation, agent ends": (
        [ringing(), answered(), given(), bridged(), AgentHungUp(at(9)), request(16, soft=True), ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.AGENT,
    ),
    "agent's leg breaks in conversation": (
        [answered(), given(), bridged(), LEG_LOST, ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.AGENT,
    ),
    "put out of the bridge": (
        [answered(), given(), bridged(), ChannelLeftBridge(CHANNEL, BRIDGE, at(6)), ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.ENGINE,
    ),
    "no agent in time": (
        [ringing(), answered(), NO_AGENT, message_over(), ended()],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.ENGINE,
    ),
    "left during the message": (
        [answered(), NO_AGENT, request(16), ended()],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.CUSTOMER,
    ),
    "left before the limit": (
        [answered(), request(16), ended()],
        CallState.ENDED,
        Outcome.CUSTOMER_HUNG_EARLY,
        HangupBy.CUSTOMER,
    ),
    "left on the way to the agent": (
        [answered(), given(), request(16), ended()],
        CallState.ENDED,
        Outcome.CUSTOMER_HUNG_EARLY,
        HangupBy.CUSTOMER,
    ),
    "left after the limit on the way": (
        [answered(), given(), NO_AGENT, ended()],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.CUSTOMER,
    ),
    "bridge fails, next agent": (
        [answered(), given(), BridgeFailed(at(3)), given(3.1, LATE), bridged(3.2), ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.CUSTOMER,
    ),
    "agent missed, nobody else": (
        [answered(), given(), LEG_LOST, NO_AGENT, message_over(), ended()],
        CallState.ENDED,
        Outcome.AGENT_MISSED,
        HangupBy.ENGINE,
    ),
    "agent missed, customer leaves": (
        [answered(), given(), LEG_LOST, ended()],
        CallState.ENDED,
        Outcome.AGENT_MISSED,
        HangupBy.CUSTOMER,
    ),
    "agent missed after the limit": (
        [answered(), given(), NO_AGENT, LEG_LOST, ended()],
        CallState.ENDED,
        Outcome.AGENT_MISSED,
        HangupBy.CUSTOMER,
    ),
    "stop before ringing": ([STOP, ended(16)], CallState.ENDED, Outcome.ENGINE_CANCEL, HangupBy.ENGINE),
    "stop while ringing": ([ringing(), STOP, ended(16)], CallState.ENDED, Outcome.ENGINE_CANCEL, HangupBy.ENGINE),
    "stop crosses with the answer": (
        [ringing(), STOP, answered(), ended(16)],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.ENGINE,
    ),
    "stop while waiting": ([answered(), STOP, ended()], CallState.ENDED, Outcome.ABANDONED, HangupBy.ENGINE),
    "stop while bridging": ([answered(), given(), STOP, ended()], CallState.ENDED, Outcome.ABANDONED, HangupBy.ENGINE),
    "stop in conversation": (
        [answered(), given(), bridged(), STOP, ended()],
        CallState.ENDED,
        Outcome.ANSWERED,
        HangupBy.ENGINE,
    ),
    "stop during the message": (
        [answered(), NO_AGENT, STOP, ended()],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.ENGINE,
    ),
    "end never confirmed": ([ringing(), STOP, END_TIMEOUT], CallState.ENDED, Outcome.UNKNOWN, HangupBy.ENGINE),
    "end not shown any more": (
        [answered(), NO_AGENT, message_over(), VANISHED],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.ENGINE,
    ),
    "overdue before ringing": ([OVERDUE, ended(16, None, 10)], CallState.ENDED, Outcome.NO_RESPONSE, HangupBy.TIMEOUT),
    "overdue ringing": (
        [ringing(), OVERDUE, request(19, 480), ended(19, 480, 10)],
        CallState.ENDED,
        Outcome.NO_ANSWER,
        HangupBy.TIMEOUT,
    ),
    "answered while nobody listened": (
        [ringing(), ANSWER_MISSED, ended()],
        CallState.ENDED,
        Outcome.ABANDONED,
        HangupBy.CUSTOMER,
    ),
    "answered before anything was heard": ([ANSWER_MISSED], CallState.MESSAGE, None, None),
    "promised agent": ([LEG_LOST, ringing(), LEG_LOST, answered()], CallState.WAITING, None, None),
    "switch restarted, placing": ([NODE_LOST], CallState.ENDED, Outcome.NODE_LOST, HangupBy.NETWORK),
    "switch restarted, ringing": ([ringing(), NODE_LOST], CallState.ENDED, Outcome.NODE_LOST, HangupBy.NETWORK),
    "switch restarted, waiting": ([answered(), NODE_LOST], CallState.ENDED, Outcome.NODE_LOST, HangupBy.NETWORK),
    "switch restarted, bridging": (
        [answered(), given(), NODE_LOST],
        CallState.ENDED,
        Outcome.NODE_LOST,
        HangupBy.NETWORK,
    ),
    "switch restarted, talking": (
        [answered(), given(), bridged(), NODE_LOST],
        CallState.ENDED,
        Outcome.NODE_LOST,
        HangupBy.NETWORK,
    ),
    "switch restarted, message": (
        [answered(), NO_AGENT, NODE_LOST],
        CallState.ENDED,
        Outcome.NODE_LOST,
        HangupBy.NETWORK,
    ),
    "switch restarted, ending": ([ringing(), STOP, NODE_LOST], CallState.ENDED, Outcome.NODE_LOST, HangupBy.ENGINE),
    "vanished, placing": ([VANISHED], CallState.ENDED, Outcome.UNKNOWN, None),
    "vanished, ringing": ([ringing(), VANISHED], CallState.ENDED, Outcome.UNKNOWN, None),
    "vanished, waiting": ([answered(), VANISHED], CallState.ENDED, Outcome.UNKNOWN, None),
    "vanished, bridging": ([answered(), given(), VANISHED], CallState.ENDED, Outcome.UNKNOWN, None),
    "vanished, talking": ([answered(), given(), bridged(), VANISHED], CallState.ENDED, Outcome.ANSWERED, None),
    "vanished, message": ([answered(), NO_AGENT, VANISHED], CallState.ENDED, Outcome.UNKNOWN, None),
    "late agent while bridging": ([answered(), given(), given(3, LATE)], CallState.BRIDGING, None, None),
    "late agent while talking": ([answered(), given(), bridged(), given(3, LATE)], CallState.TALKING, None, None),
    "late agent during the message": ([answered(), NO_AGENT, given(3, LATE)], CallState.MESSAGE, None, None),
    "late agent while ending": ([answered(), STOP, given(3, LATE)], CallState.ENDING, None, HangupBy.ENGINE),
    "late agent after the end": (
        [request(17, 486), ended(17, 486), given(9, LATE)],
        CallState.ENDED,
        Outcome.BUSY,
        HangupBy.NETWORK,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_call_ends_as_its_story_says(story: str) -> None:
    events, state, outcome, by = STORIES[story]
    call, _ = play(*events)
    assert (call.state, call.outcome, call.hangup_by) == (state, outcome, by)


def test_every_arrow_of_the_table_is_walked_by_a_story() -> None:
    walked: set[tuple[CallState, type]] = set()
    for events, *_ in STORIES.values():
        call = Call(CHANNEL, no_agent_limit_s=2.0)
        for event in events:
            walked.add((call.state, type(event)))
            call, _ = on_event(call, event)
    assert set(TRANSITIONS) - walked == set()


def only(kind: type, commands: Iterable[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, kind)]


def test_an_answer_asks_for_an_agent_and_bridges_him_without_any_other_step() -> None:
    call, commands = play(ringing(), answered())
    assert only(RequestAgent, commands) == [RequestAgent()]
    call, commands = play(given(), call=call)
    assert commands == [BridgeCustomer(BRIDGE)]
    call, commands = play(bridged(), call=call)
    assert only(ConversationBegan, commands) == [ConversationBegan(AGENT)]


def test_a_reserved_agent_is_bridged_at_the_answer_without_asking() -> None:
    promised = Call(CHANNEL, no_agent_limit_s=2.0, agent=AGENT, bridge=BRIDGE)
    call, commands = play(ringing(), answered(), call=promised)
    assert call.state is CallState.BRIDGING
    assert only(BridgeCustomer, commands) == [BridgeCustomer(BRIDGE)]
    assert only(RequestAgent, commands) == []


def test_a_reserved_agent_is_freed_when_nobody_answers() -> None:
    promised = Call(CHANNEL, no_agent_limit_s=2.0, agent=AGENT, bridge=BRIDGE)
    _, commands = play(ringing(), ended(19, 480, 26), call=promised)
    assert only(ReleaseAgent, commands) == [ReleaseAgent(AGENT, talked=False)]


def test_the_agent_goes_to_wrap_up_once() -> None:
    _, commands = play(ringing(), answered(), given(), bridged(), AgentHungUp(at(9)), ended())
    assert only(ReleaseAgent, commands) == [ReleaseAgent(AGENT, talked=True)]
    assert only(HangUp, commands) == [HangUp()]


def test_an_agent_who_comes_too_late_goes_back() -> None:
    _, commands = play(answered(), NO_AGENT, given(5, LATE))
    assert only(ReleaseAgent, commands) == [ReleaseAgent(LATE, talked=False)]
    assert only(PlayMessage, commands) == [PlayMessage()]


def test_entering_another_bridge_is_not_a_conversation() -> None:
    call, _ = play(answered(), given(), ChannelEnteredBridge(CHANNEL, "ab-000009-000000009", at(3)))
    assert call.state is CallState.BRIDGING


@pytest.mark.parametrize(
    ("events", "counted"),
    [
        ([ringing(), ended(19, 480, 26)], True),
        ([ChannelProgress(CHANNEL, Progress.EARLY_MEDIA, at(1)), request(1, 404), ended(1, 404)], True),
        ([answered(), request(16), ended()], True),
        ([request(17, 486), ended(17, 486)], False),
        ([OriginateRefused(at(0))], False),
    ],
)
def test_a_dial_counts_once_the_network_rang_or_answered(events: list[CallEvent], counted: bool) -> None:
    call, commands = play(*events)
    assert call.counted is counted
    assert only(FinishAttempt, commands) == [FinishAttempt()]
