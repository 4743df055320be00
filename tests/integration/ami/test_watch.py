"""The watch over the switch against a scripted peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ami.client import AmiClient
from ami.watch import AmiWatch
from domain.errors import AccessDenied, Unavailable
from domain.switch import (
    CallOrphaned,
    Reach,
    ReachChanged,
    SwitchBooted,
    SwitchRestarted,
    SwitchStopping,
    WatchDown,
    WatchUp,
)
from tests.integration.ami.support import settings
from tests.support.scripted_ami import ScriptedAmi, refused

pytestmark = pytest.mark.integration


@asynccontextmanager
async def watching(peer: ScriptedAmi) -> AsyncIterator[AmiWatch]:
    client = AmiClient(settings(peer))
    await client.start()
    watch = AmiWatch(client)
    await watch.start()
    try:
        yield watch
    finally:
        await watch.close()
        await client.close()


async def until(watch: AmiWatch, kind: type) -> list[object]:
    """Events up to and including the first of this kind."""
    seen: list[object] = []
    async with asyncio.timeout(10):
        while not seen or not isinstance(seen[-1], kind):
            seen.append(await watch.next_event())
    return seen


async def peer_status(peer: ScriptedAmi, endpoint: str, status: str) -> None:
    await peer.event("PeerStatus", ChannelType="PJSIP", Peer=f"PJSIP/{endpoint}", PeerStatus=status)


async def test_changes_are_told_in_order_and_what_is_known_is_not_told_again() -> None:
    async with ScriptedAmi() as peer, watching(peer) as watch:
        assert [type(one) for one in await until(watch, SwitchBooted)] == [WatchUp, SwitchBooted]
        await peer_status(peer, "carrier-e000000007", "Reachable")
        await peer_status(peer, "carrier-e000000008", "Reachable")
        await peer_status(peer, "agent101", "Unreachable")
        await peer_status(peer, "carrier-e000000008", "Unreachable")
        await peer_status(peer, "carrier", "Unreachable")
        await peer.event("UserEvent", UserEvent="DialerOrphan", CallId="pd-000000000001")
        *changes, orphan = await until(watch, CallOrphaned)
        assert [(one.name, one.reach) for one in changes if isinstance(one, ReachChanged)] == [
            ("carrier", Reach.REACHABLE),
            ("agent101", Reach.UNREACHABLE),
            ("carrier", Reach.UNREACHABLE),
        ]
        assert isinstance(orphan, CallOrphaned)
        assert orphan.channel == "pd-000000000001"


async def test_what_was_known_before_a_lost_link_is_told_anew() -> None:
    async with ScriptedAmi() as peer, watching(peer) as watch:
        await until(watch, SwitchBooted)
        await peer_status(peer, "carrier", "Unreachable")
        await until(watch, ReachChanged)
        peer.cut()
        await until(watch, WatchDown)
        await until(watch, SwitchBooted)
        await peer_status(peer, "carrier", "Unreachable")
        assert [type(one) for one in await until(watch, ReachChanged)] == [ReachChanged]


async def test_restart_is_told_from_a_mere_reconnect() -> None:
    async with ScriptedAmi() as peer, watching(peer) as watch:
        await until(watch, SwitchBooted)
        peer.cut()
        seen = await until(watch, SwitchBooted)
        assert not any(isinstance(one, SwitchRestarted) for one in seen)
        await peer.event("Shutdown", Restart="True")
        (stopping,) = await until(watch, SwitchStopping)
        assert isinstance(stopping, SwitchStopping)
        assert stopping.restart
        peer.startup = "09:00:00"
        seen = await until(watch, SwitchBooted)
        assert [type(one) for one in seen] == [WatchDown, WatchUp, SwitchRestarted, SwitchBooted]


async def test_account_without_rights_still_sees_events() -> None:
    async with ScriptedAmi() as peer:
        peer.answers["CoreStatus"] = refused("Permission denied")
        async with watching(peer) as watch:
            await until(watch, SwitchBooted)
            await peer_status(peer, "agent101", "Reachable")
            await until(watch, ReachChanged)


async def test_end_of_the_client_ends_the_watch() -> None:
    async with ScriptedAmi() as peer, watching(peer) as watch:
        await until(watch, SwitchBooted)
        peer.secret = "changed"
        peer.cut()
        await until(watch, WatchDown)
        with pytest.raises(AccessDenied):
            await until(watch, SwitchBooted)
        await watch.close()
        with pytest.raises(Unavailable):
            await watch.next_event()
