"""A bare ARI and AMI client for tests of the lab: no product code between the test and Asterisk."""

from __future__ import annotations

import asyncio
import csv
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from lab.network import Lab

_serial = itertools.count(1)
_END = "ChannelDestroyed"
_OBJECT = "asterisk/config/dynamic/res_pjsip/endpoint/"


@dataclass(slots=True)
class Call:
    """What one channel went through, as ARI told it."""

    channel: str
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, kind: str, **wanted: object) -> dict[str, Any]:
        """The first event of a kind whose fields have these values."""

        def found() -> dict[str, Any] | None:
            same = (e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in wanted.items()))
            return next(same, None)

        async with asyncio.timeout(15), self.changed:
            await self.changed.wait_for(lambda: found() is not None)
        event = found()
        assert event is not None
        return event

    @property
    def dial_states(self) -> list[str]:
        return [event["dialstatus"] for event in self.events if event["type"] == "Dial"]


@dataclass(slots=True)
class Probe:
    lab: Lab
    http: aiohttp.ClientSession
    app: str
    calls: dict[str, Call] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def connect(cls, lab: Lab, app: str = "") -> AsyncIterator[Probe]:
        headers = {"Authorization": aiohttp.encode_basic_auth(lab.ari.user, lab.ari.secret)}
        name = app or f"probe{next(_serial)}"
        async with aiohttp.ClientSession(headers=headers) as http:
            # Not with subscribeAll: it takes device states in, and Asterisk can deadlock when those are given up.
            address = f"{lab.ari.base_url}/ari/events?app={name}"
            async with http.ws_connect(address) as socket:
                probe = cls(lab, http, name)
                reader = asyncio.create_task(probe._read(socket))
                try:
                    source = {"eventSource": "channel:"}
                    assert await probe.request("POST", f"applications/{name}/subscription", **source) == 200
                    await probe._arm()
                    yield probe
                finally:
                    await probe.request("DELETE", _OBJECT + probe.gate)
                    for channel in probe.calls:
                        await probe.request("DELETE", f"channels/{channel}")
                    await socket.close()
                    reader.cancel()
                    with suppress(asyncio.CancelledError):
                        await reader

    @property
    def gate(self) -> str:
        """The endpoint to dial the trunk's numbers through."""
        return f"{self.lab.trunk}-{self.app}"

    async def _arm(self) -> None:
        own = ("aors", "callerid", "identify_by", "stir_shaken")
        async with self.http.get(f"{self.lab.ari.base_url}/ari/{_OBJECT}{self.lab.trunk}") as reply:
            fields = [field for field in await reply.json() if field["attribute"] not in own]
        fields += [{"attribute": "aors", "value": self.lab.trunk}, {"attribute": "identify_by", "value": "header"}]
        address = f"{self.lab.ari.base_url}/ari/{_OBJECT}{self.gate}"
        async with self.http.put(address, json={"fields": fields}) as reply:
            assert reply.status == 200, await reply.text()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event = message.json()
            about = event.get("channel") or event.get("peer") or {}
            call = self.calls.get(about.get("id", ""))
            if call is not None:
                async with call.changed:
                    call.events.append(event)
                    call.changed.notify_all()

    async def request(self, method: str, path: str, **parameters: str) -> int:
        async with self.http.request(method, f"{self.lab.ari.base_url}/ari/{path}", params=parameters) as reply:
            return reply.status

    async def dial(self, endpoint: str, *, ring_s: int = 10, through_dialplan: bool = False, **variables: str) -> Call:
        call = Call(f"test-{next(_serial):06d}")
        self.calls[call.channel] = call
        where = {"context": "dialer-out", "extension": "s"} if through_dialplan else {"app": self.app}
        parameters = {"endpoint": endpoint, "timeout": str(ring_s), **where}
        address = f"{self.lab.ari.base_url}/ari/channels/{call.channel}"
        async with self.http.post(address, params=parameters, json={"variables": variables}) as reply:
            assert reply.status == 200, await reply.text()
        return call

    async def dial_number(self, number: str, *, ring_s: int = 10) -> Call:
        return await self.dial(f"PJSIP/{number}@{self.gate}", ring_s=ring_s)

    async def ended(self, number: str, *, ring_s: int = 10) -> Call:
        """Dial a number and wait until the call is over."""
        call = await self.dial_number(number, ring_s=ring_s)
        await call.until(_END)
        return call


async def ami(lab: Lab, *actions: dict[str, str]) -> list[dict[str, str]]:
    """Log in and run actions; the response to each (the log-in's not among them)."""
    reader, writer = await asyncio.open_connection(lab.ami.host, lab.ami.port)
    responses = []
    try:
        await reader.readline()
        login = {"Action": "Login", "Username": lab.ami.user, "Secret": lab.ami.secret}
        for number, action in enumerate([login, *actions]):
            lines = [f"{key}: {value}" for key, value in {**action, "ActionID": str(number)}.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            responses.append(await _response(reader, str(number)))
    finally:
        writer.close()
        await writer.wait_closed()
    assert responses[0]["Response"] == "Success", responses[0]
    return responses[1:]


async def _response(reader: asyncio.StreamReader, wanted: str) -> dict[str, str]:
    async with asyncio.timeout(10):
        while True:
            block = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
            told = dict(line.split(": ", 1) for line in block.strip().splitlines() if ": " in line)
            if told.get("ActionID") == wanted and "Response" in told:
                return told


def cel_rows(path: Path, *, extension: str = "", channel: str = "") -> Sequence[list[str]]:
    """Rows of a call log: event, time, caller, extension, channel, unique id, linked id, more."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    return [row for row in rows if (not extension or row[3] == extension) and (not channel or row[5] == channel)]
