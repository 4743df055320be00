"""What the executor does when the switch does not do what a call needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from campaigns.presets import preset
from dialer import executor as module
from dialer.call import CallState
from dialer.call_actor import CallActor, CallContext
from dialer.executor import Executor
from dialer.floor import Floor
from dialer.tasks import Tasks
from domain.clock import SystemClock
from domain.errors import Gone, InDoubt, Unavailable
from domain.events import AgentReserved, ChannelAnswered, ChannelEnded, ChannelEnteredBridge, NoAgentInTime
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ListId, NumberId, customer_channel
from domain.outcome import Outcome, Temperature
from domain.ports import SwitchSnapshot
from domain.records import AttemptFinal, CampaignRow, ClaimedLead, Intent, LeadCounters

pytestmark = pytest.mark.unit

T0 = datetime(2026, 3, 3, 12, tzinfo=UTC)
CHANNEL, BRIDGE = customer_channel(AttemptId(5)), "ab-000001-000000001"
ANSWERED = ChannelAnswered(CHANNEL, T0)
RESERVED = AgentReserved(AgentId(1), "ag-000001-000000001", BRIDGE, T0)
BRIDGED = ChannelEnteredBridge(CHANNEL, BRIDGE, T0)
BUG = RuntimeError("a bug")


class Switch:
    """Fails as it is told, one failure after the other; notes what it was asked."""

    def __init__(self) -> None:
        self.failures: dict[str, list[Exception]] = {}
        self.asked: list[str] = []

    def _do(self, what: str) -> None:
        self.asked.append(what)
        if self.failures.get(what):
            raise self.failures[what].pop(0)

    async def originate(self, _order: object) -> None:
        self._do("originate")

    async def add_to_bridge(self, *_: object) -> None:
        self._do("bridge")

    async def play(self, *_: object) -> None:
        self._do("play")

    async def hang_up(self, _channel: str) -> None:
        self._do("hang up")

    async def set_variable(self, *_: object) -> None:
        self._do("bound")

    async def snapshot(self) -> SwitchSnapshot:
        self._do("snapshot")
        return SwitchSnapshot("boot1", (), ())


class Stage:
    def __init__(self) -> None:
        self.switch, self.tasks = Switch(), Tasks()
        self.written: list[AttemptFinal] = []
        nothing = SimpleNamespace(
            request=lambda *_: None, withdraw=lambda *_: None, release=lambda *_, talked: None,
            conversation_began=lambda *_: None, start=lambda *_: None, finish=lambda *_: None,
            discard=lambda *_: None, call_finished=lambda *_: None, put=self.written.append,
        )  # fmt: skip
        floor, writer, recorder, finished = (cast(Any, nothing),) * 4
        self.executor = Executor(
            cast(Any, self.switch), cast(Floor, floor), writer, recorder, SystemClock(), self.tasks, finished
        )
        lead = ClaimedLead(
            attempt=AttemptId(5), lead=LeadId(1), number_id=NumberId(1), number="70000000001", campaign=CampaignId(1),
            list=ListId(1), temperature=Temperature.COLD, priority=3, due_at=T0, promised_agent=None,
            needs_agent=False, promise=None, counters=LeadCounters(0, 0, 0, 0, 0, None),
        )  # fmt: skip
        rules = preset("lab")
        row = CampaignRow(
            CampaignId(1), 1, "c", "c", "running", "power", "lab", "", rules.to_document(), 1, "sound:message"
        )
        context = CallContext(lead, Intent(AttemptId(5), None, T0, 1), row, rules, EngineId(1), "lab", "boot1", {})
        self.actor = CallActor(context, self.executor, SystemClock(), None)

    def is_in(self, state: CallState) -> bool:
        return self.actor.call.state is state

    def end(self) -> None:
        self.actor.deliver(ChannelEnded(CHANNEL, 16, None, T0))


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    for name in ("RETRY_S", "QUIET_S"):
        monkeypatch.setattr(module, name, 0)
    stage = Stage()
    yield stage
    stage.end()
    await stage.tasks.close()


@pytest.mark.parametrize("failure", [Gone(), BUG])
async def test_a_customer_who_cannot_be_bridged_waits_for_the_next_agent(stage: Stage, failure: Exception) -> None:
    stage.switch.failures["bridge"] = [failure]
    stage.actor.deliver(ANSWERED)
    stage.actor.deliver(RESERVED)
    await stage.tasks.idle()
    assert stage.is_in(CallState.WAITING)


@pytest.mark.parametrize("failure", [Gone(), BUG])
async def test_a_message_that_cannot_be_played_ends_the_call(stage: Stage, failure: Exception) -> None:
    stage.switch.failures["play"] = [failure]
    stage.actor.deliver(ANSWERED)
    stage.actor.deliver(NoAgentInTime(T0))
    async with asyncio.timeout(5):
        await stage.tasks.idle()
    assert stage.is_in(CallState.ENDING)
    assert stage.switch.asked == ["play", "hang up"]


async def test_a_hang_up_is_asked_for_until_the_switch_takes_it(stage: Stage) -> None:
    stage.switch.failures["hang up"] = [Unavailable(), InDoubt(), Unavailable()]
    stage.switch.failures["play"] = [Gone()]
    stage.actor.deliver(ANSWERED)
    stage.actor.deliver(NoAgentInTime(T0))
    async with asyncio.timeout(5):
        await stage.tasks.idle()
    assert stage.switch.asked.count("hang up") == 4


async def test_the_dead_mans_switch_is_set_until_the_switch_takes_it(stage: Stage) -> None:
    stage.switch.failures["bound"] = [Unavailable(), InDoubt()]
    for event in (ANSWERED, RESERVED, BRIDGED):
        stage.actor.deliver(event)
    async with asyncio.timeout(5):
        await stage.tasks.idle()
    assert stage.switch.asked.count("bound") == 3


async def test_an_order_that_crashed_is_looked_for_on_the_switch(stage: Stage) -> None:
    stage.switch.failures["originate"] = [BUG]
    stage.executor.place(stage.actor, "lab-e000000001")
    async with asyncio.timeout(5):
        await stage.tasks.idle()
    assert stage.switch.asked == ["originate", "snapshot"]
    [final] = stage.written
    assert final.outcome is Outcome.NOT_PLACED
