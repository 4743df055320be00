"""Files that are no bases: each is refused in clear words, and nothing of it is loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import run_aside
from tests.support.command_line import CommandLine, Said, ended, refused

pytestmark = pytest.mark.integration

GOOD = b"phone;name\n" + b"".join(b"7900123%04d;Anna\n" % n for n in range(50))
#: Name, content (None: no file), exit code, what the message names.
FILES: dict[str, tuple[bytes | None, int, tuple[str, ...]]] = {
    "missing": (None, 4, ("There is no file", "missing.csv")),
    "empty": (b"", 2, ("empty.csv is empty",)),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200), 2, ("picture.csv", "not a text file", "Save")),
    "workbook": (b"PK\x03\x04" + bytes(200), 2, ("workbook.csv", "Excel", "Save it as CSV")),
    "long": (GOOD + b"79001230099;" + b"x" * 1_100_000 + b"\n", 2, ("long.csv, line 52", "longer than")),
    "nul": (GOOD + b"79001230099;An\0na\n", 2, ("nul.csv", "not a text file")),
    "header": (b"phone;name\r\n", 2, ("a header and no rows",)),
    "no_phones": (b"name;city\nAnna;Kazan\nInna;Omsk\n", 2, ("No column of telephone numbers", "name, city")),
    "quote": (b'phone;name\n79001230099;"Anna\n' + GOOD * 3, 2, ("quote.csv, line 2", "quotation mark")),
    "late_fault": (GOOD * 200 + b'79001230099;"Anna\n' + GOOD * 3, 2, ("late_fault.csv, line 10201",)),
}


def query(dsn: str, sql: str) -> object:
    async def work() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return run_aside(work)


def loaded(dsn: str) -> tuple[object, object]:
    return query(dsn, "SELECT count(*) FROM base"), query(dsn, "SELECT count(*) FROM lead")


@pytest.fixture(scope="module")
def refusals(dialer: CommandLine, campaign: str, folder: Path) -> dict[str, Said]:
    """All at once: most of the time of each is the start of its process."""
    for name, (content, _code, _words) in FILES.items():
        if content is not None:
            (folder / f"{name}.csv").write_bytes(content)
    with ThreadPoolExecutor(4) as threads:
        said = threads.map(lambda name: dialer("base", "load", folder / f"{name}.csv", "--campaign", campaign), FILES)
        return dict(zip(FILES, said, strict=True))


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_base_is_refused(refusals: dict[str, Said], name: str, dsn: str, folder: Path) -> None:
    _content, code, words = FILES[name]
    refused(refusals[name], code, *words)
    assert loaded(dsn) == (0, 0)
    assert not list((folder / "data").rglob("*reject*/*"))


def test_a_folder_a_pipe_and_a_closed_file_are_refused(
    dialer: CommandLine, campaign: str, folder: Path, dsn: str
) -> None:
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    closed = folder / "closed.csv"
    closed.write_bytes(GOOD)
    closed.chmod(0)
    # The right to read everything is root's only by a capability, which a process can go without.
    before = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    common = replace(dialer, before=before)
    refused(dialer("base", "load", folder / "folder.csv", "--campaign", campaign), 2, "is a folder", "Name a CSV file")
    refused(dialer("base", "load", folder / "pipe.csv", "--campaign", campaign), 2, "a pipe or a device")
    refused(common("base", "load", closed, "--campaign", campaign), 2, "closed.csv", "permission denied")
    assert loaded(dsn) == (0, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--temperature", "tepid"), ("cold, warm or hot", "tepid")),
        (("--country", "XX"), ("XX", "Give two capitals")),
        (("--zone", "Nowhere"), ("Nowhere", "time zone")),
        (("--column", "phone=Fax"), ("There is no column Fax", "phone, name")),
    ],
)
def test_wrong_options_of_a_load_are_named(
    dialer: CommandLine, campaign: str, folder: Path, options: tuple[str, str], words: tuple[str, ...]
) -> None:
    file = folder / "good.csv"
    file.write_bytes(GOOD)
    refused(dialer("base", "load", file, "--campaign", campaign, *options), 2, *words)


def test_rejected_rows_that_find_no_room_take_the_load_back(
    dialer: CommandLine, campaign: str, folder: Path, dsn: str
) -> None:
    file = folder / "mostly_bad.csv"
    file.write_bytes(GOOD + b"".join(b"12;Anna number %d\n" % n for n in range(2000)))
    full = replace(dialer, before=("prlimit", "--fsize=10000"))
    refused(full("base", "load", file, "--campaign", campaign), 2, "rejected rows cannot be written", "Make room")
    assert loaded(dsn) == (0, 0)
    assert not list((folder / "data" / "rejects").iterdir())


def test_an_interrupted_load_leaves_nothing(dialer: CommandLine, campaign: str, folder: Path, dsn: str) -> None:
    file = folder / "large.csv"
    file.write_bytes(b"phone;name\n" + b"".join(b"79%09d;Anna\n" % n for n in range(300_000)))
    process = dialer.begin("base", "load", file, "--campaign", campaign)
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dialer-cli' AND backend_xid IS NOT NULL"
    deadline = time.monotonic() + 30
    while not query(dsn, busy):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    refused(ended(process), 130, "nothing of the file was loaded")
    assert loaded(dsn) == (0, 0)


def test_two_loads_of_a_file_at_once_load_it_once(dialer: CommandLine, folder: Path, dsn: str) -> None:
    assert dialer("campaign", "create", "Twice", "--client", "Bricks", "--trunk", "provider").code == 0
    file = folder / "twice.csv"
    file.write_bytes(GOOD)
    both: list[subprocess.Popen[bytes]] = [
        dialer.begin("base", "load", file, "--campaign", "Twice", "--json") for _ in range(2)
    ]
    said = [ended(process) for process in both]
    assert [one.code for one in said] == [0, 0], [one.err for one in said]
    assert loaded(dsn) == (1, 50)
    again = dialer("base", "load", file, "--campaign", "Twice")
    assert again.code == 0
    assert "was loaded into the campaign before" in again.out
    assert loaded(dsn) == (1, 50)


def test_the_encoding_may_be_given_by_the_name_that_the_help_tells(
    dialer: CommandLine, campaign: str, folder: Path
) -> None:
    file = folder / "old.csv"
    file.write_bytes("Телефон;Имя\n79001230077;Анна\n".encode("cp1251"))
    said = dialer("base", "load", file, "--campaign", campaign, "--encoding", "windows-1251", "--dry-run", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["accepted"] == 1
