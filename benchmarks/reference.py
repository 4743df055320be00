"""The least that answering a call and bridging it can cost over ARI: a bare client, no engine, no database."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp

from lab.network import Lab

PREFIX = "rf-"
_APP = "reference"
_AGENT, _BRIDGE = "reference-agent", "reference-bridge"
_GATE = "reference-gate"
_STEP_S = 20.0


class _Switch:
    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http = http
        self._address = address
        self._seen: dict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event = message.json()
            self._seen[event["type"], event.get("channel", {}).get("id", "")].set()

    async def until(self, kind: str, channel: str) -> None:
        async with asyncio.timeout(_STEP_S):
            await self._seen[kind, channel].wait()

    async def request(self, method: str, path: str, body: object = None, **parameters: str) -> object:
        url = f"{self._address}/ari/{path}"
        async with self._http.request(method, url, params=parameters, json=body, raise_for_status=True) as reply:
            return await reply.json() if reply.status == 200 else None


async def run(lab: Lab, numbers: Sequence[int]) -> None:
    """Call the numbers one after another into the bridge of one agent, whose leg is up all the time."""
    async with _connected(lab) as switch:
        settings = f"asterisk/config/dynamic/res_pjsip/endpoint/{_GATE}"
        fields = {"aors": lab.trunk, "allow": "ulaw,alaw", "identify_by": "header", "context": "nowhere"}
        # Without a named address of its own the switch asks the name service for every call.
        fields |= {"media_address": lab.media_address, "bind_rtp_to_media_address": "yes"}
        attributes = [{"attribute": name, "value": value} for name, value in fields.items()]
        await switch.request("PUT", settings, {"fields": attributes})
        await switch.request("POST", f"bridges/{_BRIDGE}", type="mixing")
        await switch.request("POST", f"channels/{_AGENT}", endpoint=f"PJSIP/{lab.agent_endpoints[0]}", app=_APP)
        try:
            await switch.until("StasisStart", _AGENT)
            await switch.request("POST", f"bridges/{_BRIDGE}/addChannel", channel=_AGENT)
            for serial, number in enumerate(numbers):
                await _call(switch, f"{PREFIX}{serial:06d}", number)
        finally:
            await switch.request("DELETE", f"channels/{_AGENT}")
            await switch.until("ChannelDestroyed", _AGENT)
            await switch.request("DELETE", f"bridges/{_BRIDGE}")
            await switch.request("DELETE", settings)


async def _call(switch: _Switch, channel: str, number: int) -> None:
    # Through the same dialplan as a call of the product.
    await switch.request(
        "POST",
        f"channels/{channel}",
        {"variables": {"DIALER_APP": _APP, "DIALER_ARGS": "customer"}},
        endpoint=f"PJSIP/{number}@{_GATE}",
        context="dialer-out",
        extension="s",
        priority="1",
    )
    await switch.until("StasisStart", channel)
    await switch.request("POST", f"bridges/{_BRIDGE}/addChannel", channel=channel)
    await switch.until("ChannelDestroyed", channel)


@asynccontextmanager
async def _connected(lab: Lab) -> AsyncIterator[_Switch]:
    headers = {"Authorization": aiohttp.encode_basic_auth(lab.ari.user, lab.ari.secret)}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{lab.ari.base_url}/ari/events?app={_APP}") as socket,
    ):
        switch = _Switch(http, lab.ari.base_url)
        reader = asyncio.create_task(switch.read(socket))
        try:
            # Not with subscribeAll: it takes device states in, and Asterisk can deadlock when those are given up.
            await switch.request("POST", f"applications/{_APP}/subscription", eventSource="channel:")
            yield switch
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
