"""`dialer db`: the schema."""

from __future__ import annotations

import asyncio

import typer

from dialer.commands.context import JSON_OPTION, console, print_json
from dialer.settings import read_settings
from domain.i18n import _, ngettext
from sql.access import database
from sql.migrate import migrate as apply_migrations

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command(help=_("Bring the schema up to this version. Safe to repeat."))
def migrate(as_json: bool = JSON_OPTION) -> None:
    async def run() -> list[str]:
        settings = read_settings()
        async with database(settings.database(), settings.data_dir) as dsn:
            return await apply_migrations(dsn)

    applied = asyncio.run(run())
    if as_json:
        print_json({"applied": applied})
        return
    for file in applied:
        console.print(file)
    count = len(applied)
    console.print(
        ngettext("{count} migration applied.", "{count} migrations applied.", count).format(count=count)
        if applied
        else _("The schema is up to date.")
    )
