"""A run whose private server was stopped with it is verified all the same."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sql.embedded import EmbeddedPostgres
from sql.migrate import migrate
from tests.integration.witness.scene import consistent, insert, network_log, switch_log, write_run
from witness.server import NoServer, home_of, running
from witness.verify import main

pytestmark = pytest.mark.integration


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dialer-witness-"))  # pytest's own is closed to the server's user
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def demo(data_dir: Path) -> Path:
    """A finished run of this data folder, its server still running; returns its run.json."""
    folder = data_dir / "demo" / "1"
    folder.mkdir(parents=True)
    run = write_run(folder, "", network_log(consistent()), switch_log(consistent()))
    document = json.loads(run.read_text())
    del document["dsn"]
    run.write_text(json.dumps({**document, "database": "dialer"}))
    return run


def test_the_server_is_started_for_the_verification_and_stopped_again(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = demo(data_dir)
    server = EmbeddedPostgres.start(data_dir)
    try:
        asyncio.run(migrate(server.dsn()))
        asyncio.run(insert(server.dsn(), consistent()))
        assert main([str(run)]) == 0  # beside a server that runs
        asyncio.run(migrate(server.dsn()))  # which still does
    finally:
        server.stop()
    monkeypatch.setenv("DIALER_DATA_DIR", str(data_dir))
    assert main([]) == 0
    pid_file = home_of(data_dir) / "cluster" / "postmaster.pid"
    assert not pid_file.exists()
    assert "checks passed" in capsys.readouterr().out
    with running(home_of(data_dir), "dialer"):
        assert pid_file.exists()
    assert not pid_file.exists()


def test_without_a_server_the_run_cannot_be_read(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = demo(data_dir)
    assert main([str(run)]) == 2
    assert "PostgreSQL" in capsys.readouterr().err
    with pytest.raises(NoServer):
        home_of(data_dir)


def test_a_cluster_that_does_not_start_is_told(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = demo(data_dir)
    server = EmbeddedPostgres.start(data_dir)
    server.stop()
    (home_of(data_dir) / "cluster" / "global" / "pg_control").unlink()
    assert main([str(run)]) == 2
    assert "server.log" in capsys.readouterr().err
