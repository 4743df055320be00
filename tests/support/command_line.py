"""`dialer` as people run it: a process of its own, with nothing of the tests' environment but the path."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 90.0


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class CommandLine:
    """settings: names of settings without DIALER_, in any case. before: a program that starts ours."""

    settings: Mapping[str, str]
    before: Sequence[str] = ()
    program: Sequence[str] = ("-m", "dialer")
    more: Mapping[str, str] = field(default_factory=dict)

    def environment(self, **settings: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DIALER_ASTERISK_ROOT") if name in os.environ}
        told = {"lang": "en", **self.settings, **settings}
        named = {f"DIALER_{name.upper()}": value for name, value in told.items()}
        return {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **kept, **self.more, **named}

    def command(self, *arguments: str | Path) -> list[str]:
        return [*self.before, sys.executable, *self.program, *map(str, arguments)]

    def __call__(self, *arguments: str | Path, **settings: str) -> Said:
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def begin(self, *arguments: str | Path, **settings: str) -> subprocess.Popen[bytes]:
        """Without waiting for its end; the caller waits."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def ended(process: subprocess.Popen[bytes]) -> Said:
    out, err = process.communicate(timeout=LIMIT_S)
    return Said(process.returncode, out.decode(), err.decode())


def refused(said: Said, code: int, *words: str) -> None:
    """It ended with this code and one clear message that holds these words; nothing was shown as a result."""
    assert said.code == code, said.all
    assert "Traceback" not in said.all
    assert said.out == ""
    for word in words:
        assert word in said.err, said.err
