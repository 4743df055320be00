"""Named queries: every statement lives in sql/queries/<file>.sql as

    -- name: claim
    -- Move due leads into flight.
    SELECT ...

and is reached by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

QUERIES = Path(__file__).with_name("queries")

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    name: str
    purpose: str
    sql: str


class Catalog(Mapping[str, str]):
    """The statements of one file, by name. A name that is not in the file raises KeyError."""

    def __init__(self, file: Path) -> None:
        self.queries = {query.name: query for query in parse(file.read_text(encoding="utf-8"), file.name)}

    def __getitem__(self, name: str) -> str:
        return self.queries[name].sql

    def __iter__(self) -> Iterator[str]:
        return iter(self.queries)

    def __len__(self) -> int:
        return len(self.queries)


@cache
def load(file: str) -> Catalog:
    """The catalog of sql/queries/<file>.sql."""
    return Catalog(QUERIES / f"{file}.sql")


def parse(text: str, source: str) -> list[Query]:
    """Split a file into its queries. Raises ValueError for a name without purpose or SQL, or one used twice."""
    head, *parts = _NAME.split(text)
    if any(line.strip() and not line.startswith("--") for line in head.splitlines()):
        raise ValueError(f"{source}: SQL before the first '-- name:' line")
    found: dict[str, Query] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        purpose, _, sql = body.partition("\n")
        if not purpose.startswith("-- ") or not sql.strip():
            raise ValueError(f"{source}: query {name} needs a '-- purpose' line and its SQL")
        if name in found:
            raise ValueError(f"{source}: query {name} is defined twice")
        found[name] = Query(name, purpose.removeprefix("-- "), sql.strip().rstrip(";"))
    return list(found.values())
