from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from domain.errors import NotFound
from domain.ids import AttemptId, CampaignId
from domain.records import RecordingRow
from sql.recordings import PgRecordingStore
from tests.builders import at

pytestmark = pytest.mark.integration

ONE, TWO, CAMPAIGN = AttemptId(1), AttemptId(2), CampaignId(1)
ROW = RecordingRow(ONE, CAMPAIGN, "2026/03/1.wav", 4000, 2500, b"\x01" * 32)


async def test_a_recording_is_unfinished_until_it_is_stored_or_lost(pool: asyncpg.Pool) -> None:
    store = PgRecordingStore(pool)
    await store.begin(TWO, CAMPAIGN, "2.wav", at(9))
    await store.begin(ONE, CAMPAIGN, "1.wav", at(10))
    await store.begin(ONE, CAMPAIGN, "other.wav", at(11))
    assert await store.unfinished() == [(ONE, CAMPAIGN, "1.wav"), (TWO, CAMPAIGN, "2.wav")]
    await store.stored(ROW)
    await store.stored(ROW)
    await store.lost(TWO)
    assert await store.unfinished() == []
    row = await pool.fetchrow("SELECT * FROM recording WHERE attempt_id = 1")
    assert (row["state"], row["path"], row["bytes"], row["duration_ms"], row["sha256"], row["started_at"]) == (
        "stored",
        "2026/03/1.wav",
        4000,
        2500,
        b"\x01" * 32,
        at(10),
    )
    assert row["stored_at"] is not None


async def test_what_is_stored_is_not_lost_and_what_was_lost_may_be_found(pool: asyncpg.Pool) -> None:
    store = PgRecordingStore(pool)
    await store.begin(ONE, CAMPAIGN, "1.wav", at(10))
    await store.stored(ROW)
    await store.lost(ONE)
    await store.begin(TWO, CAMPAIGN, "2.wav", at(10))
    await store.lost(TWO)
    await store.stored(replace(ROW, attempt=TWO))
    assert {row["state"] for row in await pool.fetch("SELECT state FROM recording")} == {"stored"}
    with pytest.raises(NotFound):
        await store.stored(replace(ROW, attempt=AttemptId(99)))
