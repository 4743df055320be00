"""A private Asterisk 22: Debian's newer suite unpacked into a folder, run without installing and without chroot.

The machine's own suite has either no Asterisk or an old one. The newer suite's dynamic loader is called by its
path with its own libraries, so the host's C library does not matter and every path is the same for both.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from domain.errors import Unavailable

MIRROR = "http://deb.debian.org/debian"
SUITES = ("forky", "sid")
OVERRIDE = "DIALER_ASTERISK_ROOT"
_FOLDER = "asterisk-root"
_STAMP = ".unpacked"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AsteriskRoot:
    """An unpacked system that holds Asterisk."""

    path: Path

    @property
    def libraries(self) -> Path:
        return next(iter(sorted((self.path / "usr/lib").glob("*-linux-gnu*"))), self.path / "usr/lib")

    @property
    def modules(self) -> Path:
        return self.libraries / "asterisk" / "modules"

    @property
    def share(self) -> Path:
        return self.path / "usr/share/asterisk"

    def command(self, program: str) -> list[str]:
        """The start of a command line that runs a program of this root with the root's own libraries."""
        loaders = sorted((self.path / "usr").glob("lib*/ld-linux*.so.*"))
        binary = self.path / "usr/sbin" / program
        if not loaders or not binary.exists():
            raise Unavailable(f"{self.path} holds no {program}: remove the folder and run `make install` again.")
        return [str(loaders[0]), "--library-path", str(self.libraries), str(binary)]


def find_root(data_dir: Path, environment: Mapping[str, str] = os.environ) -> AsteriskRoot | None:
    """The root to use if there is one: the folder that DIALER_ASTERISK_ROOT names, else the unpacked one."""
    named = environment.get(OVERRIDE)
    if named:
        return AsteriskRoot(Path(named).resolve())
    folder = data_dir.resolve() / _FOLDER
    return AsteriskRoot(folder) if (folder / _STAMP).exists() else None


def ensure_root(data_dir: Path) -> AsteriskRoot:
    """The root, unpacked first if there is none yet. Raises Unavailable."""
    root = find_root(data_dir)
    if root is None:
        raise Unavailable("Asterisk is not unpacked.")
    return root
