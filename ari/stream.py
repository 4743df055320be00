"""aioari's client with its event loop replaced: it says when it is connected and why it ended.

aioari's own `run` returns silently at a loss, dies of the first frame that is not JSON, and
never tells when the stream is open, which is when the subscription has to be made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urljoin

import aioari
import aiohttp

from ari.events import APPLICATION_REPLACED
from ari.http import AriHttpClient

_FAIR_SHARE = 64


class StreamEnd(StrEnum):
    CLOSED = "the event stream was closed"
    REPLACED = "another client took the application"
    OVERFLOW = "events are not taken as fast as they come"


class EventClient(aioari.Client):  # type: ignore[misc]  # aioari has no types
    """One connection: `init`, `open`, then `read` until it ends. Never used again after that.

    on_event gets each event in the stream's order and answers False to end the stream (it is
    full); on_garbage is told of each frame that is no event. Neither may block.
    """

    def __init__(
        self,
        base_url: str,
        http: AriHttpClient,
        on_event: Callable[[dict[str, Any]], bool],
        on_garbage: Callable[[], None],
    ) -> None:
        super().__init__(base_url, http)
        # The library sets these in `init` only; looked up before it, its __getattr__ never ends.
        self.repositories: dict[str, Any] = {}
        self.websockets: set[aiohttp.ClientWebSocketResponse] = set()
        self.event_listeners: dict[str, list[Any]] = {}
        self._http = http
        self._base_url = base_url
        self._on_garbage = on_garbage
        self._deliver = on_event
        self._end: StreamEnd | None = None
        self._stream: aiohttp.ClientWebSocketResponse | None = None

    async def open(self, app: str) -> None:
        """Connect the event stream of `app`. From now on the application is ours."""
        # One listener for everything: listeners of single objects are never removed by the library.
        self.on_event("*", self._sort)
        self._stream = await self.swagger.events.eventWebsocket(app=app)
        self.websockets.add(self._stream)

    async def allow_only(self, app: str, types: Iterable[str]) -> None:
        """Ask Asterisk to send events of these types only.

        Not by the library's operation: it wraps the body in its parameter's name, and Asterisk
        takes that for an empty filter without a word.
        """
        body = json.dumps({"allowed": [{"type": name} for name in types]})
        path = f"ari/applications/{quote(app, safe='')}/eventFilter"
        await self._http.request(
            "PUT", urljoin(self._base_url, path), data=body, headers={"Content-Type": "application/json"}
        )

    async def read(self) -> StreamEnd:
        """Hand on events until the stream ends, whatever the reason."""
        stream = self._stream
        if stream is None:
            raise RuntimeError("read before open")
        count = 0
        try:
            while self._end is None:
                frame = await stream.receive()
                if frame.type == aiohttp.WSMsgType.TEXT:
                    await self._one(frame.data)
                elif frame.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.CONTINUATION):
                    self._on_garbage()
                else:
                    return StreamEnd.CLOSED
                count += 1
                if count % _FAIR_SHARE == 0:
                    # A burst that is buffered already would be read without ever yielding.
                    await asyncio.sleep(0)
            return self._end
        finally:
            self.websockets.discard(stream)
            await stream.close()

    async def _one(self, text: str) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            self._on_garbage()
            return
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self._on_garbage()
            return
        await self.process_ws(event)

    def _sort(self, event: dict[str, Any]) -> None:
        if event["type"] == APPLICATION_REPLACED:
            self._end = StreamEnd.REPLACED
        elif not self._deliver(event):
            self._end = StreamEnd.OVERFLOW

    async def close(self) -> None:
        for stream in list(self.websockets):
            await stream.close()
        await self._http.close()
