"""`dialer dnc`: numbers that are never called."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import typer

from campaigns.dnc import DncReport, DncSource, add_number, import_dnc, remove_number
from dialer.commands.context import JSON_OPTION, console, print_facts, print_json, print_table, who, with_database
from domain.bases import DncEntry
from domain.i18n import _
from sql.dnc import PgDncStore

app = typer.Typer(no_args_is_help=True)

_CLIENT = typer.Option(None, help=_("Only for this client; default: for everybody."))
_COUNTRY = typer.Option("RU", help=_("Country of numbers that do not name one."))


@app.command(help=_("Never call a number again; it takes effect within a second."))
def add(
    number: str = typer.Argument(help=_("The number.")),
    reason: str = typer.Option(..., help=_("Why.")),
    client: str | None = _CLIENT,
    country: str = _COUNTRY,
) -> None:
    source = DncSource(client, reason, who(), country)

    async def work(pool: asyncpg.Pool) -> bool:
        return await add_number(PgDncStore(pool), number, source)

    console.print(_("The number will not be called.") if with_database(work) else _("The number is on the list."))


@app.command("import", help=_("Add the numbers of a CSV file."))
def import_file(
    file: Path = typer.Argument(help=_("The file."), readable=False),
    reason: str = typer.Option(..., help=_("Why.")),
    client: str | None = _CLIENT,
    column: str | None = typer.Option(None, help=_("The column of the numbers, instead of guessing.")),
    country: str = _COUNTRY,
    as_json: bool = JSON_OPTION,
) -> None:
    source = DncSource(client, reason, who(), country)

    async def work(pool: asyncpg.Pool) -> DncReport:
        return await import_dnc(PgDncStore(pool), file, source, column)

    report = with_database(work)
    facts = {"rows": report.rows, "added": report.added, "known": report.known, **report.rejects}
    if report.first_bad_line is not None:
        facts["first_bad_line"] = report.first_bad_line
    print_facts(facts, as_json=as_json)


@app.command(help=_("Take a number off the list."))
def remove(
    number: str = typer.Argument(help=_("The number.")),
    client: str | None = _CLIENT,
    country: str = _COUNTRY,
) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        await remove_number(PgDncStore(pool), number, client, country)

    with_database(work)
    console.print(_("The number may be called again."))


@app.command("list", help=_("The latest entries."))
def list_entries(
    limit: int = typer.Option(50, min=1, max=10_000, help=_("How many.")),
    as_json: bool = JSON_OPTION,
) -> None:
    async def work(pool: asyncpg.Pool) -> list[DncEntry]:
        return list(await PgDncStore(pool).entries(limit))

    entries = with_database(work)
    if as_json:
        print_json(
            [
                {"number": entry.number, "client": entry.client, "reason": entry.reason, "by": entry.added_by,
                 "at": entry.added_at}
                for entry in entries
            ]
        )  # fmt: skip
        return
    titles = (_("Number"), _("Client"), _("Reason"), _("Added by"), _("Added at"))
    print_table(
        titles,
        [
            (entry.number, entry.client or "–", entry.reason, entry.added_by, f"{entry.added_at:%Y-%m-%d %H:%M}")
            for entry in entries
        ],
    )
