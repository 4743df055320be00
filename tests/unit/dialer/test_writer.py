"""The writer: order, batches, and a database that is away for a while or refuses a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dialer import writer as module
from dialer.writer import DispositionToWrite, ShiftToClose, Writer
from domain.errors import BadInput, Unavailable
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ListId, NumberId, ShiftId
from domain.outcome import AgentState, LeadState, Outcome, Temperature
from domain.records import AgentInterval, AttemptFinal, Disposition, NextStep

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def final(attempt: int) -> AttemptFinal:
    return AttemptFinal(
        attempt=AttemptId(attempt), lead=LeadId(attempt), number_id=NumberId(attempt), campaign=CampaignId(1),
        list=ListId(1), temperature=Temperature.COLD, agent=None, promise=None, outcome=Outcome.BUSY, counted=False,
        started_at=T0, ringing_at=None, answered_at=None, bridged_at=None, ended_at=T0, sip_code=486, q850=17,
        hangup_by=None, message_heard=None, trunk="lab", node="lab", node_incarnation="1", engine=EngineId(1),
        rules_version=1, next=NextStep(LeadState.EXHAUSTED),
    )  # fmt: skip


def disposition(attempt: int) -> DispositionToWrite:
    said = Disposition(AttemptId(attempt), LeadId(attempt), CampaignId(1), AgentId(1), "SALE", T0)
    return DispositionToWrite(said, NextStep(LeadState.WON))


def interval(second: int) -> AgentInterval:
    start = T0 + timedelta(seconds=second)
    return AgentInterval(AgentId(1), ShiftId(1), None, AgentState.READY, start, start + timedelta(seconds=1), None)


class Stores:
    """Both stores in one: notes what is written; fails as it is told."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.failures: list[Exception] = []
        self.batches: list[int] = []

    def _maybe_fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def finish(self, finals: Sequence[AttemptFinal]) -> None:
        self._maybe_fail()
        self.batches.append(len(finals))
        self.written += [f"attempt {one.attempt}" for one in finals]

    async def record_disposition(self, said: Disposition, _step: NextStep) -> None:
        self._maybe_fail()
        self.written.append(f"disposition {said.attempt}")

    async def record_intervals(self, intervals: Sequence[AgentInterval]) -> None:
        self._maybe_fail()
        self.written.append(f"intervals {len(intervals)}")

    async def end_shift(self, shift: ShiftId, _at: datetime) -> None:
        self._maybe_fail()
        self.written.append(f"shift {shift}")


@pytest.fixture
def stores() -> Stores:
    return Stores()


@pytest.fixture
async def writer(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Writer]:
    monkeypatch.setattr(module, "RETRY_S", 0)
    writer = Writer(stores, stores)  # type: ignore[arg-type]
    running = asyncio.create_task(writer.run())
    yield writer
    writer.close()
    await asyncio.wait_for(running, 5)


async def test_a_lead_is_closed_before_its_disposition_decides_about_it(writer: Writer, stores: Stores) -> None:
    writer.put(disposition(1))
    writer.put(final(1))
    await writer.drain()
    assert stores.written == ["attempt 1", "disposition 1"]


async def test_what_comes_together_is_written_together(writer: Writer, stores: Stores) -> None:
    for attempt in range(20):
        writer.put(final(attempt))
    await writer.drain()
    assert stores.batches == [20]


async def test_nothing_is_lost_while_the_database_is_away(writer: Writer, stores: Stores) -> None:
    stores.failures = [Unavailable(), Unavailable(), Unavailable()]
    writer.put(final(1))
    writer.put(interval(0))
    await writer.drain()
    assert stores.written == ["attempt 1", "intervals 1"]


@pytest.mark.parametrize("refusal", [BadInput("no such code"), ValueError("a constraint")])
async def test_a_refused_row_does_not_hold_up_those_behind_it(
    writer: Writer, stores: Stores, refusal: Exception
) -> None:
    writer.put(disposition(1))
    writer.put(disposition(2))
    stores.failures = [refusal]
    await writer.drain()
    assert stores.written == ["disposition 2"]


async def test_a_shift_ends_after_its_last_interval(writer: Writer, stores: Stores) -> None:
    writer.put(ShiftToClose(ShiftId(1), T0))
    writer.put(interval(0))
    await writer.drain()
    assert stores.written == ["intervals 1", "shift 1"]


async def test_closing_writes_what_is_left(stores: Stores) -> None:
    writer = Writer(stores, stores)  # type: ignore[arg-type]
    running = asyncio.create_task(writer.run())
    writer.put(final(1))
    writer.close()
    await asyncio.wait_for(running, 5)
    assert stores.written == ["attempt 1"]


async def test_one_row_of_a_batch_that_is_refused_does_not_take_the_others_with_it(
    writer: Writer, stores: Stores
) -> None:
    stores.failures = [ValueError("a constraint"), ValueError("a constraint")]
    for attempt in (1, 2, 3):
        writer.put(final(attempt))
    await writer.drain()
    assert stores.written == ["attempt 2", "attempt 3"]
