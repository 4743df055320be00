"""Load a base: a file of leads into a list of a campaign, all of it or nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from campaigns.loading.detect import FileFacts, inspect
from campaigns.loading.locate import Locator
from campaigns.loading.mapping import ColumnMapping, Role, map_columns
from campaigns.loading.reader import Row, read_rows
from campaigns.loading.reasons import reason_text
from campaigns.loading.rejects import RejectsFile
from campaigns.phone import Phone, normalise, require_country
from campaigns.ruleset import CampaignRules
from campaigns.zones import zone_named
from domain.bases import BaseHeader, BaseLoad, BaseStore, LoadCounts, RejectedRow, StagedLead
from domain.calendar import open_intervals
from domain.clock import Clock
from domain.errors import AlreadyExists, BadInput
from domain.i18n import _
from domain.ids import CampaignId
from domain.outcome import Temperature

#: How far ahead the opening hours are expanded; `campaigns.service.refresh_hours` keeps them so.
HOURS_AHEAD_DAYS = 14
_BATCH = 2000

#: Lines read so far, and about how many the file has.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """columns, encoding, separator: told by the user instead of guessed. default_country: ISO code.
    default_zone: for numbers that do not tell where they are; recorded with the base and its author.
    rejects_folder: where the file of rejected rows is written."""

    path: Path
    campaign: CampaignId
    list_name: str
    temperature: Temperature
    loaded_by: str
    rejects_folder: Path
    columns: Mapping[Role, str] = field(default_factory=dict)
    default_country: str = "RU"
    default_zone: str | None = None
    encoding: str | None = None
    separator: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class LoadReport:
    """already_loaded: this content was in the campaign before; the counts are those of that load.
    rejects_file: None if nothing was rejected now."""

    counts: LoadCounts
    facts: FileFacts
    mapping: ColumnMapping
    already_loaded: bool
    rejects_file: Path | None


async def load_base(
    store: BaseStore, clock: Clock, request: LoadRequest, progress: Progress | None = None
) -> LoadReport:
    """Read, check and enrol a file in one transaction. Constant memory, whatever its size.

    Loading the same content into the same campaign again changes nothing and reports the first load.
    Raises NotFound (file or campaign), BadInput (not a base, no telephones, wrong flags) or Unavailable;
    then nothing was loaded.
    """
    campaign = await store.campaign(request.campaign)
    rules = CampaignRules.from_document(campaign.rules)
    require_country(request.default_country)
    zone = _default_zone(request, rules)
    facts = await asyncio.to_thread(inspect, request.path, request.encoding, request.separator)
    mapping = map_columns(facts.sample, request.default_country, request.columns)
    known = await store.loaded(request.campaign, facts.sha256)
    if known is not None:
        return LoadReport(known, facts, mapping, already_loaded=True, rejects_file=None)
    rejects = RejectsFile(request.rejects_folder, request.path.name, facts.sha256)
    work = _Work(request, rules, facts, mapping, zone, clock.now(), progress)
    try:
        async with store.load(_header(request, zone, facts, mapping), dry_run=request.dry_run) as load:
            counts = await work.into(load)
            if counts.rejects:
                rejects.open(mapping.titles)
                async for row in load.rejected():
                    rejects.write([replace(row, reason=reason_text(row.reason))])
                rejects.finish()
        rejects.publish()
    except AlreadyExists:
        # Somebody loaded it between our look and our turn.
        known = await store.loaded(request.campaign, facts.sha256)
        if known is None:
            raise
        return LoadReport(known, facts, mapping, already_loaded=True, rejects_file=None)
    finally:
        rejects.discard()
    return LoadReport(counts, facts, mapping, False, rejects.path if counts.rejects else None)


def _default_zone(request: LoadRequest, rules: CampaignRules) -> str | None:
    if request.default_zone is None:
        return rules.default_zone
    zone = zone_named(request.default_zone)
    if zone is None:
        raise BadInput(
            _("{zone} is not a known time zone or city. Give one such as Europe/Moscow or UTC+3.").format(
                zone=request.default_zone
            )
        )
    return zone


def _header(request: LoadRequest, zone: str | None, facts: FileFacts, mapping: ColumnMapping) -> BaseHeader:
    return BaseHeader(
        campaign=request.campaign,
        list_name=request.list_name,
        temperature=request.temperature,
        file_name=request.path.name,
        sha256=facts.sha256,
        encoding=facts.encoding,
        separator=facts.separator,
        mapping=mapping.to_document(),
        default_zone=zone,
        loaded_by=request.loaded_by,
    )


@dataclass(slots=True)
class _Work:
    request: LoadRequest
    rules: CampaignRules
    facts: FileFacts
    mapping: ColumnMapping
    default_zone: str | None
    now: datetime
    progress: Progress | None
    _with_hours: set[tuple[str, ...]] = field(default_factory=set)

    async def into(self, load: BaseLoad) -> LoadCounts:
        locator = Locator(self.rules.window, self.default_zone, self.now)
        rows = read_rows(self.request.path, self.facts)
        if self.mapping.has_header:
            next(rows, None)
        total = 0
        # The batch is read and judged in a thread, so that a server goes on answering meanwhile.
        while batch := await asyncio.to_thread(self._batch, rows, locator):
            leads = [row for row in batch if isinstance(row, StagedLead)]
            await self._open_hours(load, leads)
            await load.stage(leads)
            await load.reject([row for row in batch if isinstance(row, RejectedRow)])
            total += len(batch)
            if self.progress:
                self.progress(batch[-1].line, max(self.facts.lines, batch[-1].line))
        return await load.enrol(total)

    def _batch(self, rows: Iterator[Row], locator: Locator) -> list[StagedLead | RejectedRow]:
        return [self._judge(row, locator) for row in itertools.islice(rows, _BATCH)]

    def _judge(self, row: Row, locator: Locator) -> StagedLead | RejectedRow:
        mapping, cells = self.mapping, row.cells
        phone = normalise(mapping.cell(cells, Role.PHONE), self.request.default_country, self.rules.countries)
        if not isinstance(phone, Phone):
            return RejectedRow(row.line, phone.value, cells)
        city = mapping.cell(cells, Role.CITY)
        return StagedLead(
            line=row.line,
            number=phone.digits,
            name=mapping.cell(cells, Role.NAME),
            company=mapping.cell(cells, Role.COMPANY),
            city=city,
            extra=mapping.unmapped(cells),
            zones=locator.zones(mapping.cell(cells, Role.ZONE), city, phone.digits),
            columns=cells,
        )

    async def _open_hours(self, load: BaseLoad, leads: list[StagedLead]) -> None:
        for zones in {lead.zones for lead in leads if lead.zones} - self._with_hours:
            hours = open_intervals(self.rules.window, zones, self.now, HOURS_AHEAD_DAYS)
            await load.set_hours(zones, self.now, hours)
            self._with_hours.add(zones)
