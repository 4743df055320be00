"""The switch's health as AMI shows it: booted or stopping, restarted or not, who can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ami.client import AmiClient
from ami.events import (
    AmiDown,
    AmiMessage,
    AmiUp,
    CallOrphaned,
    ContactChanged,
    Reach,
    RegistrationChanged,
    SwitchBooted,
    SwitchEvent,
    SwitchRestarted,
    SwitchStopping,
    contact_of,
    switch_event,
)
from ami.queue import DroppingQueue
from domain.clock import Clock, SystemClock
from domain.errors import DialerError, InDoubt, TelephonyError, Unavailable
from domain.i18n import _

log = structlog.get_logger()

_EVENTS_KEPT = 10_000
# What a second contact of the same address of record cannot make worse.
_BEST_FIRST = (Reach.REACHABLE, Reach.UNMONITORED, Reach.UNKNOWN, Reach.UNREACHABLE, Reach.REMOVED)


@dataclass(frozen=True, slots=True)
class SwitchHealth:
    """startup: Asterisk's own local start-up time, "" while unknown. reach: best contact of each address of record."""

    connected: bool
    booted: bool
    startup: str
    reach: Mapping[str, Reach]


class SwitchWatch:
    """Reads a client's events (it must be their only reader) and hands out typed ones, in order.

    trunks: PJSIP endpoints with fixed contacts; Asterisk's list of contacts holds registered ones only.
    At each login the state is read anew: what happened while the link was down is unknown.
    """

    def __init__(self, client: AmiClient, *, trunks: Sequence[str] = (), clock: Clock | None = None) -> None:
        self._client = client
        self._trunks = tuple(trunks)
        self._clock = clock or SystemClock()
        self._events: DroppingQueue[SwitchEvent] = DroppingQueue(_EVENTS_KEPT)
        self._task: asyncio.Task[None] | None = None
        self._connected = False
        self._booted = False
        self._startup = ""
        self._contacts: dict[str, dict[str, ContactChanged]] = {}
        self._told: dict[str, Reach] = {}

    async def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="ami-watch")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._events.end(Unavailable(_("the watch over the switch is closed")))

    def health(self) -> SwitchHealth:
        return SwitchHealth(self._connected, self._booted, self._startup, dict(self._told))

    async def next_event(self) -> SwitchEvent:
        """The next typed event. After `close`, or the end of the client: what is left, then Unavailable."""
        return await self._events.get()

    # ---- following -----------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                event = await self._client.next_event()
            except Unavailable as end:
                self._connected = self._booted = False
                self._events.end(end)
                return
            if isinstance(event, (AmiUp, AmiDown)):
                typed: SwitchEvent | None = event
            else:
                typed = switch_event(event, self._clock.now())
            try:
                if typed is not None:
                    await self._note(typed, event)
            except Exception as error:
                # One strange message must not blind the watch.
                log.error("ami.event_not_noted", error=type(error).__name__)

    async def _note(self, event: SwitchEvent, message: AmiMessage | AmiUp | AmiDown) -> None:
        match event:
            case AmiUp():
                self._connected = True
                self._events.put(event)
                await self._read_state()
            case SwitchBooted():
                self._booted = True
                self._events.put(event)
                await self._read_state()
            case AmiDown() | SwitchStopping():
                self._booted = False
                self._connected = self._connected and isinstance(event, SwitchStopping)
                self._events.put(event)
            case ContactChanged():
                uri = message.get("uri", "") if isinstance(message, Mapping) else ""
                self._contacts.setdefault(event.aor, {})[uri] = event
                self._tell(event.aor)
            case SwitchRestarted() | RegistrationChanged() | CallOrphaned():
                self._events.put(event)

    async def _read_state(self) -> None:
        try:
            status = await self._client.action("CoreStatus")
            self._note_startup(f"{status.get('corestartupdate', '')} {status.get('corestartuptime', '')}".strip())
            contacts = await self._client.list_action("PJSIPShowContacts")
            for trunk in self._trunks:
                contacts += await self._trunk_contacts(trunk)
        except DialerError as error:
            # The link is watched elsewhere; without the rights, or while booting, less is known.
            log.warning("ami.state_not_read", error=type(error).__name__)
            return
        now = self._clock.now()
        fresh: dict[str, dict[str, ContactChanged]] = {}
        for item in contacts:
            found = contact_of(item, now)
            if found is not None:
                fresh.setdefault(found.aor, {})[item.get("uri", "")] = found
        for aor in self._contacts.keys() - fresh.keys():
            fresh[aor] = {"": ContactChanged(aor, Reach.REMOVED, None, now)}
        self._contacts = fresh
        for aor in list(fresh):
            self._tell(aor)

    async def _trunk_contacts(self, trunk: str) -> list[AmiMessage]:
        try:
            details = await self._client.list_action("PJSIPShowEndpoint", {"Endpoint": trunk})
        except InDoubt:
            raise
        except TelephonyError:
            log.warning("ami.trunk_not_found", trunk=trunk)
            return []
        return [item for item in details if item.get("event") == "ContactStatusDetail"]

    def _note_startup(self, startup: str) -> None:
        if self._startup and startup and startup != self._startup:
            self._events.put(SwitchRestarted(startup, self._clock.now()))
        self._startup = startup or self._startup

    def _tell(self, aor: str) -> None:
        """Report an address of record when its best contact has changed; forget contacts that are gone."""
        contacts = self._contacts[aor]
        best = min(contacts.values(), key=lambda contact: _BEST_FIRST.index(contact.reach))
        self._contacts[aor] = {uri: one for uri, one in contacts.items() if one.reach is not Reach.REMOVED}
        before = self._told.get(aor)
        if best.reach is Reach.REMOVED:
            self._told.pop(aor, None)
            with suppress(KeyError):
                del self._contacts[aor]
        else:
            self._told[aor] = best.reach
        if before is not best.reach and not (before is None and best.reach is Reach.REMOVED):
            self._events.put(best)
