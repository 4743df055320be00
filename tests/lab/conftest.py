"""One lab for all tests of this category, started before any event loop and stopped after the last."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lab.network import Lab
from tests.lab.probe import Probe

_REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The project's data folder: the unpacked Asterisk is there, runs of the tests go beside the others."""
    return Path(os.environ.get("DIALER_DATA_DIR", _REPOSITORY / ".data"))


@pytest.fixture(scope="session")
def lab(data_dir: Path) -> Iterator[Lab]:
    with Lab.start(data_dir, agents=10) as running:
        yield running


@pytest.fixture
async def probe(lab: Lab) -> AsyncIterator[Probe]:
    """A bare ARI client with an application of its own; its calls end with the test."""
    async with Probe.connect(lab) as connected:
        yield connected
