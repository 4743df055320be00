"""A private Asterisk 22: Debian's newer suite unpacked into a folder, run without installing and without chroot.

The machine's own suite has either no Asterisk or an old one. debootstrap only fetches and verifies the packages
(Debian's archive keys of the last two releases sign the newer suites too, so nothing is ever unverified); they
are then unpacked as plain archives, so no maintainer script of another suite runs on this machine. Programs of
the folder are started by the folder's own dynamic loader with its own libraries.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

from domain.errors import Unavailable
from domain.i18n import _

MIRROR = "http://deb.debian.org/debian"
SUITES = ("forky", "sid")
OVERRIDE = "DIALER_ASTERISK_ROOT"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ADMIN_FOLDERS = ("/usr/sbin", "/sbin")
_FOLDER = "asterisk-root"
_STAMP = ".unpacked"
_SIZE_MB = 700
_FETCH_S = 900.0
_UNPACK_S = 300.0
_LOG_LINES = 5
#: Two thirds of the packages' size, and nothing that Asterisk reads.
_LEFT_OUT = ("doc", "man", "locale", "info", "lintian", "i18n", "zoneinfo", "perl5", "mime", "mibs")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AsteriskRoot:
    """A folder that holds Asterisk and everything it is linked with."""

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
            text = _("{folder} holds no {program}: remove the folder and run `make install` again.")
            raise Unavailable(text.format(folder=self.path, program=program))
        return [str(loaders[0]), "--library-path", str(self.libraries), str(binary)]

    def version(self) -> str:
        """What Asterisk says of itself. Raises Unavailable if it does not run here."""
        failure = _("Asterisk in {folder} does not run").format(folder=self.path)
        return _run([*self.command("asterisk"), "-V"], 30, failure).strip()


def find_root(data_dir: Path, environment: Mapping[str, str] = os.environ) -> AsteriskRoot | None:
    """The root to use if there is one: the folder that DIALER_ASTERISK_ROOT names, else the unpacked one."""
    named = environment.get(OVERRIDE)
    if named:
        return AsteriskRoot(Path(named).resolve())
    folder = data_dir.resolve() / _FOLDER
    return AsteriskRoot(folder) if (folder / _STAMP).exists() else None


def ensure_root(data_dir: Path, *, mirror: str = MIRROR) -> AsteriskRoot:
    """The root, fetched and unpacked first if there is none (about half a minute, once per data folder).

    A second caller waits for the first. Nothing half-made is ever found: the folder gets its name at the end.
    Raises Unavailable without debootstrap, network, space, or the right to run debootstrap.
    """
    root = find_root(data_dir)
    if root is not None:
        return root
    data_dir.mkdir(parents=True, exist_ok=True)
    with _only_one(data_dir / f"{_FOLDER}.lock"):
        root = find_root(data_dir)
        if root is not None:
            return root
        work = data_dir.resolve() / f"{_FOLDER}.part"
        become_root = _way_to_root()
        _remove(work, become_root)
        _check_space(data_dir)
        try:
            return _unpack(work, data_dir.resolve() / _FOLDER, become_root, mirror)
        finally:
            _remove(work, become_root)


def _unpack(work: Path, target: Path, become_root: Sequence[str], mirror: str) -> AsteriskRoot:
    work.mkdir()
    suite = _fetch(work / "download", become_root, mirror)
    root = AsteriskRoot(work / "root")
    root.path.mkdir()
    left_out = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT]
    for package in sorted((work / "download/var/cache/apt/archives").glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as archive:
            unpack = ["tar", "--extract", "--no-same-owner", *left_out, "--directory", str(root.path)]
            failure = _("The package {name} does not unpack").format(name=package.name)
            _run(unpack, _UNPACK_S, failure, stdin=archive.stdout)
    (root.path / _STAMP).write_text(f"{suite}\n{root.version()}\n")
    if target.exists():
        shutil.rmtree(target)
    root.path.rename(target)
    log.info("lab.asterisk_unpacked", suite=suite, path=str(target))
    return AsteriskRoot(target)


def _fetch(folder: Path, become_root: Sequence[str], mirror: str) -> str:
    """Download Asterisk with all its dependencies, verified; the suite that had it."""
    last: Unavailable | None = None
    for suite in SUITES:
        # the host's debootstrap may not know the newer suite by name, but it knows sid, which is built alike
        command = [*become_root, _debootstrap(), "--download-only", "--variant=minbase", "--include=asterisk"]
        command += [f"--keyring={_KEYRING}", suite, str(folder), mirror, "sid"]
        log.info("lab.asterisk_fetching", suite=suite, mirror=mirror)
        try:
            failure = _("Debian's packages of Asterisk could not be fetched ({suite} at {mirror})")
            _run(command, _FETCH_S, failure.format(suite=suite, mirror=mirror))
        except Unavailable as error:
            last = error
            _remove(folder, become_root)
        else:
            return suite
    assert last is not None  # noqa: S101 - there is at least one suite
    text = _("Check the network, or name an unpacked Asterisk 22 in {variable}.")
    raise Unavailable(f"{last}\n{text.format(variable=OVERRIDE)}") from last


def _debootstrap() -> str:
    # the folders for administrators are not on the path of others, who may run it in a namespace of their own
    found = shutil.which("debootstrap", path=os.pathsep.join([os.environ.get("PATH", ""), *_ADMIN_FOLDERS]))
    if found is None:
        raise Unavailable(_("debootstrap is missing: `make install` installs it, or `apt-get install debootstrap`."))
    return found


def _way_to_root() -> list[str]:
    """What to put before debootstrap so that it may run: nothing, sudo, or a user namespace of our own."""
    _debootstrap()
    if not _KEYRING.exists():
        text = _("{file} is missing: `apt-get install debian-archive-keyring` brings it.")
        raise Unavailable(text.format(file=_KEYRING))
    if os.geteuid() == 0:
        return []
    for way in (["sudo", "-n"], ["unshare", "--map-root-user", "--fork"]):
        if shutil.which(way[0]) and subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            return way
    text = _(
        "debootstrap must run as root: run `make install` as root or with sudo, "
        "or name an unpacked Asterisk 22 in {variable}."
    )
    raise Unavailable(text.format(variable=OVERRIDE))


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < _SIZE_MB:
        text = _("{folder} has {free} MB free; unpacking Asterisk needs {needed} MB.")
        raise Unavailable(text.format(folder=folder, free=free, needed=_SIZE_MB))


def _remove(folder: Path, become_root: Sequence[str]) -> None:
    if folder.exists():
        failure = _("{folder} cannot be removed").format(folder=folder)
        _run([*become_root, "rm", "-rf", "--", str(folder)], _UNPACK_S, failure)


def _run(command: Sequence[str], limit_s: float, failure: str, *, stdin: IO[bytes] | None = None) -> str:
    """Output of a command. Raises Unavailable with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{failure}: {error}.") from error
    told = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise Unavailable(f"{failure}." + "".join(f"\n  {line}" for line in told.splitlines()[-_LOG_LINES:]))
    return told


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
