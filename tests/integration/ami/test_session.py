"""The AMI session against a scripted peer: each danger of the library, and that it does not pass the wrapper."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from ami.client import AmiClient
from ami.events import AmiDown, AmiUp
from domain.errors import AccessDenied, BadInput, Gone, InDoubt, TelephonyError, Unavailable
from tests.integration.ami.support import event, session, settings
from tests.support.scripted_ami import ScriptedAmi, refused, silent

pytestmark = pytest.mark.integration

_LOGIN = {"Username": "dialer", "Secret": "s3cr3t", "Events": "off"}


async def test_action_in_flight_when_the_link_drops_is_in_doubt_and_never_sent_again() -> None:
    """PAN-1: panoramisk keeps it and sends it again after the reconnect."""
    async with ScriptedAmi() as peer, session(peer, action_timeout_s=5.0) as client:
        peer.answers["CoreStatus"] = silent
        doing = asyncio.create_task(client.action("CoreStatus"))
        await peer.until(lambda: bool(peer.actions("CoreStatus")))
        peer.cut()
        with pytest.raises(InDoubt):
            await doing
        assert isinstance(await event(client), AmiDown)
        assert isinstance(await event(client), AmiUp)
        assert (await event(client))["event"] == "FullyBooted"
        await client.action("Ping")
        assert len(peer.actions("CoreStatus")) == 1


async def test_action_without_a_session_is_refused_at_once_and_not_sent_later() -> None:
    """PAN-2: panoramisk takes it, and its future never resolves."""
    async with ScriptedAmi() as peer, session(peer) as client:
        await peer.stop()
        assert isinstance(await event(client), AmiDown)
        assert not client.is_up
        with pytest.raises(Unavailable):
            await client.action("CoreStatus")
        await peer.listen()
        assert isinstance(await event(client), AmiUp)
        await client.action("Ping")
        assert peer.actions("CoreStatus") == []


async def test_action_before_the_start_is_refused() -> None:
    """PAN-2: panoramisk fails with an AttributeError."""
    async with ScriptedAmi() as peer:
        with pytest.raises(Unavailable):
            await AmiClient(settings(peer)).action("Ping")


async def test_action_without_an_answer_ends_in_doubt_within_its_time_out_and_leaves_nothing_behind() -> None:
    """PAN-2."""
    async with ScriptedAmi() as peer, session(peer) as client:
        peer.answers["CoreStatus"] = silent
        with pytest.raises(InDoubt):
            await client.action("CoreStatus", timeout=0.05)
        link = client._link
        assert link is not None
        assert [one for one in link.protocol.responses.values() if one["action"] == "CoreStatus"] == []


@pytest.mark.parametrize("cut_at", range(1, 60, 3))
async def test_character_split_over_two_segments_is_kept(cut_at: int) -> None:
    """PAN-5: panoramisk drops both halves."""
    message = "Event: UserEvent\r\nUserEvent: Name\r\nText: Éloïse Иван 漢字 🎧\r\n\r\n".encode()
    text_at = message.index("Éloïse".encode())
    async with ScriptedAmi() as peer, session(peer, ping_interval_s=5.0) as client:
        where = text_at + cut_at % (len(message) - text_at)
        await peer.raw(message[:where])
        # The echo of an action proves that the first half has been read alone.
        peer.answers["Ping"] = silent
        with pytest.raises(InDoubt):
            await client.action("Ping", timeout=0.02)
        await peer.raw(message[where:])
        assert (await event(client))["text"] == "Éloïse Иван 漢字 🎧"


@pytest.mark.parametrize(
    "value",
    [
        "x\r\nAction: Originate",
        "x\nAction: Originate",
        "x\r",
        "x\x00y",
        "x\x7fy",
        "x\x85y",
        "x\u2028y",
        "x\u2029y",
        "x\u202ey",
        "x\ud800y",
        " x",
        "x ",
        "x" * 513,
        7,
        None,
        ["a", "b"],
    ],
)
async def test_line_break_or_control_character_in_a_value_is_refused_and_nothing_is_sent(value: object) -> None:
    """PAN-6: panoramisk writes it, and the rest of the line is a new action."""
    async with ScriptedAmi() as peer, session(peer, ping_interval_s=60.0) as client:
        before = len(peer.seen)
        with pytest.raises(BadInput) as told:
            await client.action("Login", {**_LOGIN, "Username": value})  # type: ignore[dict-item]
        assert "Originate" not in str(told.value)
        await client.action("Ping")
        assert [one["Action"] for one in peer.seen[before:]] == ["Ping"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Originate", {}),
        ("Command", {}),
        ("originate", {}),
        ("Ping\r\nAction: Originate", {}),
        ("MixMonitor", {"Channel": "x", "File": "y.raw"}),
        ("GetConfig", {}),
        ("CoreStatus", {"Command": "rm"}),
        ("Login", {"Username\r\nX": "y"}),
        ("Ping", {"ActionID": "1"}),
    ],
)
async def test_action_or_key_outside_the_allow_list_is_refused(name: str, fields: dict[str, str]) -> None:
    """PAN-6."""
    async with ScriptedAmi() as peer, session(peer, ping_interval_s=60.0) as client:
        before = len(peer.seen)
        with pytest.raises(BadInput):
            await client.action(name, fields)
        assert len(peer.seen) == before


async def test_wrong_secret_is_told_at_start_and_tried_only_once() -> None:
    """PAN-7: panoramisk logs in every two seconds, for ever, also after its close."""
    async with ScriptedAmi() as peer:
        client = AmiClient(settings(peer, secret="wrong"))
        with pytest.raises(AccessDenied) as told:
            await client.start()
        assert "manager.conf" in str(told.value)
        assert "wrong" not in str(told.value)
        await peer.until(lambda: not peer.sessions)
        assert len(peer.actions("Login")) == 1
        with pytest.raises(Unavailable):
            await client.action("Ping")
        assert peer.opened == 1


async def test_secret_changed_under_way_ends_the_session_for_good() -> None:
    """PAN-7."""
    async with ScriptedAmi() as peer, session(peer) as client:
        peer.secret = "changed"
        peer.cut()
        assert isinstance(await event(client), AmiDown)
        with pytest.raises(AccessDenied):
            await event(client)
        assert len(peer.actions("Login")) == 2
        with pytest.raises(AccessDenied):
            await client.action("Ping")


@pytest.mark.parametrize("message", ["Asterisk is shutting down", "Login Already In Use"])
async def test_login_that_is_not_possible_now_is_tried_again(message: str) -> None:
    """Only a refused secret is final: an Asterisk that stops refuses every action, Login and Ping too."""
    async with ScriptedAmi() as peer, session(peer) as client:
        peer.answers["Ping"] = refused("Asterisk is shutting down")
        peer.answers["Login"] = refused(message)
        assert isinstance(await event(client), AmiDown)
        await peer.until(lambda: len(peer.actions("Login")) > 3)
        peer.answers.clear()
        assert isinstance(await event(client), AmiUp)


async def test_nobody_there_is_told_at_start() -> None:
    async with ScriptedAmi() as peer:
        pass
    with pytest.raises(Unavailable, match=f"127.0.0.1:{peer.port}"):
        await AmiClient(settings(peer)).start()


async def test_peer_that_accepts_and_says_nothing_is_unavailable_at_start() -> None:
    async with ScriptedAmi() as peer:
        peer.deaf = True
        with pytest.raises(Unavailable) as told:
            await AmiClient(settings(peer)).start()
        assert not isinstance(told.value, AccessDenied)


async def test_frozen_peer_is_noticed_by_an_unanswered_ping() -> None:
    """PAN-8: panoramisk pings and never looks at the answer."""
    async with ScriptedAmi() as peer, session(peer) as client:
        peer.deaf = True
        began = time.monotonic()
        down = await event(client)
        assert isinstance(down, AmiDown)
        assert down.reason == "no answer to a ping"
        assert time.monotonic() - began < 3.0
        peer.deaf = False
        assert isinstance(await event(client), AmiUp)


async def test_answered_pings_keep_an_idle_link_and_leave_no_responses() -> None:
    """PAN-8."""
    async with ScriptedAmi() as peer, session(peer, ping_interval_s=0.01) as client:
        await peer.until(lambda: len(peer.actions("Ping")) > 20)
        link = client._link
        assert link is not None
        assert len(link.protocol.responses) <= 1
        assert peer.opened == 1


async def test_events_stay_in_order_and_a_slow_reader_loses_the_oldest_only() -> None:
    """PAN-9: panoramisk starts a task per event."""
    async with ScriptedAmi() as peer, session(peer, queue_size=50) as client:
        for number in range(80):
            await peer.event("UserEvent", Number=str(number))
        await client.action("Ping")
        await client.action("Ping")
        numbers = [int((await event(client))["number"]) for _ in range(50)]
        assert numbers == list(range(30, 80))
        assert client.dropped == 30


async def test_messages_the_library_cannot_handle_do_not_close_the_link() -> None:
    async with ScriptedAmi() as peer, session(peer) as client:
        for garbage in (
            b"\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            b"no colon\r\n\r\n",
            b": \r\n\r\n",
            b"Event: A\r\nEvent: B\r\n\r\n",
            b"Response: Error\r\nResponse: Success\r\nActionID: 7\r\n\r\n",
            b"Event: UserEvent\r\nActionID: action/x/1/1\r\n\r\n",
        ):
            await peer.raw(garbage)
        await peer.event("UserEvent", Name="after")
        while (found := await event(client)).get("name") != "after":
            assert isinstance(found, dict)
        assert peer.opened == 1
        assert client.is_up


async def test_repeated_header_is_one_text() -> None:
    """PAN-10: panoramisk gives a list, or a string when there is only one."""
    async with ScriptedAmi() as peer, session(peer) as client:
        await peer.raw(b"Event: UserEvent\r\nPart: a\r\nPart: b\r\n\r\n")
        assert (await event(client))["part"] == "a\nb"


async def test_message_without_an_end_is_cut_off() -> None:
    async with ScriptedAmi() as peer, session(peer, action_timeout_s=30.0) as client:
        await peer.raw(b"Event: " + b"x" * (2 << 20))
        assert isinstance(await event(client), AmiDown)


async def test_refusals_are_told_apart() -> None:
    async with ScriptedAmi() as peer, session(peer) as client:
        for message, error in (
            ("No such channel", Gone),
            ("Permission denied", AccessDenied),
            ("Something else", TelephonyError),
        ):
            peer.answers["CoreStatus"] = refused(message)
            with pytest.raises(error):
                await client.action("CoreStatus")


async def test_secret_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with ScriptedAmi() as peer, session(peer) as client:
        peer.cut()
        assert isinstance(await event(client), AmiDown)
        assert isinstance(await event(client), AmiUp)
    assert peer.secret not in caplog.text


async def test_close_ends_waiting_readers_and_the_connection() -> None:
    async with ScriptedAmi() as peer:
        async with session(peer) as client:
            reader = asyncio.create_task(event(client))
            await asyncio.sleep(0)
            await client.close()
            with pytest.raises((Unavailable, AssertionError)):
                assert isinstance(await reader, AmiDown) is False
            with pytest.raises(Unavailable):
                await client.action("Ping")
        await peer.until(lambda: not peer.sessions)
