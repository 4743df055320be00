"""A store in memory and a switch that writes its raw files slowly, driven by the pipeline's own waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import AlreadyExists, Unavailable
from domain.ids import AttemptId, CampaignId
from domain.records import RecordingRow

FRAME = b"\x01\x00\x02\x00"


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@dataclass
class StoredRow:
    campaign: CampaignId
    path: str
    state: str = "recording"
    row: RecordingRow | None = None


@dataclass
class MemoryRecordingStore:
    """outage: how many of the next calls fail. forget_reply: the next begin is written and its reply lost."""

    rows: dict[AttemptId, StoredRow] = field(default_factory=dict)
    outage: int = 0
    forget_reply: bool = False

    def _answer(self) -> None:
        if self.outage:
            self.outage -= 1
            raise Unavailable("database away")

    async def begin(self, attempt: AttemptId, campaign: CampaignId, path: str, at: datetime) -> None:
        self._answer()
        if attempt in self.rows:
            raise AlreadyExists("recording exists")
        self.rows[attempt] = StoredRow(campaign, path)
        if self.forget_reply:
            self.forget_reply = False
            raise Unavailable("connection lost")

    async def stored(self, row: RecordingRow) -> None:
        self._answer()
        assert self.rows[row.attempt].state == "recording"
        self.rows[row.attempt].state = "stored"
        self.rows[row.attempt].row = row

    async def lost(self, attempt: AttemptId) -> None:
        self._answer()
        assert self.rows[attempt].state == "recording"
        self.rows[attempt].state = "lost"

    async def unfinished(self) -> Sequence[tuple[AttemptId, CampaignId, str]]:
        self._answer()
        return [(attempt, r.campaign, r.path) for attempt, r in self.rows.items() if r.state == "recording"]


class SlowSwitch:
    """A recorder that writes one chunk per file whenever somebody waits; `sleep` is the pipeline's sleeper."""

    def __init__(self) -> None:
        self.chunks: dict[str, list[bytes]] = {}
        self.files: dict[str, Path] = {}
        self.failure: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.slept_s = 0.0

    def will_write(self, channel: str, *chunks: bytes) -> None:
        """The file's growth, one chunk per wait; b"" is a wait without growth. No chunks: no file at all."""
        self.chunks[channel] = list(chunks)

    async def start(self, channel: str, path: Path) -> None:
        if self.hold is not None:
            await self.hold.wait()
        self.files[channel] = path
        if self.failure is not None:
            raise self.failure

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        for channel, path in self.files.items():
            if self.chunks.get(channel):
                chunk = self.chunks[channel].pop(0)
                with path.open("ab") as raw:
                    raw.write(chunk)
        await asyncio.sleep(0)
