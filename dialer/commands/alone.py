"""One engine at a time: a second one would take the switch's events from the first and end its calls."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from domain.errors import AlreadyExists
from domain.i18n import _
from sql.engines import PgEngineStore

log = structlog.get_logger()

#: An engine that has been silent for so long is gone: dialer.reconcile.SILENT_S, without importing the engine.
SILENT_S = 5.0
#: An engine that lives says so every second; seconds between two looks at its last sign.
LOOK_AGAIN_S = 1.2


@contextmanager
def only_engine_here(data_dir: Path) -> Iterator[None]:
    """Hold this data folder's engine lock; it is free again when the process ends, however it ends.
    Raises AlreadyExists while another process holds it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / "engine.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise AlreadyExists(
                _("An engine runs already in {folder} (process {pid}). Stop it first: kill -INT {pid}").format(
                    folder=data_dir, pid=holder or "?"
                )
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


async def only_engine_of_database(
    store: PgEngineStore, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Return when no other engine works on the database. One that was killed is waited for until its
    silence is long enough (SILENT_S). Raises AlreadyExists for one that gives a sign of life meanwhile."""
    first = {sign.engine: sign for sign in await store.living_engines(SILENT_S)}
    if first:
        log.info("engine.waiting_for_silence", engines=list(first))
    present = first
    while present:
        await sleep(LOOK_AGAIN_S)
        present = {sign.engine: sign for sign in await store.living_engines(SILENT_S)}
        for engine, sign in present.items():
            if engine not in first or sign.seen_at > first[engine].seen_at:
                raise AlreadyExists(
                    _(
                        "Engine {engine} on {host} works on this database since {since}. "
                        "Stop it first (Ctrl-C, or SIGTERM), then start this one."
                    ).format(engine=engine, host=sign.host, since=f"{sign.started_at:%Y-%m-%d %H:%M:%S %Z}")
                )
