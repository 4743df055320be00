"""PgDncStore: numbers that must not be called (domain.bases.DncStore)."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from domain.bases import DncEntry
from domain.errors import NotFound
from domain.i18n import _
from sql.catalog import load
from sql.errors import translated

_SQL = load("dnc")
_CLIENT = load("campaigns")["client_by_name"]
_WHERE = "the dialler's database"


class PgDncStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, numbers: Sequence[str], client: str | None, reason: str, added_by: str) -> int:
        with translated(_WHERE):
            client_id = await self._client(client)
            added = await self._pool.fetch(
                _SQL["add"], [int(number) for number in numbers], client_id, reason, added_by
            )
        return len(added)

    async def remove(self, number: str, client: str | None) -> bool:
        """Raises NotFound if there is no such client."""
        with translated(_WHERE):
            client_id = await self._client(client)
            return await self._pool.fetchval(_SQL["remove"], int(number), client_id) is not None

    async def entries(self, limit: int) -> Sequence[DncEntry]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["entries"], limit)
        return [DncEntry(**row) for row in rows]

    async def _client(self, name: str | None) -> int | None:
        if name is None:
            return None
        found = await self._pool.fetchval(_CLIENT, name)
        if found is None:
            raise NotFound(_("There is no client {name}.").format(name=name))
        return int(found)
