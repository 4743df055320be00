"""What every command shares: how it runs, how it prints, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from dialer.settings import Settings, read_settings
from domain.errors import BadInput
from domain.i18n import _
from sql.access import connected
from sql.errors import translated

T = TypeVar("T")

#: Columns for readers that are no terminal: a file or a pipe is not narrow.
_WIDE = 200

console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE)
errors = Console(stderr=True)

JSON_OPTION = typer.Option(False, "--json", help=_("Print JSON for machines."))


def with_database(work: Callable[[asyncpg.Pool], Awaitable[T]], settings: Settings | None = None) -> T:
    """Run `work` on a migrated database: the given one, or the private server."""

    async def run() -> T:
        told = settings or read_settings()
        async with connected(told.database(), told.data_dir, name="dialer-cli") as pool:
            # Where no store stands between, and for what a store does not foresee.
            with translated(_("the dialler's database")):
                return await work(pool)

    return asyncio.run(run())


def who() -> str:
    """Who gives the command, for the rows that name an author."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def print_json(value: Any) -> None:
    console.print_json(json.dumps(value, ensure_ascii=False, default=str))


def table(*titles: str) -> Table:
    """A table that loses nothing on a narrow terminal: cells are folded, not cut. Without titles: two bare columns."""
    made = Table(show_header=bool(titles), box=box.HEAVY_HEAD if titles else None)
    for title in titles or ("", ""):
        made.add_column(title, overflow="fold")
    return made


def print_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Names and values: a line each for people, one object for machines."""
    if as_json:
        print_json(dict(facts))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        # Never folded: paths and addresses are there to be copied.
        console.print(f"{name:<{width}}  {value}", soft_wrap=True, markup=False, highlight=False)


def read_json_file(path: Path) -> dict[str, Any]:
    """Raises BadInput: what is wrong with the file, and where."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(_("Cannot read {path}: {why}.").format(path=path, why=error.strerror)) from None
    except UnicodeDecodeError:
        raise BadInput(_("{path} is not UTF-8 text.").format(path=path)) from None
    except json.JSONDecodeError as error:
        raise BadInput(
            _("{path} is not JSON: line {line}, column {column}.").format(
                path=path, line=error.lineno, column=error.colno
            )
        ) from None
    if not isinstance(found, dict):
        raise BadInput(_("{path} must hold a JSON object.").format(path=path))
    return found
