"""Events may come in any order, doubled or late; some promises hold all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.call import Call, CallState, on_event
from domain.commands import FinishAttempt, ReleaseAgent
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

pytestmark = pytest.mark.property

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CHANNEL, BRIDGE = "pd-000000000001", "ab-000001-000000001"

KINDS = st.sampled_from(
    [
        lambda at: ChannelProgress(CHANNEL, Progress.RINGING, at),
        lambda at: ChannelAnswered(CHANNEL, at),
        lambda at: ChannelHangupRequested(CHANNEL, 17, 486, False, at),
        lambda at: ChannelHangupRequested(CHANNEL, 32, None, True, at),
        lambda at: ChannelEnded(CHANNEL, 16, None, at),
        lambda at: ChannelEnteredBridge(CHANNEL, BRIDGE, at),
        lambda at: ChannelLeftBridge(CHANNEL, BRIDGE, at),
        lambda at: PlaybackEnded("am-000000000001", True, at),
        OriginateRefused,
        AgentHungUp,
        AgentLegLost,
        BridgeFailed,
        NoAgentInTime,
        EndTimeout,
        Overdue,
        ChannelVanished,
        AnswerMissed,
        StopAsked,
        NodeLost,
    ]
)
RESERVE = st.just("reserve")


def run(kinds: list[object]) -> tuple[Call, int, int, int]:
    """Plays the events; agents are numbered as they are given. Returns the call and how often agents
    were given, freed, and the attempt finished. An agent whose leg is lost is gone, not freed."""
    call = Call(CHANNEL, no_agent_limit_s=2.0)
    taken = freed = finished = 0
    for number, kind in enumerate(kinds):
        at = T0 + timedelta(seconds=number)
        holds = call.agent
        if kind == "reserve":
            taken += 1
            event: CallEvent = AgentReserved(AgentId(number), "ag-000001-000000001", BRIDGE, at)
        else:
            event = kind(at)  # type: ignore[operator]
        before = call
        call, commands = on_event(call, event)
        released = [command.agent for command in commands if isinstance(command, ReleaseAgent)]
        if isinstance(event, AgentLegLost) and holds is not None and call.agent is None and not released:
            freed += 1
        freed += len(released)
        finished += sum(isinstance(command, FinishAttempt) for command in commands)
        assert before.state is not CallState.ENDED or call.state is CallState.ENDED
    return call, taken, freed, finished


@given(st.lists(st.one_of(KINDS, KINDS, KINDS, RESERVE), max_size=25))
def test_whatever_comes_a_call_is_finished_at_most_once_and_no_agent_is_kept(kinds: list[object]) -> None:
    call, taken, freed, finished = run(kinds)
    assert finished == (1 if call.state is CallState.ENDED else 0)
    assert (call.outcome is not None) == (call.state is CallState.ENDED)
    if call.state is CallState.ENDED:
        assert call.agent is None
    # Before the answer nobody can have asked for an agent, so such a gift never happens.
    assert freed <= taken
    if call.answered_at is not None and call.state is CallState.ENDED:
        assert call.bridged_at is None or call.talked_to is not None


@given(st.lists(KINDS, max_size=20))
def test_the_channels_end_always_ends_the_call(kinds: list[object]) -> None:
    call, *_ = run([*kinds, lambda at: ChannelEnded(CHANNEL, 16, None, at)])
    assert call.state is CallState.ENDED
    assert call.ended_at is not None


@given(st.lists(KINDS, max_size=20))
def test_times_are_in_order_of_the_story(kinds: list[object]) -> None:
    call, *_ = run(kinds)
    if call.bridged_at is not None:
        assert call.answered_at is not None
        assert call.answered_at <= call.bridged_at
