"""The database of a run whose server was stopped with it: started for the verification, and stopped again.

The data folder's private PostgreSQL is `<home>/cluster` with the password of its role `dialer` in
`<home>/password`; whoever starts or stops it holds `<home>/lock`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGES = Path("/usr/lib/postgresql")
_ELSEWHERE = Path("/var/lib/dialer-postgres")
_START_S = 60


class NoServer(Exception):
    """There is no such cluster, or it does not start."""


def home_of(data_dir: Path) -> Path:
    """Where the private server of a data folder lives. Raises NoServer."""
    data_dir = data_dir.absolute()
    apart = _ELSEWHERE / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    for home in (data_dir / "postgres", apart):
        if (home / "cluster" / "PG_VERSION").exists():
            return home
    raise NoServer(f"there is no private PostgreSQL in {data_dir}")


@contextmanager
def running(home: Path, database: str) -> Iterator[str]:
    """DSN of a database on the server of that home; a server that ran already is left running. Raises NoServer."""
    cluster = home / "cluster"
    try:
        password = (home / "password").read_text(encoding="utf-8").strip()
        with _locked(home):
            port = _port(cluster)
            started = port is None
            if port is None:
                port = _free_port()
                _pg_ctl(cluster, "-l", str(home / "server.log"), "-o", f"-p {port}", "start")
    except OSError as error:
        raise NoServer(f"the private PostgreSQL in {home} cannot be used ({type(error).__name__})") from error
    try:
        yield f"postgresql://dialer:{password}@127.0.0.1:{port}/{database}"
    finally:
        if started:
            with _locked(home):
                _pg_ctl(cluster, "-m", "fast", "stop")


def _port(cluster: Path) -> int | None:
    """Of the server that runs on this cluster."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        if Path(os.readlink(f"/proc/{int(lines[0])}/cwd")) != cluster.resolve():
            return None
        return int(lines[3])
    except (OSError, ValueError, IndexError):
        return None


def _pg_ctl(cluster: Path, *arguments: str) -> None:
    version = (cluster / "PG_VERSION").read_text(encoding="utf-8").strip()
    owner = cluster.stat()
    other = os.geteuid() != owner.st_uid
    command = [str(_PACKAGES / version / "bin" / "pg_ctl"), "-D", str(cluster), "-w", "-t", str(_START_S), *arguments]
    try:
        # No pipe: the server would keep it open.
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            timeout=_START_S + 5,
            user=owner.st_uid if other else None,
            group=owner.st_gid if other else None,
            extra_groups=[] if other else None,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise NoServer(f"pg_ctl {arguments[-1]} failed for {cluster}; see server.log beside it") from error


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
