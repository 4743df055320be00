"""One Asterisk process of the lab: started from a rendered folder, watched until booted, stopped for certain.

Nothing here knows of an event loop: a lab may be started before one exists and outlive several.
"""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from domain.errors import DialerError, Unavailable
from domain.i18n import _
from lab.processes import ProcessId
from lab.root import AsteriskRoot

_BOOT_S = 20.0
_STOP_S = 3.0
_POLL_S = 0.02
_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one instance keeps its things; every path is the instance's own."""

    base: Path

    @property
    def etc(self) -> Path:
        return self.base / "etc"

    @property
    def state(self) -> Path:
        return self.base / "state"

    @property
    def spool(self) -> Path:
        return self.base / "spool"

    @property
    def logs(self) -> Path:
        return self.base / "log"

    @property
    def cel(self) -> Path:
        return self.logs / "cel-custom" / "calls.csv"

    def make(self) -> None:
        needed = (self.etc, self.state / "keys", self.spool / "monitor", self.spool / "recording", self.base / "run")
        for folder in needed:
            folder.mkdir(parents=True, exist_ok=True)
        self.cel.parent.mkdir(parents=True, exist_ok=True)

    def values(self, root: AsteriskRoot) -> dict[str, str]:
        """What the templates of every instance need."""
        return {
            "ETC_DIR": str(self.etc),
            "MODULE_DIR": str(root.modules),
            "SHARE_DIR": str(root.share),
            "STATE_DIR": str(self.state),
            "SPOOL_DIR": str(self.spool),
            # relative to the working folder: the path of a socket may have 107 characters only
            "RUN_DIR": "run",
            "LOG_DIR": str(self.logs),
        }


@dataclass(slots=True)
class Instance:
    """name: for people ("switch", "network"). The folder must be rendered before it is started."""

    name: str
    folder: Folder
    root: AsteriskRoot
    process: ProcessId | None = field(default=None, init=False)
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the process and return at once. The kernel kills it when we end, however we end."""
        started: Future[subprocess.Popen[bytes]] = Future()
        # The kernel watches the thread that started a process, and callers' threads come and go.
        Thread(target=self._keep, args=(started,), name=f"lab-{self.name}", daemon=True).start()
        self._child = started.result()
        self.process = ProcessId.of(self._child.pid)

    def _keep(self, started: Future[subprocess.Popen[bytes]]) -> None:
        try:
            child = self._spawn(_tied_to_us(self._command("-f", "-n")), subprocess.DEVNULL)
        except (OSError, DialerError) as error:
            started.set_exception(error)
        else:
            started.set_result(child)
            child.wait()

    def start_detached(self) -> None:
        """Start the process so that it outlives us; `process` says which it is."""
        # the shell hands the process over to init and tells its id
        shell = self._spawn(["sh", "-c", '"$@" >&2 & echo $!', "sh", *self._command("-f", "-n")], subprocess.PIPE)
        self.process = ProcessId.of(int(shell.communicate()[0]))

    def _spawn(self, command: list[str], output: int) -> subprocess.Popen[bytes]:
        with (self.folder.base / "console.log").open("wb") as console:
            return subprocess.Popen(
                command,
                cwd=self.folder.base,
                stdin=subprocess.DEVNULL,
                stdout=console if output == subprocess.DEVNULL else output,
                stderr=console,
                # a Ctrl-C in the terminal reaches us only; we stop it in order
                start_new_session=True,
            )

    def wait_booted(self) -> None:
        """Return when Asterisk says that it is fully booted. Raises Unavailable with the end of its log."""
        deadline = time.monotonic() + _BOOT_S
        while self.cli("core waitfullybooted") is None:
            if self.process is None or not self.process.alive:
                text = _("Asterisk ({name}) ended while starting.")
                raise Unavailable(text.format(name=self.name) + self.tail())
            if time.monotonic() > deadline:
                text = _("Asterisk ({name}) did not boot within {limit:.0f} s.")
                raise Unavailable(text.format(name=self.name, limit=_BOOT_S) + self.tail())
            time.sleep(_POLL_S)

    def cli(self, command: str) -> str | None:
        """Run a console command; its output, or None while Asterisk does not listen."""
        if not (self.folder.base / "run" / "asterisk.ctl").exists():
            return None
        try:
            done = subprocess.run(
                self._command("-rx", command), cwd=self.folder.base, capture_output=True, timeout=_BOOT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    def stop(self) -> None:
        """Ask it to end, then kill it; returns when the process is gone. A second call does nothing."""
        if self.process is not None:
            self.process.stop(_STOP_S)
        if self._child is not None:
            self._child.wait()
        self.process = self._child = None

    def tail(self) -> str:
        """The end of its log, as an appendix to an error message."""
        text = ""
        for path in (self.folder.base / "console.log", self.folder.logs / "messages.log"):
            if path.exists():
                lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
                text += "".join(f"\n  {line}" for line in lines)
        return text

    def _command(self, *arguments: str) -> list[str]:
        return [*self.root.command("asterisk"), "-C", str(self.folder.etc / "asterisk.conf"), *arguments]


def _tied_to_us(command: list[str]) -> list[str]:
    # The shell closes the gap in which we could die before the kernel was asked: then its parent is another.
    guard = 'test "$PPID" = "$1" || exit 1; shift; exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", guard, "sh", str(os.getpid()), *command]
