"""A process named so that no other is ever signalled in its place: its id together with the time it began."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

_START_TICKS = 19  # place of field 22 of /proc/<pid>/stat, counted from field 3, the first after the name


@dataclass(frozen=True, slots=True)
class ProcessId:
    """started: clock ticks between the machine's boot and the process's start."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this id now, or None if there is none (a zombie counts as none)."""
        try:
            # the name, in brackets, may hold spaces and brackets itself
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[_START_TICKS]))

    @property
    def alive(self) -> bool:
        return self.of(self.pid) == self

    def stop(self, patience_s: float) -> None:
        """Ask it to end, then kill it; returns when it is gone. Does nothing if it is gone already."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # only now the id cannot pass to another process, so only now may it be compared
            if not self.alive:
                return
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if not ended.poll(patience_s * 1000):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                ended.poll()
        except ProcessLookupError:
            return
        finally:
            os.close(handle)
