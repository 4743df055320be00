"""The shell around an agent's shift: what it does when the leg, an onlooker or the telephone fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from agents.agent import Agent
from campaigns.presets import preset
from dialer.floor import LEG_UP_S, REDIAL_S, Conversation, Floor
from dialer.tasks import Tasks
from dialer.writer import Writer
from domain.errors import TelephonyError, Unavailable
from domain.events import AgentLegLost, CallEvent, ChannelEnded, ChannelEnteredBridge
from domain.ids import AgentId, AttemptId, CampaignId, LeadId, ListId, NumberId, ShiftId
from domain.outcome import AgentState, Temperature
from domain.ports import ChannelSnapshot, Telephony
from domain.records import AgentRow, ClaimedLead, LeadCounters
from domain.stores import EngineStore

pytestmark = pytest.mark.unit

T0 = datetime(2026, 3, 3, 12, tzinfo=UTC)
CAMPAIGN, ATTEMPT = CampaignId(1), AttemptId(5)
ROW = AgentRow(AgentId(1), "anna", "Anna", "agent001", "ready")


class World:
    """Clock, switch and store; notes what is done."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.shifts = 0
        self.done: list[tuple[str, str]] = []
        self.delivered: list[tuple[AttemptId, CallEvent]] = []
        self.refuses = False
        self.away = False

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def start_shift(self, agent: AgentId, at: datetime) -> ShiftId:
        self.shifts += 1
        return ShiftId(self.shifts)

    async def create_bridge(self, bridge: str) -> None:
        self.done.append(("bridge", bridge))

    async def originate(self, order: Any) -> None:
        self.done.append(("dial", order.channel))
        if self.refuses:
            raise TelephonyError

    async def hang_up(self, channel: str) -> None:
        self.done.append(("hang up", channel))
        if self.away:
            raise Unavailable

    async def destroy_bridge(self, bridge: str) -> None:
        self.done.append(("destroy", bridge))


def conversation() -> Conversation:
    lead = ClaimedLead(
        attempt=ATTEMPT, lead=LeadId(1), number_id=NumberId(1), number="70000000001", campaign=CAMPAIGN, list=ListId(1),
        temperature=Temperature.COLD, priority=3, due_at=T0, promised_agent=None, needs_agent=False, promise=None,
        counters=LeadCounters(0, 0, 0, 0, 0, None),
    )  # fmt: skip
    return Conversation(lead, preset("lab"))


class Stage:
    def __init__(self) -> None:
        self.world = World()
        self.tasks = Tasks()
        self.missing: list[AttemptId] = []
        self.floor = Floor(
            cast(Telephony, self.world),
            cast(EngineStore, self.world),
            Writer(cast(Any, self.world), cast(Any, self.world)),
            self.world,
            self.tasks,
            lambda attempt, event: self.world.delivered.append((attempt, event)),
        )
        self.floor.on_result_missing = lambda _agent, about: self.missing.append(about.lead.attempt)

    @property
    def agent(self) -> Agent:
        return self.floor.agent(ROW.id)

    def is_in(self, state: AgentState) -> bool:
        return self.agent.state is state

    async def sign_on(self) -> None:
        await self.floor.sign_on(ROW, [CAMPAIGN])
        await self.tasks.idle()

    async def ready(self) -> None:
        await self.sign_on()
        self.floor.on_telephony(ChannelEnteredBridge(self.agent.channel, self.agent.bridge, self.world.now()))
        assert self.agent.state is AgentState.READY

    async def talk(self) -> None:
        await self.ready()
        assert self.floor.request(conversation()) is not None
        self.floor.conversation_began(ROW.id)

    def lose_leg(self) -> None:
        self.floor.on_telephony(ChannelEnded(self.agent.channel, 16, None, self.world.now()))

    def seen(self, bridge: str | None) -> dict[str, ChannelSnapshot]:
        return {self.agent.channel: ChannelSnapshot(self.agent.channel, True, bridge, T0)}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.tasks.close()


async def test_an_onlooker_who_fails_stops_nobody(stage: Stage) -> None:
    def fail(_change: object) -> None:
        raise RuntimeError("a screen that crashed")

    told = []
    stage.floor.observe(fail)
    stage.floor.observe(lambda change: told.append(change.state))
    await stage.talk()
    stage.floor.release(ROW.id, talked=True)
    assert told[-3:] == [AgentState.RESERVED, AgentState.TALKING, AgentState.WRAPUP]


@pytest.mark.parametrize("wrapping_up", [False, True])
async def test_an_agent_whose_leg_is_lost_leaves_no_conversation_without_a_result(
    stage: Stage, wrapping_up: bool
) -> None:
    await stage.talk()
    if wrapping_up:
        stage.floor.release(ROW.id, talked=True)
    stage.lose_leg()
    assert stage.is_in(AgentState.OFFLINE)
    assert stage.missing == [ATTEMPT]
    assert [type(event) for _, event in stage.world.delivered] == ([] if wrapping_up else [AgentLegLost])


async def test_a_result_that_was_given_is_not_missing(stage: Stage) -> None:
    await stage.talk()
    stage.floor.sign_off(ROW.id)
    stage.floor.release(ROW.id, talked=True)
    stage.floor.wrapped_up(ROW.id)
    assert stage.is_in(AgentState.OFFLINE)
    assert stage.missing == []


async def test_a_telephone_that_cannot_be_reached_is_not_rung_every_second(stage: Stage) -> None:
    stage.world.refuses = True
    dialled_at = []
    for second in range(120):
        stage.world.seconds = second
        before = stage.world.shifts
        await stage.sign_on()
        if stage.world.shifts > before:
            dialled_at.append(second)
    assert dialled_at == [0, 1, 3, 7, 15, 31, 61, 91]
    stage.world.refuses = False
    stage.world.seconds = 91 + REDIAL_S[1]
    await stage.ready()
    stage.lose_leg()
    await stage.sign_on()
    assert stage.is_in(AgentState.CONNECTING)


async def test_whoever_comes_back_by_himself_is_rung_at_once(stage: Stage) -> None:
    stage.world.refuses = True
    await stage.sign_on()
    stage.floor.sign_off(ROW.id)
    await stage.sign_on()
    assert stage.world.shifts == 2


async def test_a_leg_whose_end_was_missed_is_noticed(stage: Stage) -> None:
    await stage.ready()
    before = stage.floor.present()
    stage.floor.compare(before, stage.seen(stage.agent.bridge), stage.world.now())
    assert stage.is_in(AgentState.READY)
    stage.floor.compare(before, {}, stage.world.now())
    assert stage.is_in(AgentState.OFFLINE)


async def test_a_leg_outside_its_bridge_hears_nobody_and_ends(stage: Stage) -> None:
    await stage.ready()
    stage.floor.compare(stage.floor.present(), stage.seen(None), stage.world.now())
    await stage.tasks.idle()
    assert stage.is_in(AgentState.OFFLINE)
    assert ("hang up", stage.agent.channel) in stage.world.done


async def test_a_leg_that_came_up_unheard_is_ready(stage: Stage) -> None:
    await stage.sign_on()
    stage.floor.compare(stage.floor.present(), stage.seen(stage.agent.bridge), stage.world.now())
    assert stage.is_in(AgentState.READY)


async def test_a_leg_that_never_comes_up_is_given_up(stage: Stage) -> None:
    await stage.sign_on()
    before = stage.floor.present()
    stage.floor.compare(before, stage.seen(None), stage.world.now())
    assert stage.is_in(AgentState.CONNECTING)
    stage.world.seconds = LEG_UP_S + 1
    stage.floor.compare(before, stage.seen(None), stage.world.now())
    assert stage.is_in(AgentState.OFFLINE)


async def test_a_shift_that_began_after_the_look_is_left_alone(stage: Stage) -> None:
    await stage.ready()
    before = {ROW.id: replace(stage.agent, shift=ShiftId(99))}
    stage.floor.compare(before, {}, stage.world.now())
    assert stage.is_in(AgentState.READY)


async def test_the_bridge_goes_even_if_the_leg_cannot_be_hung_up(stage: Stage) -> None:
    await stage.ready()
    stage.world.away = True
    stage.floor.sign_off(ROW.id)
    await stage.tasks.idle()
    assert ("destroy", stage.agent.bridge) in stage.world.done
