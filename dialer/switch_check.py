"""Compares what this engine believes with what the switch shows: after every new link, and now and then.

Events that came while no link listened are gone for good. Without this look an agent whose leg has ended
would still be given customers, and a call whose end was missed would hold its lead for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dialer.calls import Calls
from dialer.floor import Floor
from dialer.reconcile import close_strangers
from domain.clock import Clock
from domain.ports import Telephony

#: Events that were under way when the switch was asked have been handled by then, seconds.
UNDER_WAY_S = 0.5


class SwitchCheck:
    def __init__(
        self,
        telephony: Telephony,
        calls: Calls,
        floor: Floor,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._telephony = telephony
        self._calls = calls
        self._floor = floor
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Raises DialerError if the switch could not be asked; run it again then."""
        asked_at = self._clock.monotonic()
        calls, agents, known = self._calls.positions(), self._floor.present(), self.known()
        snapshot = await self._telephony.snapshot()
        if calls or agents:
            await self._sleep(UNDER_WAY_S)
        seen = {channel.channel: channel for channel in snapshot.channels}
        now = self._clock.now()
        # Agents first: a customer must not be given to somebody who is not there.
        self._floor.compare(agents, seen, now)
        self._calls.compare(calls, asked_at, seen, now)
        await close_strangers(self._telephony, snapshot, known | self.known())

    def known(self) -> set[str]:
        """Channels and bridges of this engine's calls and shifts."""
        return {actor.call.channel for actor in self._calls.all()} | self._floor.names()
