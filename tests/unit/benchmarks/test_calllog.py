from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.calllog import Times, answer_to_bridge

pytestmark = pytest.mark.unit


def log_of(folder: Path, *events: tuple[str, float, str, str]) -> Path:
    path = folder / "calls.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        for event, at, channel, bridge in events:
            more = json.dumps({"bridge_id": bridge}) if bridge else ""
            writer.writerow([event, f"{at:.6f}", "", "s", "PJSIP/x", channel, channel, more])
    return path


def test_the_wait_ends_when_both_are_in_the_bridge(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        ("ANSWER", 10.0, "ag-1", ""),
        ("BRIDGE_ENTER", 10.1, "ag-1", "ab-1"),
        ("ANSWER", 20.0, "pd-1", ""),
        ("BRIDGE_ENTER", 20.004, "pd-1", "ab-1"),
        ("ANSWER", 30.0, "pd-2", ""),
        ("BRIDGE_ENTER", 30.001, "pd-2", "ab-2"),
        ("BRIDGE_ENTER", 30.25, "ag-2", "ab-2"),
        ("ANSWER", 40.0, "pd-3", ""),
        ("ANSWER", 50.0, "pd-4", ""),
        ("BRIDGE_ENTER", 50.001, "pd-4", "alone"),
    )
    assert answer_to_bridge(log, "pd-") == pytest.approx({"pd-1": 4.0, "pd-2": 250.0})


def test_percentiles_are_values_that_were_measured() -> None:
    times = Times([float(value) for value in range(30, 0, -1)])
    assert (times.median, times.p95, times.max) == (15.0, 29.0, 30.0)
    assert (Times([7.0]).median, Times([7.0]).p95) == (7.0, 7.0)
