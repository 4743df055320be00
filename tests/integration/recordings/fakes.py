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
    """outage: how many of the next calls fail. forget_reply: the next begin is written and its reply lost.

    hold: each begin waits for it.
    """

    rows: dict[AttemptId, StoredRow] = field(default_factory=dict)
    in_flight: set[AttemptId] = field(default_factory=set)
    bridged: dict[AttemptId, CampaignId] = field(default_factory=dict)
    outage: int = 0
    forget_reply: bool = False
    hold: asyncio.Event | None = None

    def _answer(self) -> None:
        if self.outage:
            self.outage -= 1
            raise Unavailable("database away")

    async def begin(self, attempt: AttemptId, campaign: CampaignId, path: str, at: datetime) -> None:
        if self.hold is not None:
            await self.hold.wait()
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

    async def unrecorded(self, attempts: Sequence[AttemptId]) -> Sequence[tuple[AttemptId, CampaignId | None]]:
        self._answer()
        over = [attempt for attempt in attempts if attempt not in self.rows and attempt not in self.in_flight]
        return [(attempt, self.bridged.get(attempt)) for attempt in over]


class SlowSwitch:
    """Records a channel from its answer on, one chunk whenever somebody waits; `sleep` is the pipeline's sleeper."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.chunks: dict[str, list[bytes]] = {}
        self.slept_s = 0.0

    def will_write(self, channel: str, *chunks: bytes) -> None:
        """The file's growth, one chunk per wait; b"" is a wait without growth. No chunks: no file at all."""
        self.chunks[channel] = list(chunks)

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        for channel, left in self.chunks.items():
            if left:
                with (self.spool / f"{channel}.raw").open("ab") as raw:
                    raw.write(left.pop(0))
        await asyncio.sleep(0)
