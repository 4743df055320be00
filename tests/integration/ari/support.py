"""What the tests of the ARI adapter share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ari.settings import AriSettings
from ari.telephony import AriTelephony
from domain.events import LinkUp, TelephonyEvent
from domain.ports import OriginateOrder
from tests.support.scripted_ari import ScriptedAri

CUSTOMER = OriginateOrder("pd-000000000001", "PJSIP/79990000001@carrier-e000000007", 25, 60, "74950000000", "customer")
AGENT = OriginateOrder("ag-000001-000000001", "PJSIP/agent101", 20, 0, "", "agent")


def settings(peer: ScriptedAri, **changes: Any) -> AriSettings:
    quick = AriSettings(
        peer.base_url,
        peer.user,
        peer.secret,
        "dialer",
        request_timeout_s=0.8,
        connect_timeout_s=0.8,
        heartbeat_s=1.0,
        backoff_min_s=0.01,
        backoff_max_s=0.05,
        replaced_backoff_s=7.0,
    )
    return replace(quick, **changes)


@asynccontextmanager
async def linked(peer: ScriptedAri, sleep: Any = asyncio.sleep, **changes: Any) -> AsyncIterator[AriTelephony]:
    """A telephony adapter whose first LinkUp has been taken."""
    telephony = AriTelephony(settings(peer, **changes), sleep=sleep)
    await telephony.start()
    try:
        assert isinstance(await event(telephony), LinkUp)
        yield telephony
    finally:
        await telephony.close()


async def event(telephony: AriTelephony) -> TelephonyEvent:
    async with asyncio.timeout(10):
        return await telephony.next_event()


async def event_of(telephony: AriTelephony, kind: type) -> Any:
    """The next event of this type; others are skipped."""
    while True:
        found = await event(telephony)
        if isinstance(found, kind):
            return found


class Sleeper:
    """Records what a supervisor would have slept, and wakes it only when told."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._asked = asyncio.Event()
        self._wake = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._asked.set()
        await self._wake.acquire()

    async def wait_asked(self, times: int) -> None:
        async with asyncio.timeout(10):
            while len(self.asked) < times:
                self._asked.clear()
                await self._asked.wait()

    def wake(self) -> None:
        self._wake.release()
