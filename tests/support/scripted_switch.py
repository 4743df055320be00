"""A switch with people behind it, over the scripted ARI: what is dialled decides what happens.

    async with ScriptedSwitch() as switch:
        switch.fates["79990000001"] = Fate(rings=True, answers=False, cause=17, code=486)
        ...                       # originate through AriTelephony(… switch.ari.base_url …)
        await switch.leave("pd-000000000001")

Nothing happens by the clock: an order is rung, answered or refused as soon as it is placed, and a
caller stays until the test, or a hang-up by the engine, ends the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.support.scripted_ari import STARTUP, ScriptedAri, hang


@dataclass(frozen=True, slots=True)
class Fate:
    """What a number does. cause: Q.850, code: SIP, both of a call that is not answered; silent: no end at all."""

    rings: bool = True
    answers: bool = True
    cause: int = 16
    code: int | None = None
    silent: bool = False


class ScriptedSwitch:
    """`ari` is the scripted server below; endpoints without a number (agents) answer at once."""

    def __init__(self) -> None:
        self.ari = ScriptedAri()
        self.fates: dict[str, Fate] = {}
        self.dialled: list[str] = []
        self._originate = self.ari._originate

    async def __aenter__(self) -> ScriptedSwitch:
        self.ari.answers["POST", "/channels/[^/]+"] = self._placed
        self.ari.answers["DELETE", "/channels/[^/]+"] = self._hung_up
        self.ari.answers["POST", "/bridges/[^/]+/addChannel"] = self._joined
        self.ari.answers["POST", "/channels/[^/]+/play/[^/]+"] = self._played
        await self.ari.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.ari.stop()

    # ---- what a test does ----------------------------------------------------------------

    async def answer(self, channel: str) -> None:
        self.ari.channels[channel] = "Up"
        await self._tell("StasisStart", channel, args=[])

    async def leave(self, channel: str, *, cause: int = 16) -> None:
        """The far end hangs up."""
        await self._tell("ChannelHangupRequest", channel, cause=cause)
        await self._end(channel, cause, None)

    def freeze(self) -> None:
        """No ping and no request is answered any more."""
        self.ari.mute = True
        for method in ("GET", "POST", "PUT", "DELETE"):
            self.ari.answers[method, ".*"] = hang

    # ---- what the switch does ------------------------------------------------------------

    async def _placed(self, request: web.Request) -> web.StreamResponse:
        channel = request.path.rpartition("/")[2]
        endpoint = request.query["endpoint"].removeprefix("PJSIP/")
        reply = self._originate(channel, endpoint)
        if reply.status == 200:
            number, _, trunk = endpoint.partition("@")
            self.dialled.append(number)
            fate = self.fates.get(number, Fate()) if trunk else Fate(rings=False)
            await self._carry_out(channel, fate)
        return reply

    async def _carry_out(self, channel: str, fate: Fate) -> None:
        if fate.rings:
            self.ari.channels[channel] = "Ringing"
            await self._tell("ChannelStateChange", channel)
            await self.ari.send(_event("Dial", peer=self._json(channel), dialstatus="RINGING"))
        if fate.silent:
            return
        if fate.answers:
            await self.answer(channel)
        else:
            await self._tell("ChannelHangupRequest", channel, cause=fate.cause, tech_cause=fate.code)
            await self._end(channel, fate.cause, fate.code)

    async def _hung_up(self, request: web.Request) -> web.StreamResponse:
        channel = request.path.rpartition("/")[2]
        if channel not in self.ari.channels:
            return web.json_response({"message": "Channel not found"}, status=404)
        await self._tell("ChannelHangupRequest", channel, cause=32, soft=True)
        await self._end(channel, int(request.query.get("reason_code", "16")), None)
        return web.Response(status=204)

    async def _joined(self, request: web.Request) -> web.StreamResponse:
        bridge, channel = request.path.split("/")[-2], request.query["channel"]
        if bridge not in self.ari.bridges:
            return web.json_response({"message": "Bridge not found"}, status=404)
        if channel not in self.ari.channels:
            return web.json_response({"message": "Channel not found"}, status=400)
        self.ari.bridges[bridge].append(channel)
        await self._tell("ChannelEnteredBridge", channel, bridge={"id": bridge})
        return web.Response(status=204)

    async def _played(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.split("/")
        channel, playback = parts[-3], parts[-1]
        if channel not in self.ari.channels:
            return web.json_response({"message": "Channel not found"}, status=404)
        await self.ari.send(_event("PlaybackFinished", playback={"id": playback, "state": "done"}))
        return web.json_response({"id": playback}, status=201)

    async def _end(self, channel: str, cause: int, code: int | None) -> None:
        for bridge, members in self.ari.bridges.items():
            if channel in members:
                members.remove(channel)
                await self._tell("ChannelLeftBridge", channel, bridge={"id": bridge})
        more = {} if code is None else {"tech_cause": code}
        await self._tell("ChannelDestroyed", channel, cause=cause, **more)
        self.ari.channels.pop(channel, None)

    async def _tell(self, kind: str, channel: str, **fields: Any) -> None:
        given = {name: value for name, value in fields.items() if value is not None}
        await self.ari.send(_event(kind, channel=self._json(channel), **given))

    def _json(self, channel: str) -> dict[str, str]:
        return {"id": channel, "state": self.ari.channels.get(channel, "Down")}


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": STARTUP, "application": "dialer", **fields}
