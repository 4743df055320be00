"""What cannot be done is said in clear words and a code of its own, in the user's language."""

from __future__ import annotations

import fcntl
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from tests.conftest import run_aside
from tests.support.command_line import ROOT, CommandLine, Said, refused

pytestmark = pytest.mark.integration

#: Arguments, exit code, what the message names.
COMMANDS: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "no such command": (("dance",), 2, ("dance", "--help")),
    "no such option": (("run", "--bogus"), 2, ("--bogus", "run --help")),
    "argument missing": (("campaign", "create"), 2, ("NAME is missing", "campaign create --help")),
    "option missing": (("campaign", "create", "X"), 2, ("--client is missing",)),
    "campaign exists": (
        ("campaign", "create", "August", "--client", "B", "--trunk", "t"), 3, ("August", "another name")),
    "no such preset": (
        ("campaign", "create", "X", "--client", "B", "--trunk", "t", "--preset", "x"), 2, ("cold, warm",)),
    "no such mode": (("campaign", "create", "X", "--client", "B", "--trunk", "t", "--mode", "x"), 2, ("progressive",)),
    "lab rules, real trunk": (
        ("campaign", "create", "X", "--client", "B", "--trunk", "t", "--preset", "lab"), 2, ("not marked as a lab's",)),
    "status of nobody": (("campaign", "status", "Nobody"), 4, ("Nobody", "dialer campaign list")),
    "start of nobody": (("campaign", "start", "Nobody"), 4, ("Nobody",)),
    "pause of nobody": (("campaign", "pause", "Nobody"), 4, ("Nobody",)),
    "report of nobody": (("report", "Nobody"), 4, ("Nobody",)),
    "attempts of nobody": (("attempts", "export", "Nobody", "--out", "attempts.csv"), 4, ("Nobody",)),
    "no such agent": (("agent", "ready", "nobody"), 4, ("nobody", "dialer agent list")),
    "agent to no campaign": (("agent", "assign", "Nobody", "anna"), 4, ("Nobody",)),
    "agent exists": (("agent", "create", "anna", "--name", "A", "--endpoint", "anna"), 3, ("anna", "taken")),
    "no number": (("dnc", "add", "12", "--reason", "asked"), 2, ("not a telephone number",)),
    "not on the list": (("dnc", "remove", "79001234567"), 4, ("do-not-call list",)),
    "power without a message": (("campaign", "start", "Power"), 2, ("Power", "Upload a message")),
    "two formats": (("report", "August", "--json", "--csv"), 2, ("--json", "--csv")),
    "file without a format": (("report", "August", "--out", "r.txt"), 2, ("--out",)),
    "naive time": (("report", "August", "--from", "2026-01-01"), 2, ("no offset", "2026-01-01")),
    "end before start": (
        ("report", "August", "--from", "2026-01-02T00:00Z", "--to", "2026-01-01T00:00Z"), 2, ("before it begins",)),
    "no lab": (("lab", "status"), 4, ("dialer lab up",)),
    "run without a lab": (("run", "--lab"), 4, ("dialer lab up",)),
}  # fmt: skip
SETTINGS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "port": ({"ami_port": "abc"}, ("DIALER_AMI_PORT", "whole number")),
    "port out of range": ({"ami_port": "70000"}, ("DIALER_AMI_PORT", "at most 65535")),
    "level": ({"log_level": "loud"}, ("DIALER_LOG_LEVEL", "info")),
    "switch": ({"log_json": "perhaps"}, ("DIALER_LOG_JSON", "true or false")),
    "several": ({"ami_port": "0", "log_json": "perhaps"}, ("DIALER_AMI_PORT", "DIALER_LOG_JSON")),
    "dsn": ({"dsn": "mysql://u:hidden-word@h/d"}, ("DSN", "postgresql://")),
}


@pytest.fixture(scope="module")
def said(dialer: CommandLine, campaign: str) -> dict[str, Said]:
    for arguments in (
        ("campaign", "create", "Power", "--client", "Bricks", "--trunk", "provider", "--mode", "power"),
        ("agent", "create", "anna", "--name", "Anna", "--endpoint", "anna"),
    ):
        assert dialer(*arguments).code == 0
    with ThreadPoolExecutor(4) as threads:
        of_commands = threads.map(lambda one: dialer(*one[0]), COMMANDS.values())
        of_settings = threads.map(lambda one: dialer("agent", "list", **one[0]), SETTINGS.values())
        return dict(zip([*COMMANDS, *SETTINGS], [*of_commands, *of_settings], strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_cannot_be_done(said: dict[str, Said], name: str) -> None:
    _arguments, code, words = COMMANDS[name]
    refused(said[name], code, *words)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_wrong_is_named_and_its_value_is_not_shown(said: dict[str, Said], name: str) -> None:
    _settings, words = SETTINGS[name]
    refused(said[name], 2, *words)
    assert "hidden-word" not in said[name].all
    assert "perhaps" not in said[name].all


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_database_that_cannot_be_used(dialer: CommandLine, dsn: str, empty_database: str) -> None:
    head, _at, tail = dsn.rpartition("@")
    user, _colon, password = head.rpartition(":")
    server, _slash, _name = tail.partition("/")
    cases = {
        f"{head}@127.0.0.1:{closed_port()}/dialer": (5, "does not answer"),
        f"{head}@host.invalid:5432/dialer": (5, "host.invalid"),
        f"{head}@{server}/nothing_here": (5, "no such database"),
        f"{user}:wrong-{password}@{tail}": (6, "refused the user or the password"),
        empty_database: (5, "dialer db migrate"),
    }
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: dialer("agent", "list", dsn=one), cases))
    for answer, (code, word) in zip(answers, cases.values(), strict=True):
        refused(answer, code, word)
        assert password not in answer.all


#: The program with catalogues that were compiled somewhere else than in the checkout.
SPEAKING = """
import sys
from pathlib import Path
from domain import i18n
i18n.LOCALE_DIR = Path(sys.argv.pop(1))
from dialer.cli import main
main()
"""


@pytest.fixture(scope="module")
def speaking(dialer: CommandLine, folder: Path) -> CommandLine:
    for language in ("ru", "uk"):
        target = folder / "locale" / language / "LC_MESSAGES"
        target.mkdir(parents=True)
        with (ROOT / "locale" / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
            catalogue = read_po(source, locale=language)
        with (target / "messages.mo").open("wb") as compiled:
            write_mo(compiled, catalogue)
    return replace(dialer, program=("-c", SPEAKING, str(folder / "locale")))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ru", ("Ошибка: Кампании Nobody нет",)),
        ("uk", ("Помилка: Кампанії Nobody немає",)),
        ("xx", ("Error: There is",)),
    ],
)
def test_the_message_is_in_the_users_language(speaking: CommandLine, language: str, words: tuple[str, ...]) -> None:
    refused(speaking("campaign", "status", "Nobody", lang=language), 4, *words)


@pytest.mark.parametrize("terminal", [{"TERM": "dumb"}, {"COLUMNS": "40"}, {"LANG": "C", "PYTHONIOENCODING": "ascii"}])
def test_any_terminal_gets_the_whole_table(speaking: CommandLine, campaign: str, terminal: dict[str, str]) -> None:
    answer = replace(speaking, more=terminal)("campaign", "list", lang="ru")
    assert answer.code == 0, answer.err
    assert "…" not in answer.out
    for word in (campaign, "Bricks", "progressive"):
        assert word in answer.out


def test_whoever_reads_the_output_may_leave_early(dialer: CommandLine, campaign: str) -> None:
    process = dialer.begin("campaign", "rules", campaign)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    complaint = process.stderr.read().decode()
    process.wait()
    process.stderr.close()
    assert "Traceback" not in complaint
    assert "Exception" not in complaint


def test_json_is_all_that_is_printed(dialer: CommandLine, campaign: str, folder: Path) -> None:
    base = folder / "json.csv"
    base.write_bytes(b"phone;name\n79001230001;Anna\n12;Inna\n")
    for arguments in (
        ("db", "migrate", "--json"),
        ("base", "load", base, "--campaign", campaign, "--json"),
        ("dnc", "import", base, "--reason", "asked", "--json"),
        ("dnc", "list", "--json"),
        ("agent", "list", "--json"),
        ("campaign", "list", "--json"),
        ("campaign", "status", campaign, "--json"),
        ("campaign", "rules", campaign),
        ("report", campaign, "--json"),
    ):
        answer = dialer(*arguments)
        assert answer.code == 0, answer.err
        assert json.loads(answer.out) is not None


def test_a_campaign_may_be_started_twice(dialer: CommandLine, campaign: str) -> None:
    first, second = (dialer("campaign", "start", campaign) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "is started" in first.out
    assert "is running already" in second.out
    assert "no agents yet" in second.out


def test_a_second_engine_of_the_same_folder_is_refused(dialer: CommandLine, folder: Path) -> None:
    (folder / "data").mkdir(exist_ok=True)
    with (folder / "data" / "engine.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(dialer("run"), 3, "An engine runs already", "process 4711", "Stop it first")


@pytest.fixture
def beating(dsn: str) -> Iterator[int]:
    """An engine of another machine, as far as the database can tell."""
    over = threading.Event()

    async def run(sql: str) -> int:
        connection = await asyncpg.connect(dsn)
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    def beat() -> None:
        while not over.wait(0.3):
            run_aside(lambda: run("UPDATE engine SET seen_at = app_now() WHERE ended_at IS NULL RETURNING id"))

    engine = run_aside(
        lambda: run("INSERT INTO engine (id, host) VALUES (nextval('engine_epoch'), 'elsewhere') RETURNING id")
    )
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield engine
    finally:
        over.set()
        thread.join()
        run_aside(lambda: run("UPDATE engine SET ended_at = app_now() WHERE host = 'elsewhere' RETURNING id"))


def test_a_second_engine_of_the_same_database_is_refused(dialer: CommandLine, folder: Path, beating: int) -> None:
    answer = dialer("run", data_dir=str(folder / "other"))
    refused(answer, 3, f"Engine {beating} on elsewhere", "Stop it first")


def test_without_asterisk_the_engine_does_not_start(dialer: CommandLine) -> None:
    port = str(closed_port())
    refused(dialer("run", ami_port=port, ari_url=f"http://127.0.0.1:{port}"), 5, f"127.0.0.1:{port}", "start Asterisk")


def test_robots_are_for_the_lab(dialer: CommandLine) -> None:
    refused(dialer("run", "--robots"), 2, "--lab")
