"""The loop's own promises: what is closed while the database answers slowly, wrongly or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.agent import Agent
from campaigns.presets import preset
from dialer import campaign_loop as module
from dialer.abandonment import LiveWindow
from dialer.call_actor import CallActor
from dialer.calls import Calls
from dialer.campaign_loop import CampaignLoop
from dialer.executor import Executor
from dialer.floor import Floor
from dialer.hopper import Hopper
from domain.clock import SystemClock
from domain.commands import FinishAttempt
from domain.errors import Unavailable
from domain.events import AgentReserved
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ListId, NumberId, ShiftId
from domain.outcome import AgentState, LeadState, Outcome, Temperature
from domain.records import AttemptFinal, CampaignRow, ClaimedLead, Intent, IntentOrder, LeadCounters
from domain.stores import DialStore

pytestmark = pytest.mark.unit

T0 = datetime(2026, 3, 3, 12, tzinfo=UTC)
ME, CAMPAIGN = EngineId(1), CampaignId(1)


def lead(attempt: int, number: str = "79000000001", *, needs_agent: bool = False) -> ClaimedLead:
    return ClaimedLead(
        attempt=AttemptId(attempt), lead=LeadId(attempt), number_id=NumberId(attempt), number=number, campaign=CAMPAIGN,
        list=ListId(1), temperature=Temperature.COLD, priority=3, due_at=T0, promised_agent=None,
        needs_agent=needs_agent, promise=None, counters=LeadCounters(0, 0, 0, 0, 0, None),
    )  # fmt: skip


class World:
    """Stores, switch, floor and executor of one campaign with one free agent; notes what is done to them."""

    def __init__(self, leads: Sequence[ClaimedLead]) -> None:
        self.leads = list(leads)
        self.claims_fail: list[Exception] = []
        self.intends_fail: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.intending = asyncio.Event()
        self.keeping = asyncio.Event()
        self.released: list[list[int]] = []
        self.unclaimed: list[int] = []
        self.finished: list[AttemptFinal] = []
        self.undialled: list[AttemptFinal] = []
        self.refused = 0  # calls that ended without having been placed
        self.placed: list[CallActor] = []
        self.freed: list[AgentId] = []
        self.kept: list[set[AgentId]] = []
        self.is_up = True
        self.unclaims_fail = False

    # the stores
    async def take_lease(self, *_: object) -> bool:
        return True

    async def claim(self, _campaign: object, _engine: object, limit: int, _free: object) -> Sequence[ClaimedLead]:
        claimed, self.leads = self.leads[:limit], self.leads[limit:]
        if self.claims_fail:
            raise self.claims_fail.pop(0)
        return claimed

    async def release_claims(self, _campaign: object, _engine: object, keep: Collection[AttemptId]) -> int:
        self.released.append(sorted(keep))
        return 0

    async def unclaim(self, attempts: Collection[AttemptId]) -> None:
        if self.unclaims_fail:
            raise Unavailable
        self.unclaimed += attempts

    async def promised_agents(self, _campaign: object) -> Collection[AgentId]:
        return ()

    async def intend(self, *arguments: Any) -> Sequence[Intent]:
        orders: Sequence[IntentOrder] = arguments[-1]
        self.intending.set()
        await self.gate.wait()
        if self.intends_fail:
            raise self.intends_fail.pop(0)
        return [Intent(order.attempt, None, T0, 1) for order in orders]

    async def finish(self, finals: Sequence[AttemptFinal]) -> None:
        self.finished += finals

    async def live(self, *_: object) -> Any:
        return SimpleNamespace(abandoned=0, persons=0)

    # the switch
    async def arm_trunk(self, trunk: str, epoch: int) -> str:
        return f"{trunk}-e{epoch}"

    def trunk_reachable(self, _trunk: str) -> bool | None:
        return None

    # the floor
    def agents_of(self, _campaign: object) -> list[Any]:
        return [Agent(AgentId(1), ShiftId(1), AgentState.READY, T0)]

    def free(self, _campaign: object) -> list[AgentId]:
        return [AgentId(1)]

    def kept_agents(self, _campaign: object) -> set[AgentId]:
        return set()

    def keep(self, _campaign: object, agents: Collection[AgentId]) -> None:
        self.kept.append(set(agents))
        self.keeping.set()

    def reserve_for(self, agent: AgentId, _conversation: object) -> AgentReserved:
        return AgentReserved(agent, "ag-000001-000000001", "ab-000001-000000001", T0)

    def release(self, agent: AgentId, *, talked: bool) -> None:
        self.freed.append(agent)

    # the executor
    def place(self, actor: CallActor, _endpoint: str) -> None:
        self.placed.append(actor)

    def perform(self, actor: CallActor, command: object) -> None:
        self.refused += isinstance(command, FinishAttempt)

    def close_undialled(self, final: AttemptFinal) -> None:
        self.undialled.append(final)


def make_loop(world: World, **rules: Any) -> CampaignLoop:
    document = preset("lab", rules).to_document()
    row = CampaignRow(CAMPAIGN, 1, "c", "c", "running", "progressive", "lab", "", document, 1, None)
    parts = SimpleNamespace(
        telephony=world, trunks=world, dial_store=world, engine_store=world, campaign_store=world,
        live_window=cast(LiveWindow, world), clock=SystemClock(), node="lab",
    )  # fmt: skip
    floor = SimpleNamespace(
        agents_of=world.agents_of, free=world.free, kept=world.kept_agents, keep=world.keep,
        reserve_for=world.reserve_for, release=world.release,
    )  # fmt: skip
    return CampaignLoop(row, ME, cast(Any, parts), Calls(), cast(Floor, floor), cast(Executor, world), lambda: "boot1")


@pytest.fixture(autouse=True)
def no_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        """The calendar is not what these tests are about."""

    monkeypatch.setattr(module, "refresh_hours", nothing)


async def started(world: World, **rules: Any) -> CampaignLoop:
    loop = make_loop(world, **rules)
    loop.start()
    async with asyncio.timeout(5):
        await world.intending.wait()
    return loop


async def test_an_intent_that_is_being_committed_at_the_close_becomes_a_row_and_not_a_call() -> None:
    world = World([lead(1, needs_agent=True)])
    world.gate.clear()
    loop = await started(world)
    closing = asyncio.create_task(loop.close())
    await asyncio.sleep(0)
    assert not closing.done()
    world.gate.set()
    await asyncio.wait_for(closing, 5)
    assert world.placed == []
    assert world.refused == 1
    assert world.released[-1] == []


@pytest.mark.parametrize("failure", [Unavailable(), RuntimeError("a bug")])
async def test_an_intent_without_an_answer_frees_its_agent_and_its_lead(failure: Exception) -> None:
    world = World([lead(1, needs_agent=True)])
    world.intends_fail = [failure]
    loop = await started(world)
    await loop.close()
    assert world.freed == [AgentId(1)]
    assert world.placed == []
    assert world.unclaimed == [1]
    assert [(final.attempt, final.outcome) for final in world.finished] == [(1, Outcome.NOT_PLACED)]


async def test_what_cannot_be_settled_at_the_close_is_left_to_the_writer() -> None:
    world = World([lead(1)])
    world.intends_fail = [Unavailable()]
    world.unclaims_fail = True
    loop = await started(world)
    await loop.close()
    assert [final.attempt for final in world.undialled] == [1]


async def test_a_number_that_the_rules_forbid_frees_its_agent_and_blocks_its_lead() -> None:
    forbidden, allowed = lead(1, "4917012345678", needs_agent=True), lead(2)
    world = World([forbidden, allowed])
    loop = await started(world)
    await loop.close()
    [final] = world.undialled
    assert (final.attempt, final.outcome, final.next.state, final.next.rule) == (
        1,
        Outcome.NOT_PLACED,
        LeadState.BLOCKED,
        "countries",
    )
    assert world.freed == [AgentId(1)]


async def test_nobody_is_kept_for_promises_that_cannot_be_dialled() -> None:
    world = World([])
    world.is_up = False
    loop = make_loop(world)
    loop.start()
    async with asyncio.timeout(5):
        await world.keeping.wait()
    await loop.close()
    assert world.kept[0] == set()


async def test_claims_whose_answer_was_lost_are_returned_before_the_next_ones() -> None:
    world = World([lead(1), lead(2), lead(3)])
    hopper = Hopper(cast(DialStore, world), CAMPAIGN, ME)
    await hopper.fill(1, [], now=0.0)
    world.claims_fail = [Unavailable()]
    with pytest.raises(Unavailable):
        await hopper.fill(2, [], now=1.0)
    await hopper.fill(2, [], now=1.1)
    assert world.released == [[], [1]]
    assert [one.attempt for one in hopper.take(5)] == [1, 3]
