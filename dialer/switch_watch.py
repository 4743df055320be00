"""What the engine makes of the switch's own news: log lines, counts, and which trunks not to dial through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import structlog

from domain.errors import AccessDenied, Unavailable
from domain.ports import SwitchEvents
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


@dataclass(slots=True)
class SwitchCounts:
    """Since the start of the process. boots: told at each log-in too; restarts: with the loss of every call."""

    boots: int = 0
    restarts: int = 0
    unreachable: int = 0  # trunks and telephones that were reachable
    orphans: int = 0
    lost_watches: int = 0


class SwitchWatch:
    """`run` beside the engine. Without it, and while it knows nothing, everything counts as reachable."""

    def __init__(self, events: SwitchEvents) -> None:
        self._events = events
        self._reach: dict[str, Reach] = {}
        self.counts = SwitchCounts()

    async def run(self) -> None:
        """Until the watch is over for good, which does not end the engine: calls go on over ARI."""
        while True:
            try:
                event = await self._events.next_event()
            except AccessDenied:
                self._reach.clear()
                log.error("switch.watch_denied")
                return
            except Unavailable:
                self._reach.clear()
                log.info("switch.watch_ended")
                return
            self.note(event)

    def trunk_reachable(self, trunk: str) -> bool | None:
        match self._reach.get(trunk, Reach.UNKNOWN):
            case Reach.REACHABLE:
                return True
            case Reach.UNREACHABLE:
                return False
            case Reach.UNKNOWN:
                return None

    def note(self, event: SwitchEvent) -> None:
        match event:
            case WatchUp():
                log.info("switch.watch_up")
            case WatchDown(reason=reason):
                self.counts.lost_watches += 1
                self._reach.clear()
                log.warning("switch.watch_down", reason=reason)
            case SwitchBooted():
                self.counts.boots += 1
                log.info("switch.booted")
            case SwitchStopping(restart=restart):
                log.warning("switch.stopping", restart=restart)
            case SwitchRestarted():
                self.counts.restarts += 1
                self._reach.clear()
                log.error("switch.restarted")
            case ReachChanged():
                self._note_reach(event)
            case RegistrationChanged(domain=domain, registered=True):
                log.info("switch.registered", domain=domain)
            case RegistrationChanged(domain=domain):
                log.warning("switch.registration_lost", domain=domain)
            case CallOrphaned(channel=channel):
                self.counts.orphans += 1
                log.error("switch.call_orphaned", channel=channel)
            case _:
                assert_never(event)

    def _note_reach(self, event: ReachChanged) -> None:
        before = self._reach.get(event.name, Reach.UNKNOWN)
        self._reach[event.name] = event.reach
        match event.reach:
            case Reach.UNREACHABLE:
                if before is Reach.REACHABLE:
                    self.counts.unreachable += 1
                log.warning("switch.unreachable", endpoint=event.name)
            case Reach.REACHABLE:
                log.info("switch.reachable", endpoint=event.name)
            case Reach.UNKNOWN:
                log.info("switch.reach_unknown", endpoint=event.name)
