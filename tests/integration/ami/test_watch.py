"""The watch over the switch against a scripted peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from ami.client import AmiClient
from ami.events import (
    AmiDown,
    AmiUp,
    CallOrphaned,
    ContactChanged,
    Reach,
    SwitchBooted,
    SwitchRestarted,
    SwitchStopping,
)
from ami.watch import SwitchWatch
from domain.errors import AccessDenied, Unavailable
from tests.integration.ami.support import settings
from tests.support.scripted_ami import Action, ScriptedAmi, list_answer, refused

pytestmark = pytest.mark.integration


@asynccontextmanager
async def watching(peer: ScriptedAmi, trunks: Sequence[str] = ()) -> AsyncIterator[SwitchWatch]:
    client = AmiClient(settings(peer))
    await client.start()
    watch = SwitchWatch(client, trunks=trunks)
    await watch.start()
    try:
        yield watch
    finally:
        await watch.close()
        await client.close()


async def until(watch: SwitchWatch, kind: type) -> list[object]:
    """Events up to and including the first of this kind."""
    seen: list[object] = []
    async with asyncio.timeout(10):
        while not seen or not isinstance(seen[-1], kind):
            seen.append(await watch.next_event())
    return seen


def contacts(*items: tuple[str, str, str]) -> object:
    lines = [
        f"Event: ContactList\r\nObjectName: {aor};@{number}\r\nUri: {uri}\r\nStatus: {status}"
        for number, (aor, uri, status) in enumerate(items)
    ]

    def answer(action: Action) -> str:
        return list_answer(action, lines, "ContactListComplete")

    return answer


async def test_state_is_read_at_login_and_told_once() -> None:
    async with ScriptedAmi() as peer:
        peer.answers["PJSIPShowContacts"] = contacts(  # type: ignore[assignment]
            ("agent101", "sip:a@x", "Reachable"), ("agent102", "sip:b@x", "Unreachable")
        )
        async with watching(peer) as watch:
            seen = await until(watch, SwitchBooted)
            assert isinstance(seen[0], AmiUp)
            assert {(one.aor, one.reach) for one in seen if isinstance(one, ContactChanged)} == {
                ("agent101", Reach.REACHABLE),
                ("agent102", Reach.UNREACHABLE),
            }
            await peer.event("UserEvent", UserEvent="DialerOrphan", CallId="pd-000000000001")
            (orphan,) = await until(watch, CallOrphaned)
            assert isinstance(orphan, CallOrphaned)
            assert orphan.channel == "pd-000000000001"
            health = watch.health()
            assert health.connected
            assert health.booted
            assert health.startup == "2026-01-02 03:04:05"


async def test_best_of_several_contacts_counts_and_removal_is_told() -> None:
    async with ScriptedAmi() as peer, watching(peer) as watch:
        await until(watch, SwitchBooted)

        async def status(uri: str, state: str) -> None:
            await peer.event("ContactStatus", AOR="agent101", URI=uri, ContactStatus=state)

        await status("sip:a@x", "Reachable")
        await status("sip:b@x", "Unreachable")
        await status("sip:a@x", "Unreachable")
        await status("sip:a@x", "Removed")
        await status("sip:b@x", "Removed")
        await peer.event("UserEvent", UserEvent="DialerOrphan", CallId="end")
        seen = await until(watch, CallOrphaned)
        assert [one.reach for one in seen if isinstance(one, ContactChanged)] == [
            Reach.REACHABLE,
            Reach.UNREACHABLE,
            Reach.REMOVED,
        ]
        assert watch.health().reach == {}


async def test_contact_that_vanished_while_the_link_was_down_is_told() -> None:
    async with ScriptedAmi() as peer:
        peer.answers["PJSIPShowContacts"] = contacts(("agent101", "sip:a@x", "Reachable"))  # type: ignore[assignment]
        async with watching(peer) as watch:
            await until(watch, SwitchBooted)
            del peer.answers["PJSIPShowContacts"]
            peer.cut()
            await until(watch, AmiDown)
            assert not watch.health().connected
            seen = await until(watch, SwitchBooted)
            assert [one.reach for one in seen if isinstance(one, ContactChanged)] == [Reach.REMOVED]


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
        assert [type(one) for one in seen] == [AmiDown, AmiUp, SwitchRestarted, SwitchBooted]


async def test_trunks_with_fixed_contacts_are_read_one_by_one() -> None:
    async with ScriptedAmi() as peer:

        def endpoint(action: Action) -> str:
            if action["Endpoint"] != "carrier":
                return "Response: Error\r\nMessage: Unable to retrieve endpoint"
            detail = (
                "Event: ContactStatusDetail\r\nAOR: carrier\r\nURI: sip:x\r\nStatus: Reachable\r\nRoundtripUsec: 900"
            )
            return list_answer(
                action, ["Event: EndpointDetail\r\nObjectName: carrier", detail], "EndpointDetailComplete"
            )

        peer.answers["PJSIPShowEndpoint"] = endpoint
        async with watching(peer, trunks=["nosuch", "carrier"]) as watch:
            seen = await until(watch, SwitchBooted)
            (carrier,) = [one for one in seen if isinstance(one, ContactChanged)]
            assert (carrier.aor, carrier.reach, carrier.rtt_ms) == ("carrier", Reach.REACHABLE, 0.9)


async def test_account_without_rights_still_sees_events() -> None:
    async with ScriptedAmi() as peer:
        peer.answers["CoreStatus"] = refused("Permission denied")
        async with watching(peer) as watch:
            await until(watch, SwitchBooted)
            await peer.event("ContactStatus", AOR="agent101", URI="sip:a", ContactStatus="Reachable")
            await until(watch, ContactChanged)
            assert watch.health().startup == ""


async def test_end_of_the_client_ends_the_watch() -> None:
    async with ScriptedAmi() as peer, watching(peer) as watch:
        await until(watch, SwitchBooted)
        peer.secret = "changed"
        peer.cut()
        await until(watch, AmiDown)
        with pytest.raises(AccessDenied):
            await until(watch, SwitchBooted)
        assert not watch.health().connected
        await watch.close()
        with pytest.raises(Unavailable):
            await watch.next_event()
