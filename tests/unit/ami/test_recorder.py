"""Where a recording may go, and what is sent for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from ami.client import AmiClient
from ami.recorder import MixMonitorRecorder
from domain.errors import BadInput, TelephonyError

pytestmark = pytest.mark.unit

_FOLDER = Path("/srv/.data/recordings")


class _Client:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, str]]] = []

    async def action(self, name: str, fields: Mapping[str, str]) -> dict[str, str]:
        self.sent.append((name, fields))
        return {}


async def test_recording_starts_with_both_sides_apart() -> None:
    client = _Client()
    recorder = MixMonitorRecorder(cast(AmiClient, client), _FOLDER)
    await recorder.start("pd-000000000001", _FOLDER / "2026/01/02/pd-000000000001.raw")
    assert client.sent == [
        (
            "MixMonitor",
            {
                "Channel": "pd-000000000001",
                "File": "/srv/.data/recordings/2026/01/02/pd-000000000001.raw",
                "options": "D",
            },
        )
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/srv/.data/recordings/x.wav",
        "/srv/.data/recordings/x",
        "/srv/.data/recordings/.raw",
        "/srv/.data/recordings/../x.raw",
        "/srv/.data/recordings/a/../../x.raw",
        "/srv/.data/recordings/.hidden/x.raw",
        "/srv/.data/recordings/a,b.raw",
        "/srv/.data/recordings/a b.raw",
        "/srv/.data/recordings/a;b.raw",
        "/srv/.data/recordings/$(id).raw",
        "/srv/.data/recordings/${SHELL(id)}.raw",
        "/srv/.data/recordings/x.raw\n",
        "/srv/.data/recordings/x\r\nCommand: id.raw",
        "/srv/.data/recordings/имя.raw",
        "/srv/.data/recordingsx/x.raw",
        "/srv/.data/recordings",
        "/etc/x.raw",
        "x.raw",
        "recordings/x.raw",
        "/srv/.data/recordings/" + "x" * 250 + ".raw",
    ],
)
async def test_path_outside_the_folder_or_not_plain_is_refused(path: str) -> None:
    client = _Client()
    with pytest.raises(TelephonyError):
        await MixMonitorRecorder(cast(AmiClient, client), _FOLDER).start("pd-000000000001", Path(path))
    assert client.sent == []


@pytest.mark.parametrize("channel", ["", "PJSIP/x-1", "pd-1\n", "pd 1", "-x", "pd-1,b", "x" * 81])
async def test_channel_that_is_no_id_is_refused(channel: str) -> None:
    client = _Client()
    with pytest.raises(TelephonyError):
        await MixMonitorRecorder(cast(AmiClient, client), _FOLDER).start(channel, _FOLDER / "x.raw")
    assert client.sent == []


@pytest.mark.parametrize("folder", ["recordings", "/srv/../etc", "/srv/a b", "/srv/a,b", "/"])
def test_folder_must_be_an_absolute_plain_path(folder: str) -> None:
    with pytest.raises(BadInput):
        MixMonitorRecorder(cast(AmiClient, _Client()), Path(folder))
