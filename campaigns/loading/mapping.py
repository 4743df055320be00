"""Which column is what: guessed from headers in three languages and from the samples, or told by flags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from campaigns.phone import Phone, normalise
from campaigns.zones import zone_named
from domain.errors import BadInput
from domain.i18n import _


class Role(StrEnum):
    PHONE = "phone"
    NAME = "name"
    COMPANY = "company"
    CITY = "city"
    ZONE = "zone"


_HEADERS: Mapping[Role, str] = {
    Role.PHONE: r"тел|моб|номер|phone|mobile|tel\b|cell|msisdn",
    Role.ZONE: r"час\w* пояс|часовий|часовой|зона|tz\b|time ?zone|utc|gmt|мск",
    Role.COMPANY: r"компан|организац|організац|фирма|фірма|предприят|підприєм|юр\w* лиц|company|organi[sz]ation|firm",
    Role.NAME: r"фио|ф\.и\.о|піб|имя|ім|контакт|фамил|прізвищ|name|contact|person|лпр",
    Role.CITY: r"город|місто|регион|регіон|област|населен|city|town|region",
}
_LOOKS_LIKE = 0.6
_SAMPLE_ROWS = 50


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """columns: role to index from 0. titles: one per column. has_header: the first row names the columns."""

    columns: Mapping[Role, int]
    titles: tuple[str, ...]
    has_header: bool

    def cell(self, cells: Sequence[str], role: Role) -> str:
        index = self.columns.get(role)
        return cells[index].strip() if index is not None and index < len(cells) else ""

    def unmapped(self, cells: Sequence[str]) -> dict[str, str]:
        """The columns without a role, for the agent's card."""
        taken = set(self.columns.values())
        return {
            self.titles[index] if index < len(self.titles) else str(index + 1): cell.strip()
            for index, cell in enumerate(cells)
            if index not in taken and cell.strip()
        }

    def to_document(self) -> dict[str, object]:
        return {
            "has_header": self.has_header,
            "columns": {role.value: self.titles[i] for role, i in self.columns.items()},
        }


def map_columns(
    sample: Sequence[Sequence[str]], default_country: str, told: Mapping[Role, str] | None = None
) -> ColumnMapping:
    """told: role to a column's header, or its number from 1. Raises BadInput if no column holds telephones,
    there is nothing below the header, a column that was told does not exist, or one is told twice."""
    width = max(len(row) for row in sample)
    header = not any(_is_phone(cell, default_country) for cell in sample[0])
    titles = _titles(sample[0] if header else (), width)
    data = [row for row in sample[1 if header else 0 :] if row][:_SAMPLE_ROWS]
    if not data:
        raise BadInput(_("The file holds a header and no rows below it. Save the base again, with its rows."))
    columns = {role: _told(role, column, titles) for role, column in (told or {}).items()}
    if len(set(columns.values())) < len(columns):
        raise BadInput(_("The same column was given two roles."))
    if header:
        for role, pattern in _HEADERS.items():
            _guess_by_title(columns, role, pattern, titles)
    _guess_by_sample(columns, data, width, default_country, told=bool(told and Role.PHONE in told))
    if Role.PHONE not in columns:
        raise BadInput(
            _("No column of telephone numbers was found. Name it: phone=<header or number>. Columns: {titles}.").format(
                titles=", ".join(titles[:20])
            )
        )
    return ColumnMapping(columns, titles, header)


def _titles(header: Sequence[str], width: int) -> tuple[str, ...]:
    titles: list[str] = []
    for index in range(width):
        title = " ".join(header[index].split()) if index < len(header) else ""
        title = title or str(index + 1)
        titles.append(title if title not in titles else f"{title} ({index + 1})")
    return tuple(titles)


def _told(role: Role, column: str, titles: tuple[str, ...]) -> int:
    wanted = column.strip().casefold()
    for index, title in enumerate(titles):
        if title.casefold() == wanted:
            return index
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(titles):
        return int(wanted) - 1
    raise BadInput(
        _("There is no column {column} for {role}. Columns: {titles}.").format(
            column=column, role=role.value, titles=", ".join(titles[:20])
        )
    )


def _guess_by_title(columns: dict[Role, int], role: Role, pattern: str, titles: tuple[str, ...]) -> None:
    if role in columns:
        return
    for index, title in enumerate(titles):
        if index not in columns.values() and re.search(rf"(?:\b|_)(?:{pattern})", title, re.IGNORECASE):
            columns[role] = index
            return


def _guess_by_sample(
    columns: dict[Role, int], data: Sequence[Sequence[str]], width: int, country: str, *, told: bool
) -> None:
    def share(index: int, looks: Role) -> float:
        cells = [row[index] for row in data if index < len(row) and row[index].strip()]
        hits = sum(_is_phone(c, country) if looks is Role.PHONE else zone_named(c) is not None for c in cells)
        return hits / len(cells) if cells else 0.0

    guessed = columns.get(Role.PHONE)
    if data and not told and (guessed is None or share(guessed, Role.PHONE) < _LOOKS_LIKE):
        # A column headed "number" may hold order numbers.
        shares = [(share(i, Role.PHONE), -i) for i in range(width) if i == guessed or i not in columns.values()]
        best, index = max(shares, default=(0.0, 0))
        if best >= _LOOKS_LIKE:
            columns[Role.PHONE] = -index
    if data and Role.ZONE not in columns and Role.CITY not in columns:
        for index in range(width):
            if index not in columns.values() and share(index, Role.ZONE) >= _LOOKS_LIKE:
                columns[Role.CITY] = index
                return


def _is_phone(cell: str, country: str) -> bool:
    return isinstance(normalise(cell, country, tuple("123456789")), Phone)
