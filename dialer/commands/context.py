"""What every command shares: how it runs, how it prints, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from dialer.settings import Settings, read_settings
from dialer.wiring import connected
from domain.errors import BadInput
from domain.i18n import _

T = TypeVar("T")

console = Console()
errors = Console(stderr=True)

JSON_OPTION = typer.Option(False, "--json", help=_("Print JSON for machines."))


def with_database(work: Callable[[asyncpg.Pool], Awaitable[T]], settings: Settings | None = None) -> T:
    """Run `work` on a migrated database: the given one, or the private server."""

    async def run() -> T:
        async with connected(settings or read_settings(), name="dialer-cli") as pool:
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


def print_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Names and values: two columns for people, one object for machines."""
    if as_json:
        print_json(dict(facts))
        return
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, str(value))
    console.print(table)


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
