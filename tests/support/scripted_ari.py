"""An ARI server over a real socket that does what a test tells it: a small Asterisk, or a sick one."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

STARTUP = "2026-01-02T03:04:05.678+0000"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str  # below /ari
    query: dict[str, str]
    body: Any
    url: str  # path and query, as they were on the wire
    authorization: str


def _operation(nickname: str, method: str, answer: str, **parameters: str) -> dict[str, Any]:
    return {
        "nickname": nickname,
        "httpMethod": method,
        "responseClass": answer,
        "parameters": [
            {"name": name, "paramType": kind, "required": kind == "path", "dataType": "string"}
            for name, kind in parameters.items()
        ],
    }


_SOCKET = {
    **_operation("eventWebsocket", "GET", "Message", app="query"),
    "upgrade": "websocket",
    "websocketProtocol": "ari",
}
_CHANNEL = "/channels/{channelId}"
_BRIDGE = "/bridges/{bridgeId}"
_OBJECT = "/asterisk/config/dynamic/{configClass}/{objectType}/{id}"
_KEYS = {"configClass": "path", "objectType": "path", "id": "path"}
_API: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "events": [("/events", _SOCKET)],
    "applications": [
        (
            "/applications/{applicationName}/subscription",
            _operation("subscribe", "POST", "Application", applicationName="path", eventSource="query"),
        ),
    ],
    "asterisk": [
        ("/asterisk/info", _operation("getInfo", "GET", "AsteriskInfo")),
        (_OBJECT, _operation("getObject", "GET", "List[ConfigTuple]", **_KEYS)),
        (_OBJECT, _operation("updateObject", "PUT", "List[ConfigTuple]", **_KEYS, fields="body")),
        (_OBJECT, _operation("deleteObject", "DELETE", "void", **_KEYS)),
    ],
    "channels": [
        ("/channels", _operation("list", "GET", "List[Channel]")),
        (
            _CHANNEL,
            _operation(
                "originateWithId",
                "POST",
                "Channel",
                channelId="path",
                endpoint="query",
                context="query",
                extension="query",
                priority="query",
                app="query",
                appArgs="query",
                callerId="query",
                timeout="query",
                variables="body",
            ),
        ),
        (_CHANNEL, _operation("get", "GET", "Channel", channelId="path")),
        (_CHANNEL, _operation("hangup", "DELETE", "void", channelId="path", reason_code="query")),
        (
            _CHANNEL + "/play/{playbackId}",
            _operation("playWithId", "POST", "Playback", channelId="path", playbackId="path", media="query"),
        ),
        (
            _CHANNEL + "/variable",
            _operation("setChannelVar", "POST", "void", channelId="path", variable="query", value="query"),
        ),
    ],
    "bridges": [
        ("/bridges", _operation("list", "GET", "List[Bridge]")),
        (_BRIDGE, _operation("createWithId", "POST", "Bridge", bridgeId="path", type="query", name="query")),
        (_BRIDGE, _operation("destroy", "DELETE", "void", bridgeId="path")),
        (
            _BRIDGE + "/addChannel",
            _operation("addChannel", "POST", "void", bridgeId="path", channel="query", mute="query"),
        ),
    ],
    "playbacks": [],
}


class ScriptedAri:
    """`async with ScriptedAri() as ari:` then `ari.base_url`, `ari.seen`, `await ari.send(event)`.

    `answers[method, regular expression of the path below /ari]` replaces an answer. `mute` keeps
    the stream open but answers no ping. `refuse_streams` refuses websockets with 503.
    """

    def __init__(self, user: str = "dialer", secret: str = "s3cr3t") -> None:  # noqa: S107  # of a scripted peer
        self.user = user
        self.secret = secret
        self.port = 0
        self.startup = STARTUP
        self.seen: list[Seen] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self.channels: dict[str, str] = {}
        self.bridges: dict[str, list[str]] = {}
        self.gates: dict[str, dict[str, str]] = {}
        self.trunks: dict[str, dict[str, str]] = {"carrier": {"allow": "(ulaw|alaw)", "context": "inbound"}}
        self.streams: list[web.WebSocketResponse] = []
        self.opened = 0
        self.mute = False
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> ScriptedAri:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def listen(self) -> None:
        """Start; after `stop`, start again on the same port."""
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self._entry)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """As if Asterisk were killed: streams and connections end without a word."""
        for stream in list(self.streams):
            transport = stream.get_extra_info("socket")
            if transport is not None:
                await _abort(stream)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # ---- what a test does ----------------------------------------------------------------

    async def send(self, event: dict[str, Any] | str | bytes) -> None:
        """To every open stream: an event, a raw text, or a binary frame."""
        for stream in list(self.streams):
            if isinstance(event, bytes):
                await stream.send_bytes(event)
            else:
                await stream.send_str(event if isinstance(event, str) else json.dumps(event))

    async def end_streams(self) -> None:
        """Close every stream politely."""
        for stream in list(self.streams):
            await stream.close()

    async def until(self, condition: Callable[[], bool], limit_s: float = 10.0) -> None:
        """Wait until a request or a stream makes the condition true."""
        async with asyncio.timeout(limit_s), self._changed:
            await self._changed.wait_for(condition)

    def requests(self, method: str, path: str) -> list[Seen]:
        return [one for one in self.seen if one.method == method and re.fullmatch(path, one.path)]

    # ---- the server ----------------------------------------------------------------------

    async def _entry(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/ari")
        raw = await request.read()
        self.seen.append(
            Seen(
                request.method,
                path,
                dict(request.query),
                json.loads(raw) if raw else None,
                request.path_qs,
                request.headers.get("Authorization", ""),
            )
        )
        await self._notify()
        expected = "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return web.json_response({"message": "Authentication required"}, status=401)
        for (method, pattern), answer in self.answers.items():
            if method == request.method and re.fullmatch(pattern, path):
                return await answer(request)
        if path.startswith("/api-docs/"):
            return self._document(path)
        if path == "/events":
            return await self._stream(request)
        return self._ordinary(request, path.strip("/").split("/"))

    def _document(self, path: str) -> web.Response:
        name = path.removeprefix("/api-docs/").removesuffix(".json")
        base = {"swaggerVersion": "1.1", "apiVersion": "10.0.0", "basePath": self.base_url + "ari"}
        if name == "resources":
            apis = [{"path": f"/api-docs/{one}.{{format}}", "description": one} for one in _API]
            return web.json_response({**base, "apis": apis})
        apis = [{"path": one, "description": one, "operations": [operation]} for one, operation in _API[name]]
        return web.json_response({**base, "resourcePath": f"/api-docs/{name}", "apis": apis, "models": {}})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        stream = web.WebSocketResponse(autoping=False)
        await stream.prepare(request)
        self.streams.append(stream)
        self.opened += 1
        await self._notify()
        try:
            async for frame in stream:
                if frame.type == aiohttp.WSMsgType.PING and not self.mute:
                    await stream.pong(frame.data)
        finally:
            self.streams.remove(stream)
            await self._notify()
        return stream

    def _ordinary(self, request: web.Request, parts: list[str]) -> web.Response:
        match parts[0]:
            case "channels":
                return self._of_channels(request, parts[1:])
            case "bridges":
                return self._of_bridges(request, parts[1:])
            case "asterisk" if parts[1:] == ["info"]:
                return web.json_response({"status": {"startup_time": self.startup}})
            case "asterisk" if parts[1:-1] == ["config", "dynamic", "res_pjsip", "endpoint"]:
                return self._of_gates(request.method, parts[-1])
            case "applications":
                return web.json_response({"name": parts[1]})
        return _missing("Resource")

    def _of_channels(self, request: web.Request, parts: list[str]) -> web.Response:
        match request.method, parts:
            case "GET", []:
                return web.json_response([_channel(name, state) for name, state in self.channels.items()])
            case "GET", [channel]:
                known = self.channels.get(channel)
                return web.json_response(_channel(channel, known)) if known else _missing("Channel")
            case "POST", [channel]:
                return self._originate(channel, request.query["endpoint"])
            case "DELETE", [channel]:
                return _done() if self.channels.pop(channel, None) else _missing("Channel")
            case "POST", [channel, *_] if channel not in self.channels:
                return _missing("Channel")
            case "POST", [_, "play", playback]:
                return web.json_response({"id": playback}, status=201)
            case "POST", [_, "variable"]:
                return _done()
        return _missing("Resource")

    def _of_bridges(self, request: web.Request, parts: list[str]) -> web.Response:
        match request.method, parts:
            case "GET", []:
                return web.json_response([{"id": name, "channels": inside} for name, inside in self.bridges.items()])
            case "POST", [bridge] if bridge in self.bridges:
                return web.json_response({"message": "exists"}, status=409)
            case "POST", [bridge]:
                self.bridges[bridge] = []
                return web.json_response({"id": bridge, "channels": []})
            case _, [bridge, *_] if bridge not in self.bridges:
                return _missing("Bridge")
            case "DELETE", [bridge]:
                del self.bridges[bridge]
                return _done()
            case "POST", [_, "addChannel"] if request.query["channel"] not in self.channels:
                return web.json_response({"message": "Channel not found"}, status=400)
            case "POST", [bridge, "addChannel"]:
                self.bridges[bridge].append(request.query["channel"])
                return _done()
        return _missing("Resource")

    def _of_gates(self, method: str, gate: str) -> web.Response:
        if method == "GET":
            known = self.gates.get(gate, self.trunks.get(gate))
            if known is None:
                return _missing("Object")
            return web.json_response([{"attribute": name, "value": value} for name, value in known.items()])
        if method == "PUT":
            fields = self.seen[-1].body["fields"]
            self.gates[gate] = {field["attribute"]: field["value"] for field in fields}
            return web.json_response(fields)
        return _missing("Object") if self.gates.pop(gate, None) is None else _done()

    def _originate(self, channel: str, endpoint: str) -> web.Response:
        if channel in self.channels:
            return web.json_response({"message": "Channel with given unique ID already exists"}, status=409)
        gate = endpoint.partition("@")[2]
        if gate and gate not in self.gates:
            return web.json_response({"error": "Allocation failed"}, status=500)
        self.channels[channel] = "Down"
        return web.json_response(_channel(channel, "Down"))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def hang(_request: web.Request) -> web.StreamResponse:
    """Never answer (as a frozen Asterisk)."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def cut(request: web.Request) -> web.StreamResponse:
    """Take the request and cut the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def status(code: int, body: str = '{"message":"scripted"}') -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body, content_type="application/json")

    return answer


def _channel(name: str, state: str) -> dict[str, Any]:
    return {"id": name, "state": state, "creationtime": STARTUP}


def _done() -> web.Response:
    return web.Response(status=204)


def _missing(what: str) -> web.Response:
    return web.json_response({"message": f"{what} not found"}, status=404)


async def _abort(stream: web.WebSocketResponse) -> None:
    writer = stream._writer
    if writer is not None and writer.transport is not None:
        writer.transport.abort()
    await asyncio.sleep(0)
