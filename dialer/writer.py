"""Everything the engine has to tell the database, in the order in which it happened.

Calls never wait for the database: finished attempts, dispositions and intervals are queued here and
written in batches. While PostgreSQL is away the queue keeps them and tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from domain.errors import DialerError, Unavailable
from domain.ids import ShiftId
from domain.records import AgentInterval, AttemptFinal, Disposition, NextStep
from domain.stores import DialStore, EngineStore

log = structlog.get_logger()

T = TypeVar("T")

#: Rows arriving within this time go to the database together, seconds.
GATHER_S = 0.05
#: Between two tries while the database is away, seconds.
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class DispositionToWrite:
    disposition: Disposition
    step: NextStep


@dataclass(frozen=True, slots=True)
class ShiftToClose:
    shift: ShiftId
    at: datetime


Item = AttemptFinal | DispositionToWrite | AgentInterval | ShiftToClose


class Writer:
    """An ordered, batching, retrying queue in front of the stores."""

    def __init__(self, dial_store: DialStore, engine_store: EngineStore) -> None:
        self._dial_store = dial_store
        self._engine_store = engine_store
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._closing = asyncio.Event()

    def put(self, item: Item) -> None:
        self._queue.put_nowait(item)

    @property
    def backlog(self) -> int:
        return self._queue.qsize()

    async def run(self) -> None:
        """Write until `close` is called and nothing is left."""
        while True:
            batch = await self._next_batch()
            if not batch:
                return
            await self._write_until_done(batch)
            for _ in batch:
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until everything put so far is written."""
        await self._queue.join()

    def close(self) -> None:
        self._closing.set()

    async def _next_batch(self) -> list[Item]:
        first = asyncio.ensure_future(self._queue.get())
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((first, closing), return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                return []
            if not self._closing.is_set():
                await asyncio.sleep(GATHER_S)
            batch = [first.result()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            return batch
        finally:
            for waiter in (first, closing):
                if not waiter.done():
                    waiter.cancel()

    async def _write_until_done(self, batch: list[Item]) -> None:
        """Attempts first (their leads wait for the disposition), then the rest; each part once."""
        attempts = [item for item in batch if isinstance(item, AttemptFinal)]
        await self._write_together("attempts", attempts, self._dial_store.finish)
        for item in batch:
            if isinstance(item, DispositionToWrite):
                write = partial(self._dial_store.record_disposition, item.disposition, item.step)
                await self._retry("disposition", 1, write)
        intervals = [item for item in batch if isinstance(item, AgentInterval)]
        await self._write_together("intervals", intervals, self._engine_store.record_intervals)
        for item in batch:
            if isinstance(item, ShiftToClose):
                await self._retry("shift", 1, partial(self._engine_store.end_shift, item.shift, item.at))

    async def _write_together(
        self, what: str, rows: Sequence[T], write: Callable[[Sequence[T]], Awaitable[None]]
    ) -> None:
        """One row that the schema refuses must not take the others of its batch with it."""
        if rows and not await self._retry(what, len(rows), partial(write, rows)) and len(rows) > 1:
            for row in rows:
                await self._retry(what, 1, partial(write, [row]))

    async def _retry(self, what: str, count: int, write: Callable[[], Awaitable[None]]) -> bool:
        """False if the row, or one of the batch, is refused for a reason that no waiting changes."""
        while True:
            try:
                await write()
                return True
            except Unavailable:
                log.warning("database.away", holding=what, count=count, backlog=self.backlog)
                await asyncio.sleep(RETRY_S)
            except DialerError as refused:
                log.error("database.refused", what=what, count=count, error=type(refused).__name__)
                return False
            except Exception:
                # A row that the schema refuses must not hold up all those behind it.
                log.exception("database.row_refused", what=what, count=count)
                return False
