"""What the tests of the AMI adapter share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ami.client import AmiClient
from ami.events import AmiUp
from ami.settings import AmiSettings
from tests.support.scripted_ami import ScriptedAmi


def settings(peer: ScriptedAmi, **changes: Any) -> AmiSettings:
    quick = AmiSettings(
        "127.0.0.1",
        peer.port,
        peer.user,
        peer.secret,
        connect_timeout_s=0.8,
        login_timeout_s=0.6,
        action_timeout_s=0.8,
        ping_interval_s=0.2,
        backoff_min_s=0.01,
        backoff_max_s=0.05,
    )
    return replace(quick, **changes)


@asynccontextmanager
async def session(peer: ScriptedAmi, sleep: Any = asyncio.sleep, **changes: Any) -> AsyncIterator[AmiClient]:
    """A client that has logged in; AmiUp and FullyBooted have been taken."""
    client = AmiClient(settings(peer, **changes), sleep=sleep)
    await client.start()
    try:
        assert isinstance(await event(client), AmiUp)
        assert (await event(client))["event"] == "FullyBooted"
        yield client
    finally:
        await client.close()


async def event(client: AmiClient) -> Any:
    async with asyncio.timeout(10):
        return await client.next_event()
