"""The commands of the Telephony port against a scripted peer: what each failure means, with certainty."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from domain.errors import AccessDenied, Clash, Gone, InDoubt, NotPlaced, TelephonyError, Unavailable
from domain.ports import ChannelSnapshot, SwitchSnapshot
from tests.integration.ari.support import AGENT, CUSTOMER, linked
from tests.support.scripted_ari import STARTUP, ScriptedAri, cut, hang, status

pytestmark = pytest.mark.integration

_CHANNEL = "/channels/[^/]*"


async def test_customer_is_originated_into_the_dialplan_with_the_orphan_guard() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        gate = await telephony.arm_trunk("carrier", 7)
        await telephony.originate(replace(CUSTOMER, variables={"DIALER_MESSAGE": "msg-1"}))
        (seen,) = peer.requests("POST", _CHANNEL)
        assert gate == "carrier-e000000007"
        assert seen.path == "/channels/pd-000000000001"
        assert seen.query == {
            "endpoint": "PJSIP/79990000001@carrier-e000000007",
            "context": "dialer-out",
            "extension": "s",
            "priority": "1",
            "callerId": "74950000000",
            "timeout": "25",
        }
        assert seen.body == {
            "variables": {
                "DIALER_MESSAGE": "msg-1",
                "DIALER_APP": "dialer",
                "DIALER_ARGS": "customer",
                "DIALER_CALL": "pd-000000000001",
                "TIMEOUT(absolute)": "60",
            }
        }


async def test_agent_is_originated_into_the_application() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await telephony.originate(AGENT)
        (seen,) = peer.requests("POST", _CHANNEL)
        assert seen.query == {"endpoint": "PJSIP/agent101", "app": "dialer", "appArgs": "agent", "timeout": "20"}
        assert "TIMEOUT(absolute)" not in seen.body["variables"]


async def test_originate_with_an_id_in_use_is_a_clash() -> None:
    """ARI-7: 409 means that the id lives already."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await telephony.originate(AGENT)
        with pytest.raises(Clash):
            await telephony.originate(AGENT)


async def test_conflict_without_such_a_channel_is_not_a_clash() -> None:
    """Asterisk answers 409 to any refused order that follows a clash on the same connection."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["POST", _CHANNEL] = status(409)
        with pytest.raises(NotPlaced):
            await telephony.originate(AGENT)
        peer.answers["GET", _CHANNEL] = hang
        with pytest.raises(Clash):
            await telephony.originate(AGENT)


@pytest.mark.parametrize("code", [300, 307, 400, 401, 403, 404, 405, 413, 422, 429, 500, 502, 504])
async def test_refused_originate_is_not_placed_whatever_the_status(code: int) -> None:
    """ARI-7: aioswagger11 fails with a TypeError on 405 and 413, and hides the reason of others."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["POST", _CHANNEL] = status(code, '{"error":"Allocation failed"}')
        with pytest.raises(NotPlaced) as refused:
            await telephony.originate(AGENT)
        assert str(code) in str(refused.value)


async def test_originate_on_a_booting_asterisk_is_unavailable() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["POST", _CHANNEL] = status(503)
        with pytest.raises(Unavailable):
            await telephony.originate(AGENT)


async def test_originate_without_an_answer_is_in_doubt_within_the_time_out() -> None:
    """ARI-8: aiohttp alone would wait five minutes."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["POST", _CHANNEL] = hang
        async with asyncio.timeout(5):
            with pytest.raises(InDoubt):
                await telephony.originate(CUSTOMER)
        assert len(peer.requests("POST", _CHANNEL)) == 1


async def test_originate_whose_connection_is_cut_is_in_doubt_and_never_sent_again() -> None:
    """ARI-8: also on a connection that was used before, where HTTP clients like to retry."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await telephony.snapshot()
        peer.answers["POST", _CHANNEL] = cut
        with pytest.raises(InDoubt):
            await telephony.originate(CUSTOMER)
        await telephony.snapshot()
        assert len(peer.requests("POST", _CHANNEL)) == 1


async def test_originate_that_is_redirected_is_not_followed() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:

        async def elsewhere(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": "/ari/channels/pd-000000000002"})

        peer.answers["POST", _CHANNEL] = elsewhere
        with pytest.raises(NotPlaced):
            await telephony.originate(CUSTOMER)
        assert len(peer.requests("POST", _CHANNEL)) == 1


@pytest.mark.parametrize("body", ["", "not json", "[]", "{}", "7", '{"id":'])
async def test_originate_with_an_answer_that_cannot_be_read_is_not_called_refused(body: str) -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["POST", _CHANNEL] = status(200, body)
        if body == "":
            await telephony.originate(CUSTOMER)
        else:
            with pytest.raises(InDoubt):
                await telephony.originate(CUSTOMER)


async def test_link_lost_under_an_originate_is_in_doubt() -> None:
    async with ScriptedAri() as peer, linked(peer, request_timeout_s=30.0) as telephony:
        peer.answers["POST", _CHANNEL] = hang
        placing = asyncio.create_task(telephony.originate(CUSTOMER))
        await peer.until(lambda: bool(peer.requests("POST", _CHANNEL)))
        await peer.end_streams()
        with pytest.raises(InDoubt):
            await placing


async def test_more_commands_than_connections_fail_as_not_sent() -> None:
    """ARI-8: a pool without a limit of time would queue orders until they are stale."""
    async with ScriptedAri() as peer, linked(peer, connections=3, request_timeout_s=3.0) as telephony:
        peer.answers["POST", _CHANNEL] = hang
        orders = [replace(AGENT, channel=f"ag-00000{n}-000000001") for n in range(4)]
        results = await asyncio.gather(*(telephony.originate(one) for one in orders), return_exceptions=True)
        kinds = sorted(type(one).__name__ for one in results)
        assert kinds == ["InDoubt", "InDoubt", "Unavailable", "Unavailable"]
        assert len(peer.requests("POST", _CHANNEL)) == 2


async def test_disarmed_trunk_refuses_an_order_of_the_old_epoch() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await telephony.arm_trunk("carrier", 7)
        assert await telephony.arm_trunk("carrier", 7) == "carrier-e000000007"
        await telephony.disarm_trunk("carrier", 7)
        await telephony.disarm_trunk("carrier", 7)
        with pytest.raises(NotPlaced, match="closed"):
            await telephony.originate(CUSTOMER)


async def test_gate_is_the_trunks_endpoint_through_which_nobody_comes_in() -> None:
    """ADR 7: all settings live in pjsip.conf; the gate's name in somebody's From opens nothing."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.trunks["carrier"] = {
            "allow": "(ulaw|alaw)",
            "allow_transfer": "true",
            "aors": "",
            "callerid": "<unknown>",
            "context": "inbound",
            "from_domain": "d.example",
            "identify_by": "ip",
            "media_address": "192.0.2.7",
            "stir_shaken": "no",
        }
        await telephony.arm_trunk("carrier", 7)
        assert peer.gates["carrier-e000000007"] == {
            "allow": "(ulaw|alaw)",
            "allow_transfer": "no",
            "aors": "carrier",
            "context": "nowhere",
            "from_domain": "d.example",
            "identify_by": "header",
            "media_address": "192.0.2.7",
        }


async def test_trunk_that_the_switch_does_not_know_is_named() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        with pytest.raises(TelephonyError, match="no trunk elsewhere"):
            await telephony.arm_trunk("elsewhere", 7)
        assert peer.gates == {}


@pytest.mark.parametrize("body", ["{}", "[7]", '[{"attribute": "allow"}]'])
async def test_trunk_whose_settings_cannot_be_read_is_not_armed(body: str) -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["GET", "/asterisk/config/.*"] = status(200, body)
        with pytest.raises(TelephonyError):
            await telephony.arm_trunk("carrier", 7)
        assert peer.gates == {}


async def test_trunk_that_is_down_is_told_from_a_closed_gate() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await telephony.arm_trunk("carrier", 7)
        peer.answers["POST", _CHANNEL] = status(500)
        with pytest.raises(NotPlaced, match="HTTP status 500"):
            await telephony.originate(CUSTOMER)


async def test_hang_up_of_a_channel_that_is_gone_is_success() -> None:
    """ARI-8."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.channels["pd-000000000001"] = "Up"
        await telephony.hang_up("pd-000000000001", cause=17)
        await telephony.hang_up("pd-000000000001")
        assert [one.query for one in peer.requests("DELETE", _CHANNEL)] == [
            {"reason_code": "17"},
            {"reason_code": "16"},
        ]


async def test_hang_up_on_a_frozen_asterisk_ends_in_doubt() -> None:
    """ARI-8."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["DELETE", _CHANNEL] = hang
        async with asyncio.timeout(5):
            with pytest.raises(InDoubt):
                await telephony.hang_up("pd-000000000001")


async def test_bridges_are_made_once_and_gone_members_are_told() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        await telephony.create_bridge("ab-000001-000000001")
        await telephony.create_bridge("ab-000001-000000001")
        with pytest.raises(Gone):
            await telephony.add_to_bridge("ab-000001-000000001", "pd-000000000001")
        with pytest.raises(Gone):
            await telephony.add_to_bridge("ab-000002-000000001", "pd-000000000001")
        peer.channels["pd-000000000001"] = "Up"
        await telephony.add_to_bridge("ab-000001-000000001", "pd-000000000001")
        assert await telephony.snapshot() == SwitchSnapshot(
            STARTUP,
            (
                ChannelSnapshot(
                    "pd-000000000001", True, "ab-000001-000000001", datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
                ),
            ),
            ("ab-000001-000000001",),
        )
        await telephony.destroy_bridge("ab-000001-000000001")
        await telephony.destroy_bridge("ab-000001-000000001")


async def test_playback_and_variable_of_a_gone_channel_are_told() -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        with pytest.raises(Gone):
            await telephony.play("pd-000000000001", "am-000000000001", "sound:hello")
        with pytest.raises(Gone):
            await telephony.set_variable("pd-000000000001", "TIMEOUT(absolute)", "0")
        peer.channels["pd-000000000001"] = "Up"
        await telephony.play("pd-000000000001", "am-000000000001", "sound:hello")
        await telephony.set_variable("pd-000000000001", "TIMEOUT(absolute)", "0")
        assert peer.seen[-1].query == {"variable": "TIMEOUT(absolute)", "value": "0"}


async def test_flag_is_written_as_text() -> None:
    """ARI-6: aiohttp refuses a bool in a query."""
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.bridges["ab-1"] = []
        peer.channels["pd-1"] = "Up"
        await telephony._node.call("bridges", "addChannel", bridgeId="ab-1", channel="pd-1", mute=True)
        assert peer.seen[-1].query == {"channel": "pd-1", "mute": "true"}


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, AccessDenied), (403, AccessDenied), (409, Clash), (500, TelephonyError), (503, Unavailable)],
)
async def test_refused_command_raises_what_the_port_promises(code: int, error: type[Exception]) -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["POST", "/bridges/[^/]*/addChannel"] = status(code)
        with pytest.raises(error):
            await telephony.add_to_bridge("ab-1", "pd-1")


@pytest.mark.parametrize("body", ["", "[7]", '[{"id":"x"}]', '[{"id":"x","state":"Up","creationtime":"now"}]'])
async def test_snapshot_that_cannot_be_read_is_an_error_not_an_empty_switch(body: str) -> None:
    async with ScriptedAri() as peer, linked(peer) as telephony:
        peer.answers["GET", "/channels"] = status(200, body)
        with pytest.raises(TelephonyError):
            await telephony.snapshot()
