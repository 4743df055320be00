"""What every command shares: how it runs, how it prints, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dialer.settings import Settings, read_settings
from domain.errors import BadInput
from domain.i18n import _
from sql.access import connected

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


def pairs() -> Table:
    """Two bare columns; what does not fit is folded, not cut."""
    made = Table(show_header=False, box=None)
    made.add_column(overflow="fold")
    made.add_column(overflow="fold")
    return made


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table where it fits; below each other, a block of lines per row, where it does not."""
    widths = [max(len(title), *(len(row[i]) for row in rows), 0) for i, title in enumerate(titles)]
    if sum(widths) + 3 * len(titles) + 1 <= console.width:
        made = Table(*titles)
        for row in rows:
            made.add_row(*map(Text, row))
        console.print(made)
        return
    for number, row in enumerate(rows):
        if number:
            console.print()
        print_facts(dict(zip(titles, row, strict=True)), as_json=False)


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
