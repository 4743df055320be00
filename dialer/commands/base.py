"""`dialer base`: load a file of leads into a list of a campaign."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from campaigns.loading.load import LoadReport, LoadRequest, load_base
from campaigns.loading.mapping import Role
from dialer.commands.context import JSON_OPTION, console, errors, pairs, print_json, who, with_database
from dialer.settings import read_settings
from domain.clock import SystemClock
from domain.errors import BadInput
from domain.i18n import _
from domain.outcome import Temperature
from sql.bases import PgBaseStore
from sql.campaigns import PgCampaignStore

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command(help=_("Load a CSV file: all of it or nothing. The same file twice is loaded once."))
def load(
    file: Path = typer.Argument(help=_("The file."), readable=False),
    campaign: str = typer.Option(..., help=_("The campaign.")),
    list_name: str = typer.Option("main", "--list", help=_("The list that the leads go to.")),
    temperature: str = typer.Option("cold", help=_("cold, warm or hot.")),
    column: list[str] = typer.Option([], help=_("What a column is, instead of guessing: phone=Телефон")),
    country: str = typer.Option("RU", help=_("Country of numbers that do not name one.")),
    zone: str | None = typer.Option(None, help=_("Time zone of leads whose own cannot be told.")),
    encoding: str | None = typer.Option(None, help=_("Instead of detecting it: utf-8, windows-1251.")),
    separator: str | None = typer.Option(None, help=_("Instead of detecting it: , or ;")),
    dry_run: bool = typer.Option(False, help=_("Only say what would be loaded.")),
    as_json: bool = JSON_OPTION,
) -> None:
    settings = read_settings()

    async def work(pool: asyncpg.Pool) -> LoadReport:
        row = await PgCampaignStore(pool).by_name(campaign)
        request = LoadRequest(
            path=file,
            campaign=row.id,
            list_name=list_name,
            temperature=_temperature(temperature),
            loaded_by=who(),
            rejects_folder=settings.data_dir / "rejects",
            columns=_columns(column),
            default_country=country,
            default_zone=zone,
            encoding=encoding,
            separator=separator,
            dry_run=dry_run,
        )
        return await load_with_progress(pool, request)

    try:
        report = with_database(work, settings)
    except KeyboardInterrupt:
        errors.print(_("The load was stopped: nothing of the file was loaded."))
        raise
    show_load(report, as_json=as_json)


async def load_with_progress(pool: asyncpg.Pool, request: LoadRequest) -> LoadReport:
    """The bar is drawn on the error stream, so that output stays clean for machines."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bar:
        task = bar.add_task(_("Loading {file}").format(file=request.path.name), total=None)
        return await load_base(
            PgBaseStore(pool),
            SystemClock(),
            request,
            lambda done, total: bar.update(task, completed=done, total=max(done, total)),
        )


def show_load(report: LoadReport, *, as_json: bool) -> None:
    counts = report.counts
    if as_json:
        print_json(
            {
                "rows": counts.rows,
                "accepted": counts.accepted,
                "zone_unknown": counts.zone_unknown,
                "rejects": dict(counts.rejects),
                "already_loaded": report.already_loaded,
                "encoding": report.facts.encoding,
                "separator": report.facts.separator,
                "mapping": report.mapping.to_document(),
                "rejects_file": report.rejects_file,
            }
        )
        return
    if report.already_loaded:
        console.print(_("This file was loaded into the campaign before; nothing was changed."))
    shown = pairs()
    shown.add_row(_("Rows"), str(counts.rows))
    shown.add_row(_("Accepted"), str(counts.accepted))
    if counts.zone_unknown:
        shown.add_row(_("  of these blocked: time zone unknown"), str(counts.zone_unknown))
    for reason, count in sorted(counts.rejects.items(), key=lambda item: -item[1]):
        shown.add_row(_("Rejected: {reason}").format(reason=_(reason)), str(count))
    if report.rejects_file is not None:
        shown.add_row(_("Rejected rows"), str(report.rejects_file))
    console.print(shown)


def _temperature(name: str) -> Temperature:
    try:
        return Temperature(name)
    except ValueError:
        raise BadInput(_("A list is cold, warm or hot, not {name}.").format(name=name)) from None


def _columns(told: list[str]) -> dict[Role, str]:
    found: dict[Role, str] = {}
    for item in told:
        role, separator, title = item.partition("=")
        if not separator or role not in set(Role):
            raise BadInput(
                _("--column takes ROLE=TITLE; roles: {roles}. Given: {given}").format(roles=", ".join(Role), given=item)
            )
        found[Role(role)] = title
    return found
