from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from agents import agent as machine
from agents.agent import (
    TRANSITIONS,
    Agent,
    AgentEvent,
    BecameFree,
    CloseShift,
    DialLeg,
    DropLeg,
    StartWrapUp,
    StopWrapUp,
    TellCallLegLost,
    WriteInterval,
    on_event,
)
from agents.pool import AgentPool
from domain.ids import AgentId, AttemptId, CampaignId, ShiftId
from domain.outcome import AgentState

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ATTEMPT, CAMPAIGN = AttemptId(7), CampaignId(3)
S = AgentState


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


START, UP, LOST = machine.ShiftStarted(at(0)), machine.LegUp(at(1)), machine.LegEnded(at(50))
TAKE, IN = machine.Reserved(ATTEMPT, CAMPAIGN, at(5)), machine.CustomerIn(at(6))
GONE, BACK = machine.CustomerGone(True, at(20)), machine.CustomerGone(False, at(20))
DONE, PAUSE = machine.WrapUpDone(at(30)), machine.PauseAsked(at(3))
READY, LEAVE = machine.ReadyAsked(at(40)), machine.ShiftEnded(at(60))

STORIES: dict[str, tuple[list[AgentEvent], AgentState]] = {
    "a call": ([START, UP, TAKE, IN, GONE, DONE], S.READY),
    "nobody was there": ([START, UP, TAKE, BACK], S.READY),
    "pause and back": ([START, UP, PAUSE, READY], S.READY),
    "pause after the call": ([START, UP, TAKE, PAUSE, IN, GONE, DONE], S.PAUSED),
    "pause asked in wrap-up": ([START, UP, TAKE, IN, GONE, PAUSE, DONE], S.PAUSED),
    "pause thought better of": ([START, UP, TAKE, PAUSE, READY, IN, PAUSE, READY, GONE, PAUSE, READY, DONE], S.READY),
    "leave at once": ([START, UP, LEAVE], S.OFFLINE),
    "leave before the leg is up": ([START, LEAVE], S.OFFLINE),
    "leaving thought better of": ([START, UP, TAKE, IN, LEAVE, READY, GONE, DONE], S.READY),
    "a pause instead of leaving": ([START, UP, TAKE, IN, LEAVE, PAUSE, GONE, DONE], S.PAUSED),
    "leave while paused": ([START, UP, PAUSE, LEAVE], S.OFFLINE),
    "leave after the call": ([START, UP, TAKE, LEAVE, IN, LEAVE, GONE, LEAVE, DONE], S.OFFLINE),
    "telephone refuses": ([START, machine.LegRefused(at(1))], S.OFFLINE),
    "telephone never comes up": ([START, LOST], S.OFFLINE),
    "leg lost while ready": ([START, UP, LOST], S.OFFLINE),
    "leg lost while paused": ([START, UP, PAUSE, LOST], S.OFFLINE),
    "leg lost while reserved": ([START, UP, TAKE, LOST], S.OFFLINE),
    "leg lost in conversation": ([START, UP, TAKE, IN, LOST], S.OFFLINE),
    "leg lost in wrap-up": ([START, UP, TAKE, IN, GONE, LOST], S.OFFLINE),
}


def play(*events: AgentEvent) -> tuple[Agent, list[machine.AgentCommand]]:
    agent = Agent(AgentId(1), ShiftId(9), S.OFFLINE, T0)
    told: list[machine.AgentCommand] = []
    for event in events:
        agent, commands = on_event(agent, event)
        told.extend(commands)
    return agent, told


@pytest.mark.parametrize("story", STORIES)
def test_a_shift_goes_as_its_story_says(story: str) -> None:
    events, state = STORIES[story]
    assert play(*events)[0].state is state


def test_every_arrow_of_the_table_is_walked_by_a_story() -> None:
    walked: set[tuple[AgentState, type]] = set()
    for events, _ in STORIES.values():
        agent = Agent(AgentId(1), ShiftId(9), S.OFFLINE, T0)
        for event in events:
            walked.add((agent.state, type(event)))
            agent, _commands = on_event(agent, event)
    assert set(TRANSITIONS) - walked == set()


@pytest.mark.parametrize("story", STORIES)
def test_intervals_follow_each_other_without_gap_or_overlap(story: str) -> None:
    _, commands = play(*STORIES[story][0])
    intervals = [command.interval for command in commands if isinstance(command, WriteInterval)]
    for earlier, later in itertools.pairwise(intervals):
        assert earlier.to_at == later.from_at


def test_the_calls_intervals_name_the_attempt() -> None:
    _, commands = play(START, UP, TAKE, IN, GONE, DONE)
    about = {c.interval.state: c.interval.attempt for c in commands if isinstance(c, WriteInterval)}
    assert about == {S.CONNECTING: None, S.READY: None, S.RESERVED: ATTEMPT, S.TALKING: ATTEMPT, S.WRAPUP: ATTEMPT}


def test_the_leg_is_dialled_once_and_dropped_at_the_end_of_the_shift() -> None:
    _, commands = play(START, UP, TAKE, IN, GONE, DONE, LEAVE)
    assert [type(c) for c in commands if not isinstance(c, WriteInterval)] == [
        DialLeg, BecameFree, StartWrapUp, StopWrapUp, BecameFree, DropLeg, CloseShift,
    ]  # fmt: skip


def test_a_leg_lost_in_conversation_is_told_to_the_call() -> None:
    _, commands = play(START, UP, TAKE, IN, LOST)
    assert TellCallLegLost(ATTEMPT) in commands


def test_the_agent_idle_longest_takes_the_customer() -> None:
    pool = AgentPool()
    for agent in (1, 2, 3):
        pool.assign(AgentId(agent), [CAMPAIGN])
    for agent in (2, 1, 3):
        assert pool.set_free(AgentId(agent)) is None
    assert pool.take_for(ATTEMPT, CAMPAIGN) == 2
    assert pool.take_for(AttemptId(8), CAMPAIGN) == 1


def test_the_customer_who_waits_longest_gets_the_next_agent_of_his_campaign() -> None:
    pool = AgentPool()
    pool.assign(AgentId(1), [CAMPAIGN])
    pool.assign(AgentId(2), [CampaignId(4)])
    assert pool.take_for(AttemptId(1), CAMPAIGN) is None
    assert pool.take_for(AttemptId(2), CAMPAIGN) is None
    assert pool.set_free(AgentId(2)) is None
    assert pool.set_free(AgentId(1)) == 1
    pool.withdraw(AttemptId(2))
    assert pool.set_free(AgentId(1)) is None


def test_an_agent_who_left_is_given_nobody() -> None:
    pool = AgentPool()
    pool.assign(AgentId(1), [CAMPAIGN])
    pool.set_free(AgentId(1))
    pool.forget(AgentId(1))
    assert pool.take_for(ATTEMPT, CAMPAIGN) is None
    assert pool.free(CAMPAIGN) == []


def test_an_agent_who_owes_a_promise_takes_no_other_customer() -> None:
    pool = AgentPool()
    for agent in (1, 2):
        pool.assign(AgentId(agent), [CAMPAIGN])
        pool.set_free(AgentId(agent))
    assert pool.keep(CAMPAIGN, [AgentId(1)]) == []
    assert pool.take_for(AttemptId(1), CAMPAIGN) == 2
    assert pool.take_for(AttemptId(2), CAMPAIGN) is None
    assert pool.take(AgentId(1))
    assert pool.set_free(AgentId(1)) is None
    assert pool.free(CAMPAIGN) == [1]


def test_a_promise_kept_by_somebody_else_frees_the_agent_for_who_waits() -> None:
    pool = AgentPool()
    pool.assign(AgentId(1), [CAMPAIGN])
    pool.keep(CAMPAIGN, [AgentId(1)])
    pool.set_free(AgentId(1))
    assert pool.take_for(ATTEMPT, CAMPAIGN) is None
    assert pool.keep(CAMPAIGN, []) == [1]
    assert pool.set_free(AgentId(1)) == ATTEMPT
    assert pool.free(CAMPAIGN) == []
