"""panoramisk with its dangers taken out: no replay, no lost characters, no silent death, no own reconnecting.

One Manager and one protocol live as long as one connection; the client makes new ones.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import socket
from collections.abc import Callable
from typing import Any

import structlog
from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

log = structlog.get_logger()

# panoramisk prints whole actions and messages, secrets and numbers included.
_SILENT = logging.getLogger("ami.panoramisk")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.setLevel(logging.CRITICAL + 1)

_MESSAGE_BYTES = 1 << 20


class LinkLost(Exception):
    """The connection ended before the answer came."""


class SafeProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """Reads whole characters only, survives any message, and forgets what is pending when it closes."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.log = _SILENT
        self.encoding = "utf-8"
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        # A character may be split over two segments; the library would drop both halves.
        text = self._decoder.decode(data)
        if text:
            super().data_received(text.encode())
        if self.queue and len(self.queue[0]) > _MESSAGE_BYTES:
            log.error("ami.message_too_long")
            self.connection_lost(LinkLost("message too long"))

    def handle_message(self, message: Any) -> None:
        try:
            super().handle_message(message)
        except Exception as error:
            # An exception here would close the connection.
            log.error("ami.message_not_handled", error=type(error).__name__)

    def close(self) -> None:
        # The library keeps unanswered actions to send them again after the reconnect.
        pending = list({id(action): action for action in self.responses.values()}.values())
        self.responses.clear()
        for action in pending:
            if not action.future.done():
                action.future.set_exception(LinkLost())
                action.future.exception()  # read once: nobody may be waiting any more
        super().close()


class OneLink(Manager):  # type: ignore[misc]  # panoramisk has no types
    """A Manager for exactly one connection: it logs in, pings and reconnects only when told to.

    on_event gets every event, in order, synchronously; it must not raise or block.
    """

    def __init__(self, host: str, port: int, on_event: Callable[[Any], None]) -> None:
        super().__init__(
            host=host,
            port=port,
            protocol_factory=SafeProtocol,
            encoding="utf-8",
            log=_SILENT,
        )
        self.pinger: asyncio.TimerHandle | None = None
        self.loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self.loop.create_future()
        self.register_event("*", lambda _manager, event: on_event(event))

    async def open(self, timeout_s: float) -> None:
        """Raises OSError or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            pair = await self.loop.create_connection(SafeProtocol, self.config["host"], self.config["port"])
        done = self.loop.create_future()
        done.set_result(pair)
        self.connection_made(done)
        if pair[0].is_closing():
            self.connection_lost(None)

    def connect(self, *_args: Any, **_kwargs: Any) -> None:
        """Not the library's business: its retries cannot be stopped."""

    def ping(self) -> None:
        """Not the library's business: it never looks at the answers."""

    async def send_awaiting_actions(self, *_args: Any) -> None:
        """Nothing is ever sent again."""
        self.awaiting_actions.clear()

    def connection_lost(self, _exc: Any) -> None:
        self._connected = False
        if self.pinger is not None:
            self.pinger.cancel()
            self.pinger = None
        if not self.lost.done():
            self.lost.set_result(None)
