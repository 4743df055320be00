from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from campaigns.rules import CampaignRules
from dialer.reconcile import SETTLE_S, SILENT_S, Takeover, close_strangers
from domain.clock import Clock
from domain.disposition import DispositionKind
from domain.errors import AlreadyExists, Gone, Unavailable
from domain.ids import (
    AgentId,
    AttemptId,
    CampaignId,
    EngineId,
    LeadId,
    ListId,
    NumberId,
    PromiseId,
    ShiftId,
    agent_bridge,
    agent_channel,
    customer_channel,
)
from domain.outcome import LeadState, Outcome, Temperature
from domain.ports import ChannelSnapshot, SwitchSnapshot, Telephony
from domain.records import AttemptFinal, Disposition, LeadCounters, LeftBehind, LeftInWrapUp, NextStep
from domain.stores import DialStore, EngineStore

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
ME, DEAD = EngineId(7), EngineId(6)
NO_RESULT = DispositionKind(
    "DISPO_TIMEOUT", "", False, False, False, False, False, False, promise=False, dnc=False, lead_state=None
)
LOOSE_ENDS = [("left in wrap-up",), ("close shifts", ME, 8)]
FRESH = LeadCounters(0, 0, 0, 0, 0, None)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@dataclass
class World:
    """The switch and both stores in one, so that the order of all that is done to them shows."""

    gone: Sequence[EngineId] = (DEAD,)
    rows: list[tuple[AttemptFinal, LeftBehind | None]] = field(default_factory=list)
    channels: Sequence[str] = ()
    away: str = ""
    done: list[tuple[Any, ...]] = field(default_factory=list)
    finished: list[AttemptFinal] = field(default_factory=list)
    bridges: Sequence[str] = ()
    wrapups: Sequence[LeftInWrapUp] = ()
    said: list[tuple[Disposition, NextStep]] = field(default_factory=list)

    def _do(self, *what: Any) -> None:
        self.done.append(what)
        if self.away == what[0]:
            raise Unavailable("away")

    async def bury_engines(self, engine: EngineId, silent_s: float) -> Sequence[EngineId]:
        self._do("bury", engine, silent_s)
        return self.gone

    async def trunks(self) -> Sequence[str]:
        return ["north", "south"]

    async def disarm_trunk(self, trunk: str, epoch: int) -> None:
        self._do("disarm", trunk, epoch)

    async def sleep(self, seconds: float) -> None:
        self._do("wait", seconds)

    async def snapshot(self) -> SwitchSnapshot:
        self._do("snapshot")
        return SwitchSnapshot(
            "boot1", tuple(ChannelSnapshot(name, True, None, NOW) for name in self.channels), self.bridges
        )

    async def hang_up(self, channel: str, *, cause: int = 16) -> None:
        self._do("hang up", channel)
        if channel == customer_channel(AttemptId(404)):
            raise Gone("gone")

    async def left_in_wrapup(self) -> Sequence[LeftInWrapUp]:
        self._do("left in wrap-up")
        return self.wrapups

    async def record_disposition(self, said: Disposition, step: NextStep) -> None:
        self.said.append((said, step))
        if said.attempt == 409:
            raise AlreadyExists("said already")

    async def close_forgotten_shifts(self, engine: EngineId, mine: Collection[ShiftId]) -> int:
        self._do("close shifts", engine, *mine)
        return 1

    async def destroy_bridge(self, bridge: str) -> None:
        self._do("destroy", bridge)

    async def leftovers(self, engine: EngineId) -> Sequence[AttemptFinal]:
        self._do("leftovers", engine)
        return [final for final, _lead in self.rows]

    async def left_behind(self, attempts: Collection[AttemptId]) -> Sequence[LeftBehind]:
        return [lead for _final, lead in self.rows if lead is not None and lead.attempt in attempts]

    async def finish(self, finals: Sequence[AttemptFinal]) -> None:
        self._do("finish", len(finals))
        self.finished.extend(finals)

    async def take_over(self, known: Collection[str] = ()) -> Sequence[EngineId]:
        return await self.takeover(known).run(ME)

    def takeover(self, known: Collection[str] = ()) -> Takeover:
        return Takeover(
            cast(Telephony, self),
            cast(DialStore, self),
            cast(EngineStore, self),
            cast(Clock, FixedClock()),
            lambda: known,
            lambda: [ShiftId(8)],
            NO_RESULT,
            sleep=self.sleep,
        )


def left(
    attempt: int = 1,
    counters: LeadCounters = FRESH,
    *,
    rules: dict[str, Any] | None = None,
    promise: PromiseId | None = None,
    ended: bool = True,
) -> tuple[AttemptFinal, LeftBehind | None]:
    final = AttemptFinal(
        attempt=AttemptId(attempt),
        lead=LeadId(attempt),
        number_id=NumberId(attempt),
        campaign=CampaignId(1),
        list=ListId(1),
        temperature=Temperature.COLD,
        agent=None,
        promise=promise,
        outcome=Outcome.UNKNOWN,
        counted=True,
        started_at=NOW - timedelta(seconds=30),
        ringing_at=None,
        answered_at=None,
        bridged_at=None,
        ended_at=NOW,
        sip_code=None,
        q850=None,
        hangup_by=None,
        message_heard=None,
        trunk="north",
        node="node1",
        node_incarnation="boot1",
        engine=DEAD,
        rules_version=1,
        next=NextStep(LeadState.QUEUED, due_at=NOW + timedelta(minutes=77), priority=3, rule="proposed"),
    )
    lead = LeftBehind(AttemptId(attempt), Temperature.COLD, False, promise, counters, rules or {})
    return final, lead if ended else None


async def test_gates_close_first_then_a_second_passes_then_calls_end_and_rows_come_last() -> None:
    stranger = customer_channel(AttemptId(5))
    world = World(gone=[EngineId(4), DEAD], rows=[left()], channels=[stranger])
    assert await world.take_over() == [4, DEAD]
    assert world.done == [
        ("bury", ME, SILENT_S),
        ("disarm", "north", 4),
        ("disarm", "north", DEAD),
        ("disarm", "south", 4),
        ("disarm", "south", DEAD),
        ("wait", SETTLE_S),
        ("snapshot",),
        ("hang up", stranger),
        ("leftovers", ME),
        ("finish", 1),
        *LOOSE_ENDS,
    ]


async def test_without_a_gone_engine_nothing_is_touched() -> None:
    world = World(gone=[], rows=[left()], channels=[customer_channel(AttemptId(5))])
    assert await world.take_over() == []
    assert world.done == [("bury", ME, SILENT_S), *LOOSE_ENDS]


@pytest.mark.parametrize("away", ["disarm", "snapshot"])
async def test_no_row_is_closed_while_a_gate_may_be_open_or_a_call_unseen(away: str) -> None:
    """A row in flight is what keeps everybody from calling the same person a second time."""
    world = World(rows=[left()], away=away)
    with pytest.raises(Unavailable):
        await world.take_over()
    assert world.done[-1][0] == away
    assert world.finished == []


@pytest.mark.parametrize(
    ("counters", "state"),
    [
        (FRESH, LeadState.QUEUED),
        (LeadCounters(1, 1, 0, 0, 1, Outcome.NO_ANSWER), LeadState.QUEUED),
        (LeadCounters(2, 2, 0, 0, 2, Outcome.NO_ANSWER), LeadState.EXHAUSTED),
        (LeadCounters(0, 2, 0, 0, 0, None), LeadState.EXHAUSTED),
    ],
)
async def test_the_attempt_counts_on_top_of_those_before_it(counters: LeadCounters, state: LeadState) -> None:
    world = World(rows=[left(1, counters)])
    await world.take_over()
    (final,) = world.finished
    assert (final.outcome, final.counted, final.next.state) == (Outcome.UNKNOWN, True, state)
    if state is LeadState.QUEUED:
        wait_s = CampaignRules.from_document({}).retry[Outcome.UNKNOWN].delay_s(1)
        assert final.next.due_at == NOW + timedelta(seconds=wait_s)


async def test_a_promise_has_its_own_count() -> None:
    counters = LeadCounters(0, 0, 2, 0, 2, Outcome.NO_ANSWER)
    world = World(rows=[left(1, counters, promise=PromiseId(3)), left(2, counters)])
    await world.take_over()
    assert [final.next.state for final in world.finished] == [LeadState.EXHAUSTED, LeadState.QUEUED]


async def test_every_campaigns_own_rules_decide() -> None:
    patient = {"retry": {"UNKNOWN": {"delays_s": [7200]}}}
    world = World(rows=[left(1, rules=patient), left(2)])
    await world.take_over()
    assert [final.next.due_at for final in world.finished] == [NOW + timedelta(hours=2), NOW + timedelta(hours=1)]


async def test_rules_that_cannot_be_read_leave_the_proposed_step_and_hold_nobody_up() -> None:
    world = World(rows=[left(1, rules={"max_attempts": "many"}), left(2)])
    await world.take_over()
    assert [final.next.rule for final in world.finished] == ["proposed", "UNKNOWN"]


async def test_the_calls_of_an_engine_that_lives_are_left_to_it() -> None:
    """Without a lease, because its campaign was paused in mid-call."""
    world = World(rows=[left(1, ended=False), left(2)])
    await world.take_over()
    assert [final.attempt for final in world.finished] == [2]


async def test_only_legs_that_nobody_here_knows_are_hung_up() -> None:
    mine, other = customer_channel(AttemptId(1)), customer_channel(AttemptId(404))
    agent = agent_channel(AgentId(1), ShiftId(1))
    world = World(channels=[mine, "1700000000.17", other, agent])
    snapshot = await world.snapshot()
    assert await close_strangers(cast(Telephony, world), snapshot, {mine}) == 2
    assert world.done[1:] == [("hang up", other), ("hang up", agent)]


async def test_a_bridge_that_no_shift_owns_is_removed() -> None:
    mine, left_over = agent_bridge(AgentId(1), ShiftId(2)), agent_bridge(AgentId(1), ShiftId(1))
    world = World(bridges=[mine, "conference", left_over, "ab-strange"])
    snapshot = await world.snapshot()
    await close_strangers(cast(Telephony, world), snapshot, {mine})
    assert world.done[1:] == [("destroy", left_over)]


def in_wrapup(attempt: int, *, runs: int = 0) -> LeftInWrapUp:
    counters = LeadCounters(runs, runs, 0, 0, runs, Outcome.ANSWERED)
    behind = LeftBehind(AttemptId(attempt), Temperature.COLD, False, None, counters, {})
    return LeftInWrapUp(LeadId(attempt), CampaignId(1), AgentId(3), behind)


async def test_a_conversation_that_nobody_can_judge_any_more_gets_no_result_and_its_next_step() -> None:
    world = World(gone=[], wrapups=[in_wrapup(1), in_wrapup(409), in_wrapup(2, runs=2)])
    await world.take_over()
    assert [(said.code, said.attempt, said.agent) for said, _step in world.said] == [
        ("DISPO_TIMEOUT", attempt, 3) for attempt in (1, 409, 2)
    ]
    assert [step.state for _said, step in world.said] == [LeadState.QUEUED, LeadState.QUEUED, LeadState.EXHAUSTED]
    assert world.said[0][1].due_at == NOW + timedelta(days=1)


async def test_loose_ends_are_tied_once_and_again_when_another_engine_dies() -> None:
    world = World(gone=[])
    takeover = world.takeover()
    for gone in ([], [], [DEAD], []):
        world.gone = gone
        await takeover.run(ME)
    assert world.done.count(("close shifts", ME, 8)) == 2


async def test_loose_ends_that_could_not_be_tied_are_tried_again() -> None:
    world = World(gone=[], away="close shifts")
    takeover = world.takeover()
    with pytest.raises(Unavailable):
        await takeover.run(ME)
    world.away = ""
    await takeover.run(ME)
    assert world.done.count(("close shifts", ME, 8)) == 2
