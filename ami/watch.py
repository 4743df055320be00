"""The switch as AMI shows it: booted or stopping, restarted or not, who can be reached."""

from __future__ import annotations

import asyncio

import structlog

from ami.client import AmiClient
from ami.events import AmiDown, AmiMessage, AmiUp, switch_event
from ami.queue import DroppingQueue
from domain.clock import Clock, SystemClock
from domain.errors import DialerError, Unavailable
from domain.i18n import _
from domain.switch import (
    CallOrphaned,
    Reach,
    ReachChanged,
    RegistrationChanged,
    SwitchBooted,
    SwitchEvent,
    SwitchRestarted,
    SwitchStopping,
    WatchDown,
    WatchUp,
)

log = structlog.get_logger()

_EVENTS_KEPT = 10_000


class AmiWatch:
    """The engine's SwitchEvents: reads a client's events (it must be their only reader), hands out typed ones.

    Who can be reached is known from changes alone, and forgotten with the link: Asterisk's lists either ask for
    the right to change the system, or go on naming endpoints of epochs that are over as they were last seen.
    """

    def __init__(self, client: AmiClient, *, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self._events: DroppingQueue[SwitchEvent] = DroppingQueue(_EVENTS_KEPT)
        self._task: asyncio.Task[None] | None = None
        self._startup = ""
        self._told: dict[str, Reach] = {}

    async def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="ami-watch")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._events.end(Unavailable(_("the watch over the switch is closed")))

    async def next_event(self) -> SwitchEvent:
        """The next typed event. After `close`, or the end of the client: what is left, then Unavailable."""
        return await self._events.get()

    # ---- following -----------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                message = await self._client.next_event()
            except Unavailable as end:
                self._events.end(end)
                return
            try:
                event = self._typed(message)
                if event is not None:
                    await self._note(event)
            except Exception as error:
                # One strange message must not blind the watch.
                log.error("ami.event_not_noted", error=type(error).__name__)

    def _typed(self, message: AmiMessage | AmiUp | AmiDown) -> SwitchEvent | None:
        match message:
            case AmiUp():
                return WatchUp(message.at)
            case AmiDown():
                return WatchDown(message.reason, message.at)
            case _:
                return switch_event(message, self._clock.now())

    async def _note(self, event: SwitchEvent) -> None:
        match event:
            case WatchUp() | SwitchBooted():
                self._events.put(event)
                await self._read_startup()
            case WatchDown():
                self._told.clear()
                self._events.put(event)
            case ReachChanged():
                self._tell(event)
            case SwitchStopping() | SwitchRestarted() | RegistrationChanged() | CallOrphaned():
                self._events.put(event)

    async def _read_startup(self) -> None:
        try:
            status = await self._client.action("CoreStatus")
            self._note_startup(f"{status.get('corestartupdate', '')} {status.get('corestartuptime', '')}".strip())
        except DialerError as error:
            # The link is watched elsewhere; without the rights, or while booting, a restart goes unnoticed.
            log.warning("ami.startup_not_read", error=type(error).__name__)

    def _note_startup(self, startup: str) -> None:
        if self._startup and startup and startup != self._startup:
            self._events.put(SwitchRestarted(startup, self._clock.now()))
        self._startup = startup or self._startup

    def _tell(self, event: ReachChanged) -> None:
        if self._told.get(event.name) is not event.reach:
            self._told[event.name] = event.reach
            self._events.put(event)
