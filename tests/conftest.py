"""A real PostgreSQL for the tests that need one: a server per session, a database per test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
import pytest_asyncio

from sql.embedded import EmbeddedPostgres
from sql.migrate import migrate
from sql.pool import connect_pool

T = TypeVar("T")

_TEMPLATE = "template_of_tests"
_numbers = itertools.count(1)


def run_aside(work: Callable[[], Awaitable[T]]) -> T:
    """Await something in a loop of its own, away from the test's loop."""

    async def wrapped() -> T:
        return await work()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(wrapped())).result()


def administer(server: EmbeddedPostgres, *statements: str) -> None:
    """Run statements that cannot stand in a transaction, such as CREATE DATABASE."""

    async def work() -> None:
        connection = await asyncpg.connect(server.dsn("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    run_aside(work)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A private server in a folder of its own."""
    # Not pytest's own folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="dialer-tests-"))
    folder.chmod(0o711)
    # Only a power cut could tell the difference, and a test's database need not survive one.
    server = EmbeddedPostgres.start(folder, settings={"fsync": "off", "full_page_writes": "off"})
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template_database(postgres_server: EmbeddedPostgres) -> str:
    """Name of a migrated database without rows, to be cloned."""
    administer(postgres_server, f"CREATE DATABASE {_TEMPLATE}")
    run_aside(lambda: migrate(postgres_server.dsn(_TEMPLATE)))
    return _TEMPLATE


@pytest.fixture
def empty_database(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """DSN of a database that was never migrated."""
    name = f"empty_{next(_numbers)}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.dsn(name)
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    """DSN of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield postgres_server.dsn(name)
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to `database`, as the product makes them."""
    pool = await connect_pool(database, application_name="dialer-tests", max_size=10)
    try:
        yield pool
    finally:
        await pool.close()
