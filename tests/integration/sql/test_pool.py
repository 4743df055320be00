from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from domain.errors import AccessDenied, BadInput, Unavailable
from domain.ids import CampaignId
from sql.dialing import PgDialStore
from sql.embedded import EmbeddedPostgres
from sql.errors import translated
from sql.pool import connect, connect_pool

pytestmark = pytest.mark.integration


async def refusal(dsn: str) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await connect_pool(dsn, application_name="tests")
    return caught.value


async def test_a_wrong_password_is_access_denied_and_is_not_repeated(postgres_server: EmbeddedPostgres) -> None:
    parts = urlsplit(postgres_server.dsn())
    for user, password in (("dialer", "s3cret"), ("nobody", "s3cret")):
        wrong = parts._replace(netloc=f"{user}:{password}@127.0.0.1:{parts.port}").geturl()
        error = await refusal(wrong)
        assert type(error) is AccessDenied
        assert "s3cret" not in str(error)
        assert f"127.0.0.1:{parts.port}" in str(error)


async def test_nobody_listening_and_no_such_database_are_unavailable(postgres_server: EmbeddedPostgres) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dsn = f"postgresql://dialer:s3cret@127.0.0.1:{closed.getsockname()[1]}/dialer"
        error = await refusal(dsn)
    assert type(error) is Unavailable
    assert "s3cret" not in str(error)
    missing = await refusal(postgres_server.dsn("nowhere"))
    assert type(missing) is Unavailable
    assert "no such database" in str(missing)


@pytest.mark.parametrize("dsn", ["s3cret", "postgresql://a:s3cret@127.0.0.1:port/x", "mysql://a:s3cret@127.0.0.1/x"])
async def test_what_is_not_a_dsn_is_bad_input(dsn: str) -> None:
    error = await refusal(dsn)
    assert type(error) is BadInput
    assert "s3cret" not in str(error)


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accepts connections and never says a word."""
    writers: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql.pool.CONNECT_TIMEOUT_S", 0.2)
    async with silent_server() as port:
        error = await refusal(f"postgresql://dialer:s3cret@127.0.0.1:{port}/dialer")
    assert type(error) is Unavailable


async def test_connections_have_their_limits(pool: asyncpg.Pool) -> None:
    settings = {
        name: await pool.fetchval("SELECT current_setting($1)", name)
        for name in ("statement_timeout", "idle_in_transaction_session_timeout", "application_name", "timezone")
    }
    assert settings == {
        "statement_timeout": "5s",
        "idle_in_transaction_session_timeout": "10s",
        "application_name": "dialer-tests",
        "timezone": "UTC",
    }


async def test_a_statement_that_takes_too_long_is_unavailable(database: str) -> None:
    connection = await connect(database, application_name="tests", statement_timeout_s=0.1)
    try:
        with pytest.raises(Unavailable), translated("here"):
            await connection.execute("SELECT pg_sleep(30)")
    finally:
        await connection.close()


async def test_json_comes_and_goes_as_values(pool: asyncpg.Pool) -> None:
    value = {"city": "Тверь", "n": [1, 2.5, None, True], "quote": "\"\\'"}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value
    assert await pool.fetchval("SELECT $1::jsonb ->> 'city'", value) == "Тверь"
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("CREATE TEMPORARY TABLE t (j jsonb) ON COMMIT DROP")
        await connection.copy_records_to_table("t", records=[(value,)], columns=["j"])
        assert await connection.fetchval("SELECT j FROM t") == value


async def test_a_server_that_goes_away_under_a_store_is_unavailable_and_its_return_is_noticed(
    pool: asyncpg.Pool,
) -> None:
    store = PgDialStore(pool)
    async with pool.acquire() as connection:
        with pytest.raises(Unavailable), translated("here"):
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await store.lead_states(CampaignId(1)) == {}


async def test_a_closed_pool_is_unavailable(database: str) -> None:
    pool = await connect_pool(database, application_name="tests")
    await pool.close()
    with pytest.raises(Unavailable):
        await PgDialStore(pool).lead_states(CampaignId(1))


async def test_a_database_without_tables_says_what_to_do(empty_database: str) -> None:
    pool = await connect_pool(empty_database, application_name="tests")
    try:
        with pytest.raises(Unavailable, match="migrations"):
            await PgDialStore(pool).lead_states(CampaignId(1))
    finally:
        await pool.close()


async def test_a_wrong_argument_is_a_bug_and_not_an_outage(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.DataError), translated("here"):
        await pool.fetchval("SELECT $1::integer", "seven")
