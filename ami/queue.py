"""A queue that never blocks its writer and never grows without end: when full, the oldest goes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DroppingQueue(Generic[Item]):
    """In order. `dropped` counts what a slow reader has missed. For one event loop."""

    def __init__(self, size: int) -> None:
        self._items: deque[Item] = deque()
        self._size = size
        self._news = asyncio.Event()
        self._end: Exception | None = None
        self.dropped = 0

    def put(self, item: Item) -> bool:
        """False when an older item had to go."""
        full = len(self._items) >= self._size
        if full:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._news.set()
        return not full

    async def get(self) -> Item:
        """The oldest item; once the queue is ended and empty, raises its error."""
        while not self._items:
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()

    def end(self, error: Exception) -> None:
        """No more items: readers get what is left, then this error."""
        self._end = error
        self._news.set()
