from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import AccessDenied, BadInput, Unavailable
from sql import embedded
from sql.embedded import EmbeddedPostgres
from sql.pool import connect

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    """A data directory whose cluster exists; initdb is slow, so the tests here share it."""
    folder = new_folder()
    EmbeddedPostgres.start(folder).stop()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def server(made_once: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres.start(made_once)
    try:
        yield server
    finally:
        server.stop()


def postmaster(home: Path) -> int:
    return int((home / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dialer-embedded-"))
    folder.chmod(0o711)
    return folder


async def ask(server: EmbeddedPostgres, sql: str) -> object:
    connection = await connect(server.dsn(), application_name="tests")
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_the_cluster_is_utf8_in_the_c_locale_durable_and_not_run_as_root(server: EmbeddedPostgres) -> None:
    assert await ask(server, "SHOW server_encoding") == "UTF8"
    assert await ask(server, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"
    assert await ask(server, "SHOW fsync") == "on"
    assert await ask(server, "SHOW data_checksums") == "on"
    assert await ask(server, "SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    assert server.home.parent.stat().st_uid == os.geteuid()
    owner = owner_of(postmaster(server.home))
    assert owner != 0
    assert pwd.getpwuid(owner).pw_name in ("postgres", pwd.getpwuid(os.geteuid()).pw_name)
    assert (server.home / "password").stat().st_mode & 0o077 == 0
    assert server.home.stat().st_mode & 0o077 == 0


async def test_it_listens_on_loopback_only_and_asks_for_the_password(server: EmbeddedPostgres) -> None:
    assert await ask(server, "SHOW listen_addresses") == "127.0.0.1"
    for user in ("dialer", "postgres"):
        with pytest.raises(AccessDenied):
            await connect(f"postgresql://{user}:guess@127.0.0.1:{server.port}/dialer", application_name="tests")
    assert (server.home / f".s.PGSQL.{server.port}").is_socket()


async def test_a_second_start_is_fast_and_keeps_the_data(made_once: Path) -> None:
    first = EmbeddedPostgres.start(made_once)
    await ask(first, "SELECT 1 FROM (SELECT set_config('x.y', 'z', false)) AS s")
    connection = await connect(first.dsn(), application_name="tests")
    await connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS n")
    await connection.close()
    first.stop()
    began = time.monotonic()
    second = EmbeddedPostgres.start(made_once)
    took = time.monotonic() - began
    try:
        assert second.started_here
        assert await ask(second, "SELECT n FROM kept") == 42
        assert took < 5  # five times the target
    finally:
        second.stop()
    with pytest.raises(Unavailable):
        await ask(second, "SELECT 1")
    second.stop()


async def test_a_running_server_is_adopted_and_stopped_only_by_who_started_it(
    made_once: Path, server: EmbeddedPostgres
) -> None:
    adopted = EmbeddedPostgres.start(made_once)
    assert (adopted.port, adopted.started_here) == (server.port, False)
    assert adopted.dsn() == server.dsn()
    adopted.stop()
    assert await ask(server, "SELECT 1") == 1


async def test_who_started_a_server_leaves_it_to_those_who_still_use_it(made_once: Path) -> None:
    first = EmbeddedPostgres.start(made_once)
    second, third = EmbeddedPostgres.start(made_once), EmbeddedPostgres.start(made_once)
    for leaving in (first, second):
        leaving.stop()
        assert await ask(third, "SELECT 1") == 1
    third.stop()
    wait_until_gone(third.home)
    with pytest.raises(Unavailable):
        await ask(third, "SELECT 1")


async def test_a_server_started_by_a_process_that_is_gone_is_adopted(made_once: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from sql.embedded import EmbeddedPostgres; "
        "EmbeddedPostgres.start(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, str(made_once)], check=True, timeout=60, capture_output=True)  # noqa: ASYNC221
    adopted = EmbeddedPostgres.start(made_once)
    try:
        assert not adopted.started_here
        assert await ask(adopted, "SELECT 1") == 1
        adopted.stop()
        assert await ask(adopted, "SELECT 1") == 1
    finally:
        os.kill(postmaster(adopted.home), signal.SIGINT)
        wait_until_gone(adopted.home)


def wait_until_gone(home: Path) -> None:
    deadline = time.monotonic() + 20
    while embedded._running_port(home / "cluster") is not None:
        assert time.monotonic() < deadline
        os.sched_yield()


async def test_after_a_kill_the_stale_pid_is_no_hindrance(made_once: Path) -> None:
    killed = EmbeddedPostgres.start(made_once)
    os.kill(postmaster(killed.home), signal.SIGKILL)
    wait_until_gone(killed.home)
    assert (killed.home / "cluster" / "postmaster.pid").exists()
    again = EmbeddedPostgres.start(made_once)
    try:
        assert again.started_here
        assert await ask(again, "SELECT 1") == 1
    finally:
        again.stop()
    killed.stop()


async def test_a_stale_pid_that_now_belongs_to_a_stranger_is_no_hindrance(made_once: Path) -> None:
    server = EmbeddedPostgres.start(made_once)
    pid_file = server.home / "cluster" / "postmaster.pid"
    content = pid_file.read_text().splitlines()
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *content[1:]]) + "\n")
    again = EmbeddedPostgres.start(made_once)
    try:
        assert again.started_here
        assert await ask(again, "SELECT 1") == 1
    finally:
        again.stop()


def test_without_packages_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="apt install postgresql"):
        EmbeddedPostgres.start(tmp_path / "data", packages=tmp_path / "nothing")


def test_a_cluster_of_a_version_that_is_not_installed_is_refused(made_once: Path, tmp_path: Path) -> None:
    (tmp_path / "99" / "bin").mkdir(parents=True)
    (tmp_path / "99" / "bin" / "initdb").touch()
    with pytest.raises(BadInput, match=r"made by PostgreSQL \d+, which is not installed"):
        EmbeddedPostgres.start(made_once, packages=tmp_path)


def test_a_setting_the_server_refuses_is_told_with_its_last_words(made_once: Path) -> None:
    with pytest.raises(Unavailable, match=r"server\.log"):
        EmbeddedPostgres.start(made_once, settings={"shared_buffers": "a lot"})
    EmbeddedPostgres.start(made_once).stop()


def test_a_taken_port_is_left_for_another_one(made_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], embedded._free_port()])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))
        server = EmbeddedPostgres.start(made_once)
        server.stop()
        assert server.port != taken.getsockname()[1]


def test_a_home_that_is_closed_to_the_servers_user_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    reachable = new_folder()
    monkeypatch.setattr(embedded, "REACHABLE_FOR_ALL", reachable)
    data_dir = closed / "checkout" / ".data"
    try:
        server = EmbeddedPostgres.start(data_dir)
        server.stop()
        # Whoever is not root is the server's user himself.
        assert server.home.parent == (reachable if os.geteuid() == 0 else data_dir)
        assert closed.stat().st_mode & 0o777 == 0o700
        again = EmbeddedPostgres.start(data_dir)
        again.stop()
        assert again.home == server.home
    finally:
        shutil.rmtree(reachable)


async def test_an_interrupted_first_start_leaves_nothing_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_folder()
    real_run = embedded._run

    def cut(command: list[str], *args: object, **named: object) -> None:
        if "--single" in command:
            raise KeyboardInterrupt
        real_run(command, *args, **named)  # type: ignore[arg-type]

    try:
        with monkeypatch.context() as patch:
            patch.setattr(embedded, "_run", cut)
            with pytest.raises(KeyboardInterrupt):
                EmbeddedPostgres.start(folder)
        assert not (folder / "postgres" / "cluster").exists()
        server = EmbeddedPostgres.start(folder)
        try:
            assert await ask(server, "SELECT 1") == 1
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
