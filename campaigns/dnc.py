"""The do-not-call list: whole files and single numbers, each with who asked for it and why."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from campaigns.loading.detect import FileFacts, inspect
from campaigns.loading.mapping import ColumnMapping, Role, map_columns
from campaigns.loading.reader import read_rows
from campaigns.phone import Phone, normalise, require_country
from domain.bases import DncStore
from domain.errors import BadInput, NotFound
from domain.i18n import _

#: Whoever asks not to be called may live anywhere.
_EVERYWHERE = tuple("123456789")
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class DncSource:
    """client: None: for every client. reason and added_by are kept with each number."""

    client: str | None
    reason: str
    added_by: str
    default_country: str = "RU"


@dataclass(frozen=True, slots=True)
class DncReport:
    """rows = added + known + all of `rejects`. known: on the list before, or twice in the file.
    first_bad_line: None if every row held a number."""

    rows: int
    added: int
    known: int
    rejects: Mapping[str, int]
    first_bad_line: int | None


async def import_dnc(store: DncStore, path: Path, source: DncSource, phone_column: str | None = None) -> DncReport:
    """Add a file's numbers, batch by batch: what is added stays added if a later row cannot be read, and
    loading the file again is harmless. Raises NotFound, BadInput or Unavailable."""
    _check(source)
    facts = await asyncio.to_thread(inspect, path)
    told = {Role.PHONE: phone_column} if phone_column else {}
    mapping = map_columns(facts.sample, source.default_country, told)
    return await _import(store, path, source, facts, mapping)


async def add_number(store: DncStore, number: str, source: DncSource) -> bool:
    """False if it was on the list before. Raises BadInput if it is no telephone number, NotFound (client)."""
    _check(source)
    return await store.add([_digits(number, source.default_country)], source.client, source.reason, source.added_by) > 0


async def remove_number(store: DncStore, number: str, client: str | None, default_country: str = "RU") -> None:
    """Raises NotFound if the number is not on the list, BadInput if it is no telephone number."""
    require_country(default_country)
    if not await store.remove(_digits(number, default_country), client):
        raise NotFound(_("This number is not on that do-not-call list."))


async def _import(
    store: DncStore, path: Path, source: DncSource, facts: FileFacts, mapping: ColumnMapping
) -> DncReport:
    rows = read_rows(path, facts)
    if mapping.has_header:
        next(rows, None)
    total = added = good = 0
    rejects: Counter[str] = Counter()
    first_bad: int | None = None
    while batch := await asyncio.to_thread(lambda: list(itertools.islice(rows, _BATCH))):
        numbers: list[str] = []
        for row in batch:
            phone = normalise(mapping.cell(row.cells, Role.PHONE), source.default_country, _EVERYWHERE)
            if isinstance(phone, Phone):
                numbers.append(phone.digits)
            else:
                rejects[phone.value] += 1
                first_bad = first_bad or row.line
        total, good = total + len(batch), good + len(numbers)
        if numbers:
            added += await store.add(sorted(set(numbers)), source.client, source.reason, source.added_by)
    return DncReport(total, added, good - added, dict(rejects), first_bad)


def _digits(number: str, country: str) -> str:
    phone = normalise(number, country, _EVERYWHERE)
    if not isinstance(phone, Phone):
        raise BadInput(_("That is not a telephone number that can be called: {reason}.").format(reason=phone.value))
    return phone.digits


def _check(source: DncSource) -> None:
    require_country(source.default_country)
    if not source.reason.strip() or not source.added_by.strip():
        raise BadInput(_("A do-not-call entry needs a reason and the name of whoever adds it."))
