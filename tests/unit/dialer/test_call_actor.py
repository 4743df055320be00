"""A live call among others: what a crash leaves of it, and what it is told that it missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from campaigns.presets import preset
from dialer.call import CallState
from dialer.call_actor import CallActor, CallContext
from dialer.calls import UNHEARD_S, Calls
from domain.commands import BridgeCustomer, Command, FinishAttempt, HangUp, PlayMessage, RequestAgent
from domain.events import (
    AgentReserved,
    CallEvent,
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    ChannelProgress,
    NoAgentInTime,
    NodeLost,
    Progress,
)
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ListId, NumberId, customer_channel
from domain.outcome import Outcome, Temperature
from domain.ports import ChannelSnapshot
from domain.records import CampaignRow, ClaimedLead, Intent, LeadCounters

pytestmark = pytest.mark.unit

T0 = datetime(2026, 3, 3, 12, tzinfo=UTC)
CAMPAIGN = CampaignId(1)
CHANNEL, BRIDGE = customer_channel(AttemptId(5)), "ab-000001-000000001"


class Clock:
    seconds = 0.0

    def now(self) -> datetime:
        return T0

    def monotonic(self) -> float:
        return self.seconds


class Performer:
    """Notes the commands; crashes at those of one kind."""

    def __init__(self) -> None:
        self.performed: list[Command] = []
        self.crashes_at: type | None = None

    def perform(self, _actor: CallActor, command: Command) -> None:
        self.performed.append(command)
        if self.crashes_at is not None and isinstance(command, self.crashes_at):
            raise RuntimeError("a bug")

    def did(self, kind: type) -> int:
        return sum(isinstance(command, kind) for command in self.performed)


@pytest.fixture
def performer() -> Performer:
    return Performer()


@pytest.fixture
async def actor(performer: Performer) -> AsyncIterator[CallActor]:
    lead = ClaimedLead(
        attempt=AttemptId(5), lead=LeadId(1), number_id=NumberId(1), number="70000000001", campaign=CAMPAIGN,
        list=ListId(1), temperature=Temperature.COLD, priority=3, due_at=T0, promised_agent=None, needs_agent=False,
        promise=None, counters=LeadCounters(0, 0, 0, 0, 0, None),
    )  # fmt: skip
    rules = preset("lab")
    row = CampaignRow(CAMPAIGN, 1, "c", "c", "running", "power", "lab", "", rules.to_document(), 1, None)
    context = CallContext(lead, Intent(AttemptId(5), None, T0, 1), row, rules, EngineId(1), "lab", "boot1", {})
    actor = CallActor(context, performer, Clock(), None)
    yield actor
    actor.deliver(NodeLost(T0))  # cancels its timers


def ringing() -> ChannelProgress:
    return ChannelProgress(CHANNEL, Progress.RINGING, T0)


ANSWERED = ChannelAnswered(CHANNEL, T0)
RESERVED = AgentReserved(AgentId(1), "ag-000001-000000001", BRIDGE, T0)
STORIES: dict[CallState, list[Any]] = {
    CallState.PLACING: [],
    CallState.RINGING: [ringing()],
    CallState.WAITING: [ANSWERED],
    CallState.BRIDGING: [ANSWERED, RESERVED],
    CallState.TALKING: [ANSWERED, RESERVED, ChannelEnteredBridge(CHANNEL, BRIDGE, T0)],
    CallState.MESSAGE: [ANSWERED, NoAgentInTime(T0)],
}


@pytest.mark.parametrize("crashing", [RequestAgent, BridgeCustomer, PlayMessage])
async def test_a_command_that_crashes_ends_the_call_and_does_not_hang_it(
    actor: CallActor, performer: Performer, crashing: type
) -> None:
    performer.crashes_at = crashing
    given: list[CallEvent] = [] if crashing is PlayMessage else [RESERVED]
    for event in (ringing(), ANSWERED, *given, NoAgentInTime(T0)):
        actor.deliver(event)
    assert actor.call.state is CallState.ENDING
    assert performer.did(HangUp) == 1
    actor.deliver(ChannelEnded(CHANNEL, 16, None, T0))
    assert actor.call.outcome is Outcome.ABANDONED
    assert performer.did(FinishAttempt) == 1


def live(actor: CallActor, state: CallState) -> Calls:
    for event in STORIES[state]:
        actor.deliver(event)
    assert actor.call.state is state
    calls = Calls()
    calls.add(actor)
    return calls


def compare(calls: Calls, seen: ChannelSnapshot | None, asked_at: float = 60.0) -> None:
    shown = {} if seen is None else {CHANNEL: seen}
    calls.compare(calls.positions(), asked_at, shown, T0)


@pytest.mark.parametrize("state", STORIES)
async def test_a_call_that_the_switch_does_not_show_has_ended_unseen(actor: CallActor, state: CallState) -> None:
    compare(live(actor, state), None)
    assert actor.call.outcome is (Outcome.ANSWERED if state is CallState.TALKING else Outcome.UNKNOWN)


async def test_an_order_that_may_still_be_on_its_way_is_waited_for(actor: CallActor) -> None:
    calls = live(actor, CallState.PLACING)
    compare(calls, None, UNHEARD_S - 1)
    assert actor.call.state is CallState.PLACING


@pytest.mark.parametrize(
    ("state", "up", "bridge", "then"),
    [
        (CallState.PLACING, True, None, CallState.MESSAGE),
        (CallState.RINGING, True, None, CallState.MESSAGE),
        (CallState.RINGING, False, None, CallState.RINGING),
        (CallState.WAITING, True, None, CallState.WAITING),
        (CallState.BRIDGING, True, BRIDGE, CallState.TALKING),
        (CallState.BRIDGING, True, None, CallState.BRIDGING),
        (CallState.TALKING, True, BRIDGE, CallState.TALKING),
        (CallState.TALKING, True, None, CallState.ENDING),
        (CallState.MESSAGE, True, None, CallState.MESSAGE),
    ],
)
async def test_a_call_is_told_what_it_missed(
    actor: CallActor, state: CallState, up: bool, bridge: str | None, then: CallState
) -> None:
    compare(live(actor, state), ChannelSnapshot(CHANNEL, up, bridge, T0))
    assert actor.call.state is then


async def test_a_call_that_has_moved_on_since_is_left_alone(actor: CallActor) -> None:
    calls = live(actor, CallState.RINGING)
    before = calls.positions()
    actor.deliver(ANSWERED)
    calls.compare(before, 60.0, {}, T0)
    assert actor.call.state is CallState.WAITING


async def test_an_onlooker_who_fails_does_not_keep_the_others_from_the_end_of_a_call(actor: CallActor) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a screen that crashed")

    calls, told = live(actor, CallState.RINGING), []
    calls.observe_finished(fail)
    calls.observe_finished(lambda _actor, final: told.append(final.attempt))
    calls.call_finished(actor, cast(Any, type("Final", (), {"attempt": AttemptId(5)})))
    assert told == [5]
    assert len(calls) == 0
