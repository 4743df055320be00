"""Attempts as a file: CSV for spreadsheets, JSON lines for machines; streamed, so that any length fits in memory.

The columns are described in docs/kpi.md. Numbers are left out unless they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import fields
from datetime import datetime

from domain.ids import CampaignId
from domain.kpi import AttemptExport, KpiReader, Period
from kpi.sheets import BOM, Cell, Sheet

#: The number is the last column, and present only if it was asked for.
COLUMNS = tuple(field.name for field in fields(AttemptExport) if field.name != "number")


async def csv_lines(
    reader: KpiReader, campaign: CampaignId, period: Period, *, semicolon: bool = False, numbers: bool = False
) -> AsyncGenerator[str, None]:
    """The lines of a CSV file, heading first. Times are ISO 8601, UTC. Raises Unavailable, also in the middle."""
    sheet = Sheet(semicolon=semicolon)
    columns = (*COLUMNS, "number") if numbers else COLUMNS
    yield BOM + sheet.line(columns)
    async with aclosing(reader.attempts(campaign, period, numbers=numbers)) as attempts:
        async for attempt in attempts:
            yield sheet.line([_cell(attempt, column) for column in columns])


async def json_lines(
    reader: KpiReader, campaign: CampaignId, period: Period, *, numbers: bool = False
) -> AsyncGenerator[str, None]:
    """One JSON object per line. Raises Unavailable, also in the middle."""
    columns = (*COLUMNS, "number") if numbers else COLUMNS
    async with aclosing(reader.attempts(campaign, period, numbers=numbers)) as attempts:
        async for attempt in attempts:
            yield json.dumps({column: _json(attempt, column) for column in columns}, ensure_ascii=False) + "\n"


def _cell(attempt: AttemptExport, column: str) -> Cell:
    value: Cell = getattr(attempt, column)
    return value


def _json(attempt: AttemptExport, column: str) -> str | int | float | None:
    value = _cell(attempt, column)
    return value.isoformat() if isinstance(value, datetime) else value
