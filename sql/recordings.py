"""PgRecordingStore: what is known of the recording of an attempt (domain.stores.RecordingStore)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from domain.errors import NotFound
from domain.i18n import _
from domain.ids import AttemptId, CampaignId
from domain.records import RecordingRow
from sql.catalog import load
from sql.errors import translated

_SQL = load("recordings")
_WHERE = "the dialler's database"


class PgRecordingStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def begin(self, attempt: AttemptId, campaign: CampaignId, path: str, at: datetime) -> None:
        """Safe to repeat."""
        with translated(_WHERE):
            await self._pool.execute(_SQL["begin"], attempt, campaign, path, at)

    async def stored(self, row: RecordingRow) -> None:
        """Safe to repeat; a recording given up as lost may still be found. Raises NotFound if none was begun."""
        with translated(_WHERE):
            known = await self._pool.fetchval(
                _SQL["stored"], row.attempt, row.path, row.bytes, row.duration_ms, row.sha256
            )
        if known is None:
            raise NotFound(_("No recording of attempt {attempt} was begun.").format(attempt=row.attempt))

    async def lost(self, attempt: AttemptId) -> None:
        with translated(_WHERE):
            await self._pool.execute(_SQL["lost"], attempt)

    async def unfinished(self) -> Sequence[tuple[AttemptId, CampaignId, str]]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["unfinished"])
        return [(AttemptId(row["attempt_id"]), CampaignId(row["campaign_id"]), row["path"]) for row in rows]

    async def unrecorded(self, attempts: Sequence[AttemptId]) -> Sequence[tuple[AttemptId, CampaignId | None]]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["unrecorded"], attempts)
        return [
            (AttemptId(row["attempt_id"]), None if row["campaign_id"] is None else CampaignId(row["campaign_id"]))
            for row in rows
        ]
