"""Only the process that was meant is ever signalled."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from lab.processes import ProcessId

pytestmark = pytest.mark.unit


def test_a_process_is_known_by_its_id_and_its_start() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        process = ProcessId.of(sleeper.pid)
        assert process is not None
        assert process.alive
        assert not ProcessId(process.pid, process.started - 1).alive
        process.stop(5)
    assert not process.alive
    assert ProcessId.of(process.pid) is None


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as ended:
        while ProcessId.of(ended.pid) is not None:
            time.sleep(0.01)
        assert ended.returncode is None


def test_another_process_with_the_same_id_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        process = ProcessId.of(sleeper.pid)
        assert process is not None
        ProcessId(process.pid, process.started - 1).stop(0.1)
        assert process.alive
        process.stop(5)


def test_one_that_does_not_listen_is_killed() -> None:
    command = ["sh", "-c", "trap '' TERM; echo ready; while true; do sleep 60; done"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as stubborn:
        assert stubborn.stdout is not None
        assert stubborn.stdout.readline() == b"ready\n"
        process = ProcessId.of(stubborn.pid)
        assert process is not None
        process.stop(0.1)
        assert not process.alive
        os.killpg(stubborn.pid, 9)  # its sleep


def test_stopping_what_is_gone_does_nothing() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    ProcessId(ended.pid, 1).stop(0.1)
