"""`dialer attempts`: every attempt of a campaign, row by row."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import typer

from dialer.commands.context import console, with_database
from dialer.commands.files import write_lines
from dialer.commands.report import FROM_OPTION, TO_OPTION, period_of
from domain.i18n import _, ngettext
from domain.kpi import Period
from kpi.export import csv_lines, json_lines
from sql.campaigns import PgCampaignStore
from sql.kpi import PgKpiReader

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command(help=_("Write the attempts to a file. Telephone numbers are left out unless asked for."))
def export(
    campaign: str = typer.Argument(help=_("The campaign.")),
    out: Path = typer.Option(..., help=_("The file to write.")),
    as_json: bool = typer.Option(False, "--json", help=_("JSON, one object per line, instead of CSV.")),
    semicolon: bool = typer.Option(False, help=_("CSV with semicolons, as Excel wants it here.")),
    numbers: bool = typer.Option(False, help=_("With telephone numbers: personal data.")),
    start: str | None = FROM_OPTION,
    end: str | None = TO_OPTION,
) -> None:
    period = period_of(start, end)

    async def work(pool: asyncpg.Pool) -> int:
        return await export_attempts(pool, campaign, period, out, as_json=as_json, semicolon=semicolon, numbers=numbers)

    lines = with_database(work) - (0 if as_json else 1)
    console.print(
        ngettext("{count} attempt written to {file}.", "{count} attempts written to {file}.", lines).format(
            count=lines, file=out
        )
    )


async def export_attempts(
    pool: asyncpg.Pool,
    campaign: str,
    period: Period,
    out: Path,
    *,
    as_json: bool = False,
    semicolon: bool = False,
    numbers: bool = False,
) -> int:
    """Lines written, the heading among them."""
    row = await PgCampaignStore(pool).by_name(campaign)
    reader = PgKpiReader(pool)
    lines: AsyncGenerator[str, None] = (
        json_lines(reader, row.id, period, numbers=numbers)
        if as_json
        else csv_lines(reader, row.id, period, semicolon=semicolon, numbers=numbers)
    )
    return await write_lines(out, lines)
