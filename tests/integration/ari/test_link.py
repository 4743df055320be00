"""The link to Asterisk against a scripted peer: how it comes up, how it is lost, how it mends."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from ari.events import WANTED
from ari.telephony import AriTelephony
from domain.errors import AccessDenied, Unavailable
from domain.events import ChannelAnswered, ChannelEnded, LinkDown, LinkUp
from tests.integration.ari.support import CUSTOMER, Sleeper, event, event_of, linked, settings
from tests.support.scripted_ari import STARTUP, ScriptedAri, hang, status

pytestmark = pytest.mark.integration


def answered(channel: str) -> dict[str, object]:
    return {"type": "StasisStart", "timestamp": STARTUP, "args": [], "channel": {"id": channel, "state": "Up"}}


async def test_link_comes_up_filtered_and_subscribed_to_all_channels() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        assert telephony.is_up
        assert telephony.incarnation == STARTUP
        (filtered,) = peer.requests("PUT", "/applications/dialer/eventFilter")
        assert filtered.body == {"allowed": [{"type": name} for name in WANTED]}
        (subscribed,) = peer.requests("POST", "/applications/dialer/subscription")
        assert subscribed.query == {"eventSource": "channel:"}
        order = [one.path for one in peer.seen if not one.path.startswith("/api-docs")]
        assert order[0] == "/events"
        assert order[-1] == "/asterisk/info"


async def test_stream_that_is_closed_is_a_loss_and_is_opened_again_with_its_subscription() -> None:
    """ARI-1: aioari's run returns without a word and never comes back."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await peer.end_streams()
        down = await event(telephony)
        assert isinstance(down, LinkDown)
        assert isinstance(await event(telephony), LinkUp)
        assert len(peer.requests("POST", "/applications/dialer/subscription")) == 2
        await peer.send(answered("pd-000000000001"))
        assert isinstance(await event(telephony), ChannelAnswered)


async def test_killed_asterisk_is_a_loss_and_its_restart_shows_another_incarnation() -> None:
    """ARI-1: and nothing is sent while it is away."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await peer.stop()
        assert isinstance(await event(telephony), LinkDown)
        assert not telephony.is_up
        with pytest.raises(Unavailable):
            await telephony.originate(CUSTOMER)
        peer.startup = "2026-01-02T09:00:00.000+0000"
        await peer.listen()
        up = await event(telephony)
        assert isinstance(up, LinkUp)
        assert up.incarnation == "2026-01-02T09:00:00.000+0000"
        assert peer.requests("POST", "/channels/.*") == []


async def test_links_that_end_at_once_are_tried_again_ever_more_slowly() -> None:
    """ARI-1: reconnecting at each return of run would be a tight loop."""
    sleeper = Sleeper()
    async with ScriptedAri() as peer, linked(peer, sleep=sleeper, backoff_min_s=1.0, backoff_max_s=10.0) as telephony:
        for times in range(1, 8):
            await peer.end_streams()
            assert isinstance(await event(telephony), LinkDown)
            await sleeper.wait_asked(times)
            sleeper.wake()
            assert isinstance(await event(telephony), LinkUp)
        assert all(0.5 * 2.0**n <= slept <= min(10.0, 2.0**n) for n, slept in enumerate(sleeper.asked[:3], start=1))
        assert all(5.0 <= slept <= 10.0 for slept in sleeper.asked[3:])


async def test_silent_peer_is_noticed_by_the_heartbeat() -> None:
    """ARI-2: without a heartbeat a half-open websocket is never noticed."""
    async with ScriptedAri() as peer, linked(peer, sleep=Sleeper()) as telephony:
        peer.mute = True
        began = time.monotonic()
        assert isinstance(await event(telephony), LinkDown)
        assert time.monotonic() - began < 3.0


async def test_slow_engine_does_not_slow_the_reader_and_order_is_kept() -> None:
    """ARI-3: aioari awaits its listeners in the reader; Asterisk cuts off a slow reader."""
    count = 3000
    async with ScriptedAri() as peer, linked(peer, heartbeat_s=5.0) as telephony:
        for number in range(count):
            await peer.send(answered(f"pd-{number:012d}"))
        await peer.send("the end")
        # Nobody has taken an event yet, and still the reader has read them all.
        async with asyncio.timeout(10):
            while not telephony._node.translator.malformed:  # noqa: ASYNC110  # it gives no signal of its own
                await asyncio.sleep(0)
        channels = []
        for _ in range(count):
            taken = await event(telephony)
            assert isinstance(taken, ChannelAnswered)
            channels.append(taken.channel)
        assert channels == [f"pd-{number:012d}" for number in range(count)]


async def test_listeners_do_not_pile_up_with_calls_and_reconnects() -> None:
    """ARI-4: aioari never removes an object's listeners, and asks each of them for each event."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        for number in range(50):
            await peer.send(answered(f"pd-{number:012d}"))
            assert isinstance(await event(telephony), ChannelAnswered)
            await telephony.hang_up(f"pd-{number:012d}")
        await peer.end_streams()
        await event_of(telephony, LinkUp)
        client = telephony._node._client
        assert client is not None
        assert {name: len(found) for name, found in client.event_listeners.items()} == {"*": 1}
        assert len(client.websockets) == 1


async def test_no_socket_is_left_behind_by_reconnects() -> None:
    """ARI-9: aioari's client keeps every websocket it ever opened."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        for _ in range(5):
            await peer.end_streams()
            await event_of(telephony, LinkUp)
        await peer.until(lambda: len(peer.streams) == 1)
        assert peer.opened == 6


async def test_password_with_any_characters_goes_in_a_header_and_into_no_url(caplog: pytest.LogCaptureFixture) -> None:
    """ARI-5: aioari puts user:password into every URL, unquoted on the websocket."""
    caplog.set_level(logging.DEBUG)
    async with ScriptedAri(user="dialer", secret="p&x=1#z%ü:9") as peer, linked(peer) as telephony:
        await telephony.create_bridge("ab-000001-000000001")
        assert len(peer.seen) > 8
        for one in peer.seen:
            assert one.authorization.startswith("Basic ")
            assert "api_key" not in one.url
            assert "p&x" not in one.url
            assert "p%26x" not in one.url
    assert "p&x" not in caplog.text


async def test_dialled_number_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """ARI-5: the libraries print arguments and URLs when debugging."""
    caplog.set_level(logging.DEBUG)
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.gates["carrier-e000000007"] = {}
        await telephony.originate(CUSTOMER)
    assert "79990000001" not in caplog.text
    assert "74950000000" not in caplog.text


async def test_wrong_password_is_told_at_start_and_not_tried_again() -> None:
    async with ScriptedAri() as peer:
        telephony = AriTelephony(settings(peer, secret="wrong"))
        with pytest.raises(AccessDenied) as refused:
            await telephony.start()
        assert "ari.conf" in str(refused.value)
        assert "wrong" not in str(refused.value)
        tried = len(peer.seen)
        assert tried == 1
        with pytest.raises(Unavailable):
            await telephony.originate(CUSTOMER)
        assert len(peer.seen) == tried


async def test_password_changed_under_way_ends_the_link_for_good() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.secret = "changed"
        await peer.end_streams()
        assert isinstance(await event(telephony), LinkDown)
        with pytest.raises(AccessDenied):
            await event(telephony)
        tried = len(peer.seen)
        with pytest.raises(AccessDenied):
            await telephony.originate(CUSTOMER)
        with pytest.raises(AccessDenied):
            await event(telephony)
        assert len(peer.seen) == tried


async def test_read_only_user_is_refused_at_start() -> None:
    async with ScriptedAri() as peer:
        peer.answers["PUT", "/applications/.*"] = status(403)
        with pytest.raises(AccessDenied, match="read_only"):
            await AriTelephony(settings(peer)).start()


async def test_asterisk_that_is_not_there_is_told_clearly_at_start() -> None:
    async with ScriptedAri() as peer:
        pass
    with pytest.raises(Unavailable, match=f"127.0.0.1:{peer.port}") as missing:
        await AriTelephony(settings(peer)).start()
    assert "http.conf" in str(missing.value)


@pytest.mark.parametrize("answer", [status(503), status(404), status(200, "not json"), status(200, "{}"), hang])
async def test_asterisk_that_boots_hangs_or_speaks_nonsense_at_start_is_unavailable(answer: object) -> None:
    async with ScriptedAri() as peer:
        peer.answers["GET", "/api-docs/.*"] = answer  # type: ignore[assignment]
        with pytest.raises(Unavailable) as told:
            await AriTelephony(settings(peer)).start()
        assert not isinstance(told.value, AccessDenied)


async def test_booting_asterisk_is_waited_for_after_a_loss() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["GET", "/api-docs/.*"] = status(503, "Asterisk not booted")
        await peer.end_streams()
        assert isinstance(await event(telephony), LinkDown)
        before = len(peer.seen)
        await peer.until(lambda: len(peer.seen) > before + 2)
        peer.answers.clear()
        assert isinstance(await event(telephony), LinkUp)


async def test_application_taken_by_another_client_is_a_loss_and_is_not_fought_over() -> None:
    sleeper = Sleeper()
    async with ScriptedAri() as peer, linked(peer, sleep=sleeper) as telephony:
        await peer.send({"type": "ApplicationReplaced", "application": "dialer", "timestamp": STARTUP})
        down = await event(telephony)
        assert isinstance(down, LinkDown)
        assert "another client" in down.reason
        await sleeper.wait_asked(1)
        assert 3.5 <= sleeper.asked[0] <= 7.0
        await peer.until(lambda: not peer.streams)
        assert peer.opened == 1


async def test_malformed_frames_are_counted_and_the_stream_goes_on() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        for garbage in (
            "{",
            "[]",
            "null",
            '"text"',
            "{}",
            '{"type":7}',
            '{"type":["x"]}',
            b"\x00\xff",
            "[" * 100_000,
            '{"type":"ChannelDestroyed"}',
            '{"type":"ChannelDestroyed","channel":{"id":7}}',
            '{"type":"ChannelDestroyed","channel":{"id":"x"},"cause":"sixteen"}',
            '{"type":"Sunrise","timestamp":"now"}',
        ):
            await peer.send(garbage)
        await peer.send({"type": "ChannelDestroyed", "channel": {"id": "pd-1"}, "cause": 16, "timestamp": "noon"})
        ended = await event(telephony)
        assert isinstance(ended, ChannelEnded)
        assert (ended.channel, ended.cause, ended.tech_cause) == ("pd-1", 16, None)
        translator = telephony._node.translator
        assert translator.malformed == {"not JSON": 9, "ChannelDestroyed": 3}
        assert translator.unknown == {"Sunrise": 1}


async def test_event_that_comes_before_the_subscription_is_delivered_after_link_up() -> None:
    async with ScriptedAri() as peer:
        waiting = asyncio.Event()
        go_on = asyncio.Event()

        async def late(_request: object) -> object:
            waiting.set()
            await go_on.wait()
            return await status(200, '{"name":"dialer"}')(None)  # type: ignore[arg-type]

        peer.answers["POST", "/applications/dialer/subscription"] = late  # type: ignore[assignment]
        telephony = AriTelephony(settings(peer, request_timeout_s=5.0))
        starting = asyncio.create_task(telephony.start())
        await waiting.wait()
        await peer.send(answered("pd-000000000009"))
        assert not telephony.is_up
        go_on.set()
        await starting
        assert isinstance(await event(telephony), LinkUp)
        assert isinstance(await event(telephony), ChannelAnswered)
        await telephony.close()


async def test_close_ends_waiting_readers_and_leaves_nothing_open() -> None:
    async with ScriptedAri() as peer:
        async with linked(peer) as telephony:
            reader = asyncio.create_task(event_of(telephony, ChannelEnded))
            await asyncio.sleep(0)
            await telephony.close()
            with pytest.raises(Unavailable):
                await reader
        await peer.until(lambda: not peer.streams)
        with pytest.raises(Unavailable):
            await telephony.hang_up("pd-000000000001")
