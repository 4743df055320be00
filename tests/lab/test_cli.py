"""A campaign by commands alone: from an empty folder to the report, with outages on the way, and what the log tells."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lab.base import write_base
from lab.network import AmiAccess, AriAccess, Lab
from lab.processes import ProcessId
from lab.root import OVERRIDE, ensure_root
from tests.conftest import run_aside
from tests.support.command_line import CommandLine, ended, refused

pytestmark = pytest.mark.lab

AGENTS = 4


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: that is closed to the user whom the private PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="dialer-cli-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def dialer(folder: Path, data_dir: Path) -> Iterator[CommandLine]:
    """With a data folder of its own, and the Asterisk that is unpacked already."""
    more = {OVERRIDE: str(ensure_root(data_dir).path)}
    made = CommandLine({"data_dir": str(folder), "log_json": "true", "log_level": "debug"}, more=more)
    try:
        yield made
    finally:
        made("lab", "down")


class Story:
    def __init__(self, dialer: CommandLine, folder: Path) -> None:
        self.dialer = dialer
        self.folder = folder
        self.logs: list[str] = []

    def done(self, *arguments: str | Path) -> str:
        said = self.dialer(*arguments)
        assert said.code == 0, said.all
        self.logs.append(said.err)
        return said.out

    def told(self, *arguments: str | Path) -> Any:
        return json.loads(self.done(*arguments, "--json"))

    @property
    def cluster(self) -> Path:
        return self.folder / "postgres" / "cluster"

    def password(self) -> str:
        return (self.folder / "postgres" / "password").read_text().strip()

    def ask(self, sql: str) -> Any:
        port = int((self.cluster / "postmaster.pid").read_text().splitlines()[3])
        dsn = f"postgresql://dialer:{self.password()}@127.0.0.1:{port}/dialer"

        async def work() -> Any:
            connection = await asyncpg.connect(dsn, timeout=5)
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return run_aside(work)

    def until(self, sql: str, engine: subprocess.Popen[bytes]) -> Any:
        """The condition's value once it is true. Asked again while the database is away, but not after the
        engine has ended."""
        deadline = time.monotonic() + 60
        while True:
            assert engine.poll() is None
            assert time.monotonic() < deadline
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, IndexError, TimeoutError):
                if value := self.ask(sql):
                    return value
            time.sleep(0.1)  # rows give no signal to another process

    def goes_on(self, engine: subprocess.Popen[bytes]) -> None:
        """Three more conversations that begin from now on."""
        now = self.until("SELECT app_now()", engine).isoformat()
        talks = f"SELECT count(*) >= 3 FROM attempt WHERE outcome = 'ANSWERED' AND started_at > '{now}'"  # noqa: S608
        self.until(talks, engine)


def test_a_campaign_by_commands_alone(dialer: CommandLine, folder: Path) -> None:
    story = Story(dialer, folder)
    base, do_not_call = write_base(folder / "in")
    story.done("db", "migrate")
    lab = story.told("lab", "up", "--agents", str(AGENTS))
    story.done("campaign", "create", "August", "--client", "Bricks", "--trunk", lab["trunk"], "--preset", "lab",
               "--mode", "power")  # fmt: skip
    story.done("lab", "staff", "August")
    story.done("dnc", "import", do_not_call, "--reason", "asked")
    load = story.told("base", "load", base, "--campaign", "August")
    assert (load["rows"], load["accepted"]) == (850, 829)
    story.done("campaign", "start", "August")
    log = folder / "engine.log"
    with log.open("wb") as stream:
        engine = subprocess.Popen(
            dialer.command("run", "--lab"),
            env=dialer.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
        )
    try:
        story.goes_on(engine)
        refused(dialer("run", "--lab"), 3, "An engine runs already", str(engine.pid))
        restart_database(story)
        story.goes_on(engine)
        switch = restart_switch(folder / "lab" / lab["run"])
        story.goes_on(engine)
    finally:
        engine.send_signal(signal.SIGINT)
        out, _none = engine.communicate(timeout=60)
    assert (engine.returncode, out) == (0, b"")
    events = [json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{")]
    assert {"engine.up", "engine.started", "engine.stopped", "switch.link_down"} <= set(events)
    assert events.count("switch.link_up") >= 2
    status = story.told("campaign", "status", "August")
    assert status["outcomes"]["ANSWERED"] >= 9
    assert "inflight" not in {state.lower() for state in status["leads"]}
    assert story.told("report", "August")
    assert "%" in story.done("report", "August")
    story.done("attempts", "export", "August", "--out", folder / "attempts.csv")
    exported = (folder / "attempts.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(exported) - 1 == sum(status["outcomes"].values())
    secrets = [story.password(), *secrets_of(folder / "lab" / lab["run"])]
    private = private_words(base, do_not_call)
    story.done("lab", "down")
    assert switch.wait(timeout=10) is not None
    assert "No lab was running" in story.done("lab", "down")
    text = log.read_text() + "".join(story.logs)
    assert text.count('"event": "pacing.decision"') + text.count("recording.stored") > 3
    for word in (*private, *secrets):
        assert word not in text


def restart_database(story: Story) -> None:
    """As after a crash: connections are cut, and it takes a while until it answers again."""
    pid = (story.cluster / "postmaster.pid").read_text().split()[0]
    program = Path(os.readlink(f"/proc/{pid}/exe"))
    owner = story.cluster.stat()
    done = subprocess.run(
        [program.with_name("pg_ctl"), "-D", story.cluster, "-m", "immediate", "-w", "-l", "/dev/null", "restart"],
        user=owner.st_uid,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0


def restart_switch(run: Path) -> subprocess.Popen[bytes]:
    """Killed, and started again by the same command."""
    file = run / "run.json"
    told = json.loads(file.read_text())
    killed = ProcessId(*told["processes"][0])
    command = Path(f"/proc/{killed.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    killed.stop(0)
    again = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    present = ProcessId.of(again.pid)
    assert present is not None
    # `lab down` must find the new one.
    told["processes"][0] = [present.pid, present.started]
    file.write_text(json.dumps(told))
    return again


def secrets_of(run: Path) -> list[str]:
    told = json.loads((run / "run.json").read_text())
    ami, ari = told["ami"], told["ari"]
    return [AmiAccess(*ami).secret, AriAccess(*ari).secret]


def private_words(*files: Path) -> set[str]:
    """Every number of the files in the ways it may be written, every name and every company."""
    words: set[str] = set()
    rows = list(csv.DictReader(io.StringIO(files[0].read_text(encoding="cp1251")), delimiter=";"))
    cells = [row["Телефон"] for row in rows] + files[1].read_text().split()[1:]
    for cell in cells:
        digits = "".join(filter(str.isdigit, cell))[-10:]
        if len(digits) < 10:
            continue
        area, head, mid, tail = digits[:3], digits[3:6], digits[6:8], digits[8:]
        words |= {cell, digits, f"{head}{mid}{tail}", f"({area}) {head}-{mid}-{tail}", f"{area} {head} {mid} {tail}",
                  f"{area}-{head}-{mid}-{tail}", f"{head}-{mid}-{tail}", f"{area}.{head}.{mid}.{tail}"}  # fmt: skip
    for row in rows:
        words |= {row["Контактное лицо"], row["Компания"]}
        words |= {json.dumps(row["Контактное лицо"])[1:-1], json.dumps(row["Компания"])[1:-1]}
    return words


def test_wrong_passwords_of_the_switch_are_told_apart(lab: Lab, tmp_path: Path, database: str) -> None:
    right = {
        "dsn": database,
        "data_dir": str(tmp_path),
        "ari_url": lab.ari.base_url,
        "ari_user": lab.ari.user,
        "ari_secret": lab.ari.secret,
        "ami_port": str(lab.ami.port),
        "ami_user": lab.ami.user,
        "ami_secret": lab.ami.secret,
    }
    for wrong, words in (("ami_secret", ("AMI user", "manager.conf")), ("ari_secret", ("ARI", "ari.conf"))):
        said = ended(CommandLine({**right, wrong: "not-the-secret", "log_level": "error"}).begin("run"))
        refused(said, 6, *words)
        assert "not-the-secret" not in said.all
        assert lab.ami.secret not in said.all
