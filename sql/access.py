"""A database to work with, for as long as a block runs: the given one, or a private server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from domain.errors import Unavailable
from domain.i18n import ngettext
from sql.embedded import EmbeddedPostgres
from sql.migrate import pending
from sql.pool import connect_pool

#: Connections of one process to PostgreSQL.
POOL_SIZE = 8


@asynccontextmanager
async def database(dsn: str | None, data_dir: Path) -> AsyncIterator[str]:
    """The given DSN, or that of the private server of `data_dir`, started and stopped around the block."""
    if dsn is not None:
        yield dsn
        return
    starting = asyncio.create_task(asyncio.to_thread(EmbeddedPostgres.start, data_dir))
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # A thread cannot be cancelled: what it has started must not be left running.
        await asyncio.to_thread((await starting).stop)
        raise
    try:
        yield server.dsn()
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def connected(dsn: str | None, data_dir: Path, *, name: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a database whose schema is up to date. Raises Unavailable, AccessDenied or BadInput."""
    async with database(dsn, data_dir) as found:
        pool = await connect_pool(found, application_name=name, max_size=POOL_SIZE)
        try:
            async with pool.acquire() as connection:
                if missing := await pending(connection):
                    raise Unavailable(
                        ngettext(
                            "The database lacks {count} migration. Run: dialer db migrate",
                            "The database lacks {count} migrations. Run: dialer db migrate",
                            len(missing),
                        ).format(count=len(missing))
                    )
            yield pool
        finally:
            await pool.close()
