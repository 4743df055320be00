from __future__ import annotations

import asyncpg
import pytest

from sql.catalog import QUERIES, Query, parse

pytestmark = pytest.mark.integration


async def complaints(connection: asyncpg.Connection, file: str, queries: list[Query]) -> list[str]:
    """What the server has against the statements of a file; its temporary tables are made first."""
    wrong: list[str] = []
    async with connection.transaction():
        for query in queries:
            if query.sql.startswith("CREATE TEMPORARY TABLE"):
                await connection.execute(query.sql)
        for query in queries:
            try:
                async with connection.transaction():
                    await connection.prepare(query.sql)
            except asyncpg.PostgresError as error:
                wrong.append(f"{file}: {query.name}: {error.args[0]}")
    return wrong


async def test_every_named_query_fits_the_migrated_schema(pool: asyncpg.Pool) -> None:
    files = {path.name: parse(path.read_text(encoding="utf-8"), path.name) for path in QUERIES.glob("*.sql")}
    assert {"dialing.sql", "engines.sql", "campaigns.sql", "recordings.sql"} <= files.keys()
    async with pool.acquire() as connection:
        found = [await complaints(connection, file, queries) for file, queries in sorted(files.items())]
    assert [complaint for wrong in found for complaint in wrong] == []


async def test_a_query_that_does_not_fit_is_noticed(pool: asyncpg.Pool) -> None:
    query = Query("colours", "Nobody has one.", "SELECT colour FROM lead")
    async with pool.acquire() as connection:
        assert await complaints(connection, "x.sql", [query]) == ['x.sql: colours: column "colour" does not exist']
