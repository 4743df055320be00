"""One database for a module's commands: each of them is a process, and starting those is what takes time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sql.embedded import EmbeddedPostgres
from tests.conftest import administer
from tests.support.command_line import CommandLine

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def dsn(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    name = f"cli_{next(_numbers)}"
    administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield postgres_server.dsn(name)
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def dialer(dsn: str, folder: Path) -> CommandLine:
    return CommandLine({"dsn": dsn, "data_dir": str(folder / "data")})


@pytest.fixture(scope="module")
def campaign(dialer: CommandLine) -> str:
    """A campaign without leads."""
    said = dialer("campaign", "create", "August", "--client", "Bricks", "--trunk", "provider")
    assert said.code == 0, said.err
    return "August"
