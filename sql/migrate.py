"""Forward-only migrations: sql/migrations/NNNN_name.sql, applied in order, one transaction each.

The checksum of every applied file is kept and compared, so that a database never stands on a file
that has since been edited.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from domain.errors import BadInput
from domain.i18n import _
from sql.catalog import load
from sql.errors import translated
from sql.pool import connect, place

MIGRATIONS = Path(__file__).with_name("migrations")

#: Any number, as long as every migrator of this project takes the same.
_ONE_MIGRATOR = 7_304_411_902
_WAIT_FOR_MIGRATOR = "60s"
#: A migration that cannot get its lock gives up, so that it does not queue all traffic behind it.
_WAIT_FOR_TABLE = "5s"

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_log = structlog.get_logger()
_SQL = load("migrate")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str
    sha256: bytes

    @property
    def file(self) -> str:
        return f"{self.version:04d}_{self.name}.sql"


def available(folder: Path = MIGRATIONS) -> Sequence[Migration]:
    """The migrations of this version of the program, in order. Raises BadInput for a name that is not
    NNNN_name.sql or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise BadInput(_("{file}: a migration is named NNNN_name.sql.").format(file=path.name))
        version = int(match.group(1))
        if version in found:
            raise BadInput(
                _("{first} and {second} have the same number. Renumber the newer one.").format(
                    first=found[version].file, second=path.name
                )
            )
        content = path.read_bytes()
        found[version] = Migration(version, match.group(2), content.decode(), hashlib.sha256(content).digest())
    return list(found.values())


async def migrate(target: str | asyncpg.Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Bring a database (a DSN or an open connection) up to this version; names of the files applied now.

    Raises BadInput (an applied file was edited, the database is newer than the program, a statement
    fails), Unavailable or AccessDenied. What was applied before a failing file stays applied.
    """
    migrations = available(folder)
    applied: list[str] = []
    async with _connection(target) as (connection, where), _only_migrator(connection, where):
        with translated(where):
            await connection.execute(_SQL["create_history"])
        for migration in _outstanding(migrations, await _history(connection, where)):
            await _apply(connection, where, migration)
            applied.append(migration.file)
            _log.info("migration_applied", file=migration.file)
    return applied


async def pending(target: str | asyncpg.Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Names of the files that `migrate` would apply. Changes nothing; raises as `migrate` does."""
    async with _connection(target) as (connection, where):
        return [migration.file for migration in _outstanding(available(folder), await _history(connection, where))]


def _outstanding(migrations: Sequence[Migration], history: Mapping[int, tuple[str, bytes]]) -> list[Migration]:
    known = {migration.version: migration for migration in migrations}
    for version, (name, sha256) in sorted(history.items()):
        migration = known.get(version)
        if migration is None:
            raise BadInput(
                _(
                    "The database has migration {version:04d}_{name}, which this version of the program does not "
                    "know. Run the newer version, or restore an older backup."
                ).format(version=version, name=name)
            )
        if migration.sha256 != sha256:
            raise BadInput(
                _(
                    "{file} was edited after it had been applied to this database. Restore the file as it was "
                    "and put the change into a new migration."
                ).format(file=migration.file)
            )
    outstanding = [migration for migration in migrations if migration.version not in history]
    if outstanding and history and outstanding[0].version < max(history):
        raise BadInput(
            _("{file} is older than migrations that the database already has. Give it the next free number.").format(
                file=outstanding[0].file
            )
        )
    return outstanding


async def _apply(connection: asyncpg.Connection, where: str, migration: Migration) -> None:
    try:
        with translated(where):
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{_WAIT_FOR_TABLE}'")
                await connection.execute(migration.sql)
                await connection.execute(_SQL["record"], migration.version, migration.name, migration.sha256)
    except asyncpg.PostgresError as error:
        raise BadInput(
            _("{file} fails: {problem}. Nothing of it was applied.").format(file=migration.file, problem=error.args[0])
        ) from error


async def _history(connection: asyncpg.Connection, where: str) -> dict[int, tuple[str, bytes]]:
    with translated(where):
        if await connection.fetchval(_SQL["has_history"]) is None:
            return {}
        return {row["version"]: (row["name"], row["sha256"]) for row in await connection.fetch(_SQL["applied"])}


@asynccontextmanager
async def _only_migrator(connection: asyncpg.Connection, where: str) -> AsyncIterator[None]:
    with translated(where):
        await connection.execute(f"SET lock_timeout = '{_WAIT_FOR_MIGRATOR}'")
        await connection.execute(_SQL["become_migrator"], _ONE_MIGRATOR)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(_SQL["end_migrator"], _ONE_MIGRATOR)
            await connection.execute("RESET lock_timeout")


@asynccontextmanager
async def _connection(target: str | asyncpg.Connection) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    if not isinstance(target, str):
        yield target, "the given connection"
        return
    connection = await connect(target, application_name="dialer-migrate", statement_timeout_s=0)
    try:
        yield connection, place(target)
    finally:
        await connection.close()
