"""The link to one Asterisk: connect, subscribe, deliver events in order, notice any loss, connect again.

    connect ─► event filter ─► subscription to all channels ─► start-up time ─► LinkUp ─► events
       ▲                                                                                    │
       └── back-off with jitter ◄── LinkDown ◄── any end of the stream, for any reason ◄────┘

A refused login ends it for good: hammering a switch with a wrong password gets the host banned.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

from ari.events import WANTED, EventTranslator
from ari.http import AriHttpClient, Refused, Unanswered
from ari.settings import AriSettings
from ari.stream import EventClient, StreamEnd
from domain.clock import Clock, SystemClock
from domain.errors import AccessDenied, BadInput, Unavailable
from domain.events import LinkDown, LinkUp, TelephonyEvent
from domain.i18n import _

log = structlog.get_logger()

_EVENTS_HELD = 50_000


@dataclass(frozen=True, slots=True)
class _Loss:
    reason: str
    replaced: bool = False
    denied: bool = False


class AriNode:
    """Supervised link. `start` raises AccessDenied or Unavailable; afterwards it mends itself."""

    def __init__(
        self,
        settings: AriSettings,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._chance = chance
        self._where = _address(settings.base_url)
        self.translator = EventTranslator(self._clock)
        self._events: asyncio.Queue[TelephonyEvent | None] = asyncio.Queue()
        self._held: list[TelephonyEvent] | None = None
        self._client: EventClient | None = None
        self._incarnation = ""
        self._failure: Unavailable | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._links = 0

    # ---- what the adapter uses -----------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self._client is not None

    @property
    def incarnation(self) -> str:
        """Start-up time of the Asterisk that is (or was last) connected."""
        return self._incarnation

    async def start(self) -> None:
        """Connect once, then keep connected in the background."""
        if self._supervisor is not None:
            raise Unavailable(_("the ARI link to {where} was started already").format(where=self._where))
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(first), name="ari-link")
        try:
            await first
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the link. Commands and `next_event` raise Unavailable from now on."""
        if self._failure is None:
            self._failure = Unavailable(_("the ARI link to {where} is closed").format(where=self._where))
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        self._events.put_nowait(None)

    async def next_event(self) -> TelephonyEvent:
        """The next event. After a refused login or `close`: what came before, then the error."""
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)
            raise self._failure or Unavailable(self._where)
        return event

    async def call(self, resource: str, operation: str, **arguments: Any) -> Any:
        """One ARI operation by its swagger nickname; arguments that are None are left out.

        Returns JSON (None for an empty answer). Raises Refused, Unanswered, or Unavailable when
        the link is down (nothing was sent).
        """
        client = self._client
        if client is None:
            raise self._failure or Unavailable(
                _("no link to Asterisk at {where}: it is being re-established").format(where=self._where)
            )
        try:
            return await self._run(client, resource, operation, **arguments)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The library reads an answer it does not understand in many ways; none says "not done".
            log.error("ari.answer_not_understood", operation=operation, error=type(error).__name__)
            raise Unanswered(type(error).__name__, sent=True) from None

    # ---- one link after another ----------------------------------------------------------

    async def _supervise(self, first: asyncio.Future[None]) -> None:
        short_links = 0
        while True:
            self._links += 1
            born = self._clock.monotonic()
            loss = await self._link(first)
            if not first.done():
                first.set_exception(self._start_error(loss))
                return
            log.warning("ari.link_down", node=self._where, reason=loss.reason)
            if loss.denied:
                self._fail(self._start_error(loss))
                return
            # A link that comes and goes at once is a failure too, or this becomes a tight loop.
            lasted = self._clock.monotonic() - born
            short_links = 0 if lasted > self._settings.backoff_max_s else short_links + 1
            await self._sleep(self._delay(short_links, loss))

    async def _link(self, first: asyncio.Future[None]) -> _Loss:
        """Live through one connection; say how it ended."""
        settings = self._settings
        http = AriHttpClient(
            settings.user,
            settings.secret,
            timeout_s=settings.request_timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
            heartbeat_s=settings.heartbeat_s,
            connections=settings.connections,
        )
        client = EventClient(settings.base_url.rstrip("/") + "/", http, self._take, self.translator.not_json)
        reader: asyncio.Task[StreamEnd] | None = None
        self._held = []
        try:
            await client.init()
            await client.open(settings.app)
            reader = asyncio.create_task(client.read(), name="ari-events")
            incarnation = await self._prepare(client)
            if not reader.done():
                self._up(client, incarnation)
                if not first.done():
                    first.set_result(None)
            end = await reader
            return _Loss(end.value, replaced=end is StreamEnd.REPLACED)
        except Refused as refused:
            return _Loss(f"HTTP status {refused.status}", denied=refused.status in (401, 403))
        except Unanswered as unanswered:
            return _Loss(unanswered.reason)
        except Exception as error:
            # The library can raise anything on documents it did not expect; the link must survive it.
            log.error("ari.link_failed", node=self._where, error=type(error).__name__)
            return _Loss(type(error).__name__)
        finally:
            # Also when cancelled: events that were read are delivered before the LinkDown.
            await self._down(client, reader)

    async def _prepare(self, client: EventClient) -> str:
        """Both filter and subscription vanish with the application, hence at every connect."""
        app = self._settings.app
        await client.allow_only(app, WANTED)
        await self._run(client, "applications", "subscribe", applicationName=app, eventSource="channel:")
        info = await self._run(client, "asterisk", "getInfo")
        return str(info["status"]["startup_time"])

    def _up(self, client: EventClient, incarnation: str) -> None:
        self._incarnation = incarnation
        self._client = client
        self._events.put_nowait(LinkUp(incarnation, self._clock.now()))
        for event in self._held or ():
            self._events.put_nowait(event)
        self._held = None
        log.info("ari.link_up", node=self._where, incarnation=incarnation)

    async def _down(self, client: EventClient, reader: asyncio.Task[StreamEnd] | None) -> None:
        was_up = self._client is client
        self._client = None
        self._held = None
        if reader is not None:
            reader.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reader
        if was_up:
            self._events.put_nowait(LinkDown(self._reason(reader), self._clock.now()))
        with suppress(Exception):
            await client.close()

    @staticmethod
    def _reason(reader: asyncio.Task[StreamEnd] | None) -> str:
        if reader is None or reader.cancelled() or reader.exception() is not None:
            return StreamEnd.CLOSED.value
        return reader.result().value

    def _take(self, event: dict[str, Any]) -> bool:
        typed = self.translator.translate(event)
        if typed is None:
            return True
        if self._held is not None:
            self._held.append(typed)
            return len(self._held) < _EVENTS_HELD
        self._events.put_nowait(typed)
        return self._events.qsize() < _EVENTS_HELD

    # ---- helpers -------------------------------------------------------------------------

    @staticmethod
    async def _run(client: EventClient, resource: str, operation: str, **arguments: Any) -> Any:
        repository = client.get_repo(resource)
        given = {name: value for name, value in arguments.items() if value is not None}
        found = await getattr(repository, operation)(**given)
        if isinstance(found, list):
            return [getattr(item, "json", item) for item in found]
        return getattr(found, "json", found)

    def _delay(self, short_links: int, loss: _Loss) -> float:
        settings = self._settings
        ceiling = min(settings.backoff_max_s, settings.backoff_min_s * 2.0 ** min(short_links, 16))
        if loss.replaced:
            # The other one is another engine, or an operator: do not fight over the application.
            ceiling = max(ceiling, settings.replaced_backoff_s)
        return ceiling * (0.5 + 0.5 * self._chance())

    def _fail(self, error: Unavailable) -> None:
        self._failure = error
        self._events.put_nowait(None)

    def _start_error(self, loss: _Loss) -> Unavailable:
        names = {"where": self._where, "user": self._settings.user, "reason": loss.reason}
        if loss.denied:
            return AccessDenied(
                _(
                    "Asterisk at {where} refused the ARI user {user} ({reason}): correct the secret, "
                    "or password and read_only of [{user}] in ari.conf"
                ).format(**names)
            )
        return Unavailable(
            _(
                "no ARI link to Asterisk at {where} ({reason}): start Asterisk, or correct the address, "
                "or enabled, bindaddr and bindport in http.conf and ari.conf"
            ).format(**names)
        )


def _address(base_url: str) -> str:
    """Host and port of the URL: a URL may hold a password, an address does not."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadInput(_("the ARI address must look like http://host:8088/, without user and password in it"))
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
