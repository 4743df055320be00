"""PgBaseStore: a file of leads becomes rows in one transaction (domain.bases.BaseStore)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from domain.bases import BaseHeader, LoadCounts, RejectedRow, StagedLead
from domain.calendar import Interval
from domain.errors import AlreadyExists, BadInput, NotFound
from domain.i18n import _
from domain.ids import CampaignId
from domain.outcome import PRIORITY
from domain.records import CampaignRow
from sql.catalog import load
from sql.engines import campaign_row
from sql.errors import translated

_SQL = load("bases")
_WHERE = "the dialler's database"
_STAGED = ("line", "e164", "name", "company", "city", "extra", "zone_set_id", "columns")
_REJECTED = ("base_id", "line", "reason", "columns")


class PgBaseStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def campaign(self, campaign: CampaignId) -> CampaignRow:
        with translated(_WHERE):
            row = await self._pool.fetchrow(_SQL["campaign"], campaign)
        if row is None:
            raise NotFound(_("There is no campaign {campaign}.").format(campaign=campaign))
        return campaign_row(row)

    async def loaded(self, campaign: CampaignId, sha256: bytes) -> LoadCounts | None:
        with translated(_WHERE):
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(_SQL["loaded"], campaign, sha256)
                if row is None:
                    return None
                rejects = await connection.fetch(_SQL["reject_counts"], row["id"])
        return LoadCounts(
            rows=row["row_count"],
            accepted=row["accepted_count"],
            zone_unknown=row["zone_unknown_count"],
            rejects={reject["reason"]: reject["rows"] for reject in rejects},
        )

    @asynccontextmanager
    async def load(self, header: BaseHeader, *, dry_run: bool) -> AsyncIterator[PgBaseLoad]:
        # Only the store's own steps are translated: an OSError of the caller's is not the database's.
        with translated(_WHERE):
            connection = await self._pool.acquire()
        try:
            with translated(_WHERE):
                transaction = connection.transaction()
                await transaction.start()
            try:
                with translated(_WHERE):
                    base = await _begin(connection, header)
                yield base
            except BaseException:
                try:
                    await transaction.rollback()
                except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                    # It died, and has rolled back by itself; given back as it is, it would hide what happened.
                    with suppress(asyncpg.InterfaceError):
                        connection.terminate()
                raise
            with translated(_WHERE):
                await (transaction.rollback() if dry_run else transaction.commit())
        finally:
            await self._pool.release(connection)


async def _begin(connection: asyncpg.Connection, header: BaseHeader) -> PgBaseLoad:
    await connection.execute(_SQL["no_limits"])
    await connection.execute(_SQL["one_at_a_time"], header.campaign)
    campaign = await connection.fetchrow(_SQL["campaign"], header.campaign)
    if campaign is None:
        raise NotFound(_("There is no campaign {campaign}.").format(campaign=header.campaign))
    if await connection.fetchrow(_SQL["loaded"], header.campaign, header.sha256):
        raise AlreadyExists(_("{file} is loaded into this campaign already.").format(file=header.file_name))
    base_id = await connection.fetchval(
        _SQL["begin_base"],
        header.campaign,
        header.file_name,
        header.sha256,
        header.encoding,
        header.separator,
        dict(header.mapping),
        header.default_zone,
        header.loaded_by,
    )
    list_id = await _list(connection, header)
    await connection.execute(_SQL["make_staging"])
    return PgBaseLoad(connection, header, base_id, list_id, campaign["client_id"])


async def _list(connection: asyncpg.Connection, header: BaseHeader) -> int:
    row = await connection.fetchrow(_SQL["list_of"], header.campaign, header.list_name)
    if row is None:
        made: int = await connection.fetchval(
            _SQL["make_list"], header.campaign, header.list_name, header.temperature.value
        )
        return made
    if row["temperature"] != header.temperature:
        raise BadInput(
            _("The list {name} is {temperature} already. Load into a list of another name.").format(
                name=header.list_name, temperature=row["temperature"]
            )
        )
    found: int = row["id"]
    return found


async def zone_set_id(connection: asyncpg.Connection, zones: Sequence[str]) -> int:
    """The id of a set of zones, made if there is none. Looked for first: ids are small, and a conflict burns one."""
    for _attempt in range(2):
        found = await connection.fetchval(_SQL["zone_set_of"], list(zones))
        found = found or await connection.fetchval(_SQL["make_zone_set"], list(zones))
        if found is not None:
            return int(found)
    raise AlreadyExists(_("The set of time zones was being made by somebody else. Load the file again."))


async def set_hours(
    connection: asyncpg.Connection,
    campaign: CampaignId,
    zone_set: int,
    since: datetime,
    intervals: Sequence[Interval],
) -> None:
    await connection.execute(_SQL["close_hours"], campaign, zone_set, since)
    opens, closes = [span[0] for span in intervals], [span[1] for span in intervals]
    await connection.execute(_SQL["open_hours"], campaign, zone_set, opens, closes)


@dataclass(slots=True)
class PgBaseLoad:
    """domain.bases.BaseLoad"""

    connection: asyncpg.Connection
    header: BaseHeader
    base_id: int
    list_id: int
    client_id: int
    _zone_sets: dict[tuple[str, ...], int] = field(default_factory=dict)

    async def reject(self, rows: Sequence[RejectedRow]) -> None:
        records = [(self.base_id, row.line, row.reason, list(row.columns)) for row in rows]
        with translated(_WHERE):
            await self.connection.copy_records_to_table("base_reject", records=records, columns=_REJECTED)

    async def stage(self, leads: Sequence[StagedLead]) -> None:
        with translated(_WHERE):
            records = [
                (
                    lead.line,
                    int(lead.number),
                    lead.name,
                    lead.company,
                    lead.city,
                    dict(lead.extra),
                    await self._zone_set(lead.zones) if lead.zones else None,
                    list(lead.columns),
                )
                for lead in leads
            ]
            await self.connection.copy_records_to_table("staged", records=records, columns=_STAGED)

    async def set_hours(self, zones: Sequence[str], since: datetime, intervals: Sequence[Interval]) -> None:
        with translated(_WHERE):
            zone_set = await self._zone_set(tuple(zones))
            await set_hours(self.connection, self.header.campaign, zone_set, since, intervals)

    async def enrol(self, rows: int) -> LoadCounts:
        header, run = self.header, self.connection.execute
        with translated(_WHERE):
            await run(_SQL["analyze_staging"])
            await run(_SQL["reject_unusable"], self.base_id, header.campaign, self.client_id)
            await run(_SQL["add_numbers"])
            await run(_SQL["add_persons"], self.client_id)
            priority = PRIORITY[header.temperature]
            found = await self.connection.fetchrow(
                _SQL["enrol"], header.campaign, self.list_id, self.base_id, self.client_id, priority
            )
            await run(_SQL["end_base"], self.base_id, rows, found["accepted"], found["zone_unknown"])
            rejects = await self.connection.fetch(_SQL["reject_counts"], self.base_id)
        return LoadCounts(
            rows=rows,
            accepted=found["accepted"],
            zone_unknown=found["zone_unknown"],
            rejects={reject["reason"]: reject["rows"] for reject in rejects},
        )

    async def rejected(self) -> AsyncIterator[RejectedRow]:
        rows = self.connection.cursor(_SQL["rejects"], self.base_id)
        with translated(_WHERE):
            found = await rows
        while True:
            with translated(_WHERE):
                batch = await found.fetch(1000)
            for row in batch:
                yield RejectedRow(row["line"], row["reason"], tuple(row["columns"]))
            if not batch:
                return

    async def _zone_set(self, zones: tuple[str, ...]) -> int:
        if zones not in self._zone_sets:
            self._zone_sets[zones] = await zone_set_id(self.connection, zones)
        return self._zone_sets[zones]
