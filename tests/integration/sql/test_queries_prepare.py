from __future__ import annotations

import asyncpg
import pytest

from sql.catalog import QUERIES, Query, parse

pytestmark = pytest.mark.integration


def every_query() -> list[tuple[str, Query]]:
    return [
        (path.name, query)
        for path in sorted(QUERIES.glob("*.sql"))
        for query in parse(path.read_text(encoding="utf-8"), path.name)
    ]


async def test_every_named_query_fits_the_migrated_schema(pool: asyncpg.Pool) -> None:
    wrong: list[str] = []
    async with pool.acquire() as connection:
        for file, query in every_query():
            try:
                await connection.prepare(query.sql)
            except asyncpg.PostgresError as error:
                wrong.append(f"{file}: {query.name}: {error.args[0]}")
    assert wrong == []


def test_there_are_queries_to_check() -> None:
    assert {"dialing.sql", "engines.sql"} <= {file for file, _query in every_query()}
