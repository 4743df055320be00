"""`dialer report`: the KPI report of a campaign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import typer

from dialer.commands.context import console, with_database
from dialer.commands.files import write_text
from domain.errors import BadInput
from domain.i18n import _
from domain.kpi import Period
from kpi.render import to_csv, to_json, to_table
from kpi.report import Report, build_report
from sql.campaigns import PgCampaignStore
from sql.kpi import PgKpiReader

FROM_OPTION = typer.Option(None, "--from", help=_("Start, ISO 8601 with offset; default: the first of last month."))
TO_OPTION = typer.Option(None, "--to", help=_("End, ISO 8601 with offset; default: now."))


def report(
    campaign: str = typer.Argument(help=_("The campaign.")),
    start: str | None = FROM_OPTION,
    end: str | None = TO_OPTION,
    as_json: bool = typer.Option(False, "--json", help=_("Print JSON for machines.")),
    as_csv: bool = typer.Option(False, "--csv", help=_("Print CSV for spreadsheets.")),
    semicolon: bool = typer.Option(False, help=_("CSV with semicolons, as Excel wants it here.")),
    out: Path | None = typer.Option(None, help=_("Write to this file instead.")),
) -> None:
    if as_json and as_csv:
        raise BadInput(_("Choose one of --json and --csv."))
    if out is not None and not (as_json or as_csv):
        raise BadInput(_("--out writes a file for machines: add --json or --csv."))
    if semicolon and not as_csv:
        raise BadInput(_("--semicolon goes with --csv."))
    period = period_of(start, end)

    async def work(pool: asyncpg.Pool) -> Report:
        return await campaign_report(pool, campaign, period)

    built = with_database(work)
    if as_json or as_csv:
        text = to_json(built) if as_json else to_csv(built, semicolon=semicolon)
        if out is not None:
            write_text(out, text)
        else:
            typer.echo(text, nl=not text.endswith("\n"))
        return
    console.print(to_table(built))


async def campaign_report(pool: asyncpg.Pool, campaign: str, period: Period) -> Report:
    row = await PgCampaignStore(pool).by_name(campaign)
    return await build_report(PgKpiReader(pool), row.id, period)


def period_of(start: str | None, end: str | None) -> Period:
    """Without a start: this month's and last month's calls. Raises BadInput for what is no time with an offset."""
    now = datetime.now(UTC)
    last_month = (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)).replace(day=1)
    return Period(_time(start) or last_month, _time(end) or now + timedelta(seconds=1))


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(_("{text} is not a time. Give one such as 2026-11-02T09:00+03:00.").format(text=text)) from None
    if at.tzinfo is None:
        raise BadInput(_("{text} has no offset. Give one such as 2026-11-02T09:00+03:00.").format(text=text))
    return at
