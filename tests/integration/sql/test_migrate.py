from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from domain.errors import BadInput
from sql.migrate import MIGRATIONS, available, migrate, pending

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    return copy


def next_file(folder: Path, name: str) -> Path:
    return folder / f"{available(folder)[-1].version + 1:04d}_{name}.sql"


async def test_an_empty_database_gets_every_file_in_order_and_a_second_run_nothing(empty_database: str) -> None:
    expected = [path.name for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert await pending(empty_database) == expected
    assert await migrate(empty_database) == expected
    assert await pending(empty_database) == []
    assert await migrate(empty_database) == []


async def test_a_database_of_the_previous_version_gets_the_new_file_only(database: str, folder: Path) -> None:
    new = next_file(folder, "colour")
    new.write_text("ALTER TABLE client ADD COLUMN colour text;\n")
    assert await pending(database, folder) == [new.name]
    assert await migrate(database, folder) == [new.name]
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("INSERT INTO client (name, colour) VALUES ('a', 'red')")
    finally:
        await connection.close()


async def test_an_open_connection_may_be_given_and_is_left_usable(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    try:
        assert await migrate(connection) == [migration.file for migration in available()]
        assert await connection.fetchval("SHOW lock_timeout") == "0"
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    finally:
        await connection.close()


async def test_an_edited_file_is_refused_by_name(database: str, folder: Path) -> None:
    edited = folder / available(folder)[0].file
    edited.write_text(edited.read_text() + "-- one more line\n")
    for call in (pending, migrate):
        with pytest.raises(BadInput, match=rf"{edited.name} was edited after it had been applied"):
            await call(database, folder)


async def test_a_database_newer_than_the_program_is_refused(database: str, folder: Path) -> None:
    new = next_file(folder, "later")
    new.write_text("SELECT 1;\n")
    await migrate(database, folder)
    with pytest.raises(BadInput, match="does not know"):
        await migrate(database)


async def test_a_file_numbered_below_the_applied_ones_is_refused(database: str, folder: Path) -> None:
    (folder / "0000_early.sql").write_text("SELECT 1;\n")
    with pytest.raises(BadInput, match=r"0000_early\.sql is older"):
        await migrate(database, folder)


async def test_a_failing_file_leaves_nothing_of_itself_and_keeps_those_before(database: str, folder: Path) -> None:
    good = next_file(folder, "good")
    good.write_text("CREATE TABLE good (id int);\n")
    bad = next_file(folder, "bad")
    bad.write_text("CREATE TABLE half (id int);\nSELECT 1 / 0;\n")
    with pytest.raises(BadInput, match=rf"{bad.name} fails: division by zero"):
        await migrate(database, folder)
    assert await pending(database, folder) == [bad.name]
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT to_regclass('good') IS NOT NULL")
        assert await connection.fetchval("SELECT to_regclass('half') IS NULL")
    finally:
        await connection.close()


async def test_two_migrators_at_once_apply_each_file_once(empty_database: str) -> None:
    results = await asyncio.gather(migrate(empty_database), migrate(empty_database), migrate(empty_database))
    assert sorted(len(applied) for applied in results) == [0, 0, len(available())]


def test_names_and_numbers_of_files_are_checked(folder: Path) -> None:
    (folder / "0001_again.sql").write_text("SELECT 1;\n")
    with pytest.raises(BadInput, match="same number"):
        available(folder)
    (folder / "0001_again.sql").unlink()
    (folder / "readme.sql").write_text("SELECT 1;\n")
    with pytest.raises(BadInput, match="NNNN_name"):
        available(folder)
