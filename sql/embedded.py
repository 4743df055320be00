"""A private PostgreSQL made of the machine's own packages, for an installation that was given no DSN.

It lives in <data directory>/postgres, owned by the server's user, mode 0700:

    cluster/     what initdb made
    server.log   the server's own log (server.log.1: the one before)
    password     of the role `dialer`, made at random; the only way in over TCP
    lock         held while somebody starts or stops the server

The server listens on 127.0.0.1 (a free port) and on a Unix socket. PostgreSQL refuses to run as root:
for root it runs as the packages' user `postgres`, or `nobody` where that user is missing. If that user
cannot reach the data directory (a checkout below a home of mode 0700), it lives in
/var/lib/dialer-postgres/<hash of the data directory> instead, so that nobody's home is opened.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from domain.errors import BadInput, Unavailable
from domain.i18n import _
from sql.embedded_users import ServerUsers

PACKAGES = Path("/usr/lib/postgresql")
REACHABLE_FOR_ALL = Path("/var/lib/dialer-postgres")
VERSIONS = range(15, 19)
ROLE = "dialer"
DATABASE = "dialer"

_START_S = 60
_STOP_S = 30
_LOG_LIMIT = 10_000_000  # bytes, before it is set aside at a start
_SOCKET_PATH_LIMIT = 90  # of the 107 that a Unix socket's path may have, less the file's own name

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _User:
    """As whom the server's programs run; None: as ourselves."""

    uid: int | None
    gid: int | None

    @property
    def effective_uid(self) -> int:
        return os.geteuid() if self.uid is None else self.uid


class EmbeddedPostgres:
    """A running private server. All methods block: call them before the event loop, or in a thread.

    started_here: False if it was running already: left by a process that is gone (then `stop` leaves it
    alone), or shared with others that live (then the last of all who use it stops it).
    """

    def __init__(
        self, home: Path, programs: Path, user: _User, users: ServerUsers, *, port: int, started_here: bool
    ) -> None:
        self.home = home
        self.port = port
        self.started_here = started_here
        self._programs = programs
        self._user = user
        self._users: ServerUsers | None = users

    @classmethod
    def start(
        cls, data_dir: Path, *, packages: Path = PACKAGES, settings: Mapping[str, str] | None = None
    ) -> EmbeddedPostgres:
        """Start the server of this data directory (`.data`), making the cluster at the first time.

        settings: further lines of postgresql.conf. Raises BadInput (no packages, a cluster of a version
        that is not installed, a directory of somebody else) or Unavailable (it does not start).
        """
        user = _server_user()
        home = _home_for(data_dir, user)
        _make_home(home, user)
        with _locked(home):
            programs = _programs(packages, home / "cluster")
            running = _running_port(home / "cluster")
            if running is not None:
                _log.info("embedded_postgres_adopted", port=running)
                return cls(home, programs, user, ServerUsers(home), port=running, started_here=False)
            _run_first_time(home, programs, user)
            port = _launch(home, programs, user, settings or {})
            users = ServerUsers(home)
            users.server_is_new()
        _log.info("embedded_postgres_started", port=port)
        return cls(home, programs, user, users, port=port, started_here=True)

    def dsn(self, database: str = DATABASE) -> str:
        """A DSN over TCP; it holds the password."""
        password = (self.home / "password").read_text().strip()
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Leave the server; stop it if nobody else uses it. Open transactions are rolled back."""
        if self._users is None:
            return
        with _locked(self.home):
            users, self._users = self._users, None
            if not users.leave(started_here=self.started_here) or _running_port(self.home / "cluster") is None:
                return
            command = ["-D", str(self.home / "cluster"), "-m", "fast", "-w", "-t", str(_STOP_S), "stop"]
            _run([str(self._programs / "pg_ctl"), *command], self._user, timeout=_STOP_S + 5)
        _log.info("embedded_postgres_stopped", port=self.port)


# ---- whose, where, which ---------------------------------------------------------------------------


def _server_user() -> _User:
    if os.geteuid() != 0:
        return _User(None, None)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _User(entry.pw_uid, entry.pw_gid)
    raise BadInput(
        _("PostgreSQL does not run as root, and there is no user 'postgres' to run it as. Run as another user.")
    )


def _home_for(data_dir: Path, user: _User) -> Path:
    data_dir = data_dir.absolute()
    if user.uid is None or _can_traverse(data_dir, user):
        return data_dir / "postgres"
    return REACHABLE_FOR_ALL / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]


def _can_traverse(folder: Path, user: _User) -> bool:
    for part in (folder, *folder.parents):
        try:
            status = part.stat()
        except FileNotFoundError:
            continue  # made by us later, open to traversal
        if status.st_uid == user.uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == user.gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def _make_home(home: Path, user: _User) -> None:
    missing = [folder for folder in home.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if user.uid is not None:
            folder.chmod(0o755)
    home.mkdir(mode=0o700, exist_ok=True)
    if user.uid is not None and user.gid is not None and home.stat().st_uid == 0 and not any(home.iterdir()):
        os.chown(home, user.uid, user.gid)
    if home.stat().st_uid != user.effective_uid:
        raise BadInput(
            _("{folder} belongs to another user. Start as the user who made it, or choose another data folder.").format(
                folder=home
            )
        )
    home.chmod(0o700)


def _programs(packages: Path, cluster: Path) -> Path:
    found = {
        int(folder.name): folder / "bin"
        for folder in packages.glob("*")
        if folder.name.isdigit() and (folder / "bin" / "initdb").exists() and int(folder.name) in VERSIONS
    }
    made_by = cluster / "PG_VERSION"
    if made_by.exists():
        version = int(made_by.read_text())
        if version in found:
            return found[version]
        raise BadInput(
            _(
                "{folder} was made by PostgreSQL {version}, which is not installed. Install it: "
                "apt install postgresql-{version}"
            ).format(folder=cluster, version=version)
        )
    if not found:
        raise BadInput(
            _(
                "No PostgreSQL server (15 to 18) in {folder}. Install one: apt install postgresql, or name a "
                "running server by its DSN."
            ).format(folder=packages)
        )
    return found[max(found)]


# ---- life ------------------------------------------------------------------------------------------


def _run_first_time(home: Path, programs: Path, user: _User) -> None:
    """Make the cluster aside and move it into place, so that a cut leaves nothing half made."""
    cluster = home / "cluster"
    if cluster.exists():
        return
    unfinished = home / "cluster.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _run(
        [
            str(programs / "initdb"),
            f"--pgdata={unfinished}",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--auth-local=peer",
            "--auth-host=scram-sha-256",
            "--data-checksums",
        ],
        user,
        timeout=_START_S,
    )
    with (unfinished / "postgresql.conf").open("a") as config:
        config.write("\ninclude_if_exists 'embedded.conf'\n")
    password = secrets.token_hex(24)
    _write_private(home / "password", password, user)
    _run(
        [str(programs / "postgres"), "--single", "-D", str(unfinished), "-c", "log_statement=none", "postgres"],
        user,
        timeout=_START_S,
        # in single-user mode a statement ends with its line
        text=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n",
    )
    unfinished.rename(cluster)


def _launch(home: Path, programs: Path, user: _User, settings: Mapping[str, str]) -> int:
    log = home / "server.log"
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(home / "server.log.1")
    _forget_reused_pid(home / "cluster")
    deadline = time.monotonic() + _START_S
    while True:
        port = _free_port()
        _write_private(home / "cluster" / "embedded.conf", _configuration(home, user, port, settings), user)
        seen = log.stat().st_size if log.exists() else 0
        command = ["-D", str(home / "cluster"), "-l", str(log), "-w", "-t", str(_START_S), "start"]
        try:
            _run([str(programs / "pg_ctl"), *command], user, timeout=_START_S + 5)
        except Unavailable:
            said = log.read_bytes()[seen:].decode(errors="replace") if log.exists() else ""
            # Somebody took the port, or processes of a server that was killed are still leaving.
            passing = "Address already in use" in said or "shared memory block" in said
            if not passing or time.monotonic() > deadline:
                raise Unavailable(
                    _("The private PostgreSQL does not start: {problem}. Its log is {log}.").format(
                        problem=_last_complaint(said), log=log
                    )
                ) from None
            time.sleep(0.2)
        else:
            return port


def _configuration(home: Path, user: _User, port: int, settings: Mapping[str, str]) -> str:
    values = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(_socket_folder(home, user)),
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %a ",
        # A statement or a violated key may hold a telephone number.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "jit": "off",
        **settings,
    }
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _socket_folder(home: Path, user: _User) -> Path:
    if len(os.fsencode(home)) <= _SOCKET_PATH_LIMIT:
        return home
    runtime = Path("/run") if user.uid is not None else Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp"))  # noqa: S108
    folder = runtime / f"dialer-postgres-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    _make_home(folder, user)
    return folder


def _running_port(cluster: Path) -> int | None:
    """The port of the server that runs on this cluster; None if there is none."""
    lines = _pid_file(cluster)
    if len(lines) < 4 or not _is_server_of(int(lines[0]), cluster):
        return None
    return int(lines[3])


def _pid_file(cluster: Path) -> list[str]:
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
    return lines if lines and lines[0].lstrip("-").isdigit() else []


def _is_server_of(pid: int, cluster: Path) -> bool:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == cluster.resolve()
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False


def _forget_reused_pid(cluster: Path) -> None:
    """After a power cut the pid of the old server may belong to a stranger, and PostgreSQL would take
    him for itself. (A pid that nobody has is PostgreSQL's own business.)"""
    lines = _pid_file(cluster)
    if lines and Path(f"/proc/{lines[0]}").exists() and not _is_server_of(int(lines[0]), cluster):
        (cluster / "postmaster.pid").unlink()


# ---- small things ------------------------------------------------------------------------------------


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _run(command: list[str], user: _User, *, timeout: float, text: str = "") -> None:
    """Run one of PostgreSQL's programs as the server's user. Raises Unavailable with its last words."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",  # ours may be closed to that user
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        umask=0o077,
        user=user.uid,
        group=user.gid,
        extra_groups=None if user.uid is None else [],
    )
    try:
        said, _nothing = process.communicate(text, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        said, _nothing = process.communicate()
    if process.returncode != 0:
        raise Unavailable(
            _("{program} failed: {problem}").format(program=Path(command[0]).name, problem=_last_complaint(said))
        )


def _last_complaint(said: str) -> str:
    complaints = re.findall(r"(?:FATAL|PANIC|error|ERROR): +(.+)", said)
    lines = [line for line in said.splitlines() if line.strip()]
    return (complaints or lines or ["no message"])[-1].strip()


def _write_private(path: Path, content: str, user: _User) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    if user.uid is not None and user.gid is not None:
        os.chown(path, user.uid, user.gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
