from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from domain.errors import NotFound
from domain.ids import AttemptId, CampaignId
from domain.outcome import Outcome
from domain.records import IntentOrder, RecordingRow
from sql.dialing import PgDialStore
from sql.recordings import PgRecordingStore
from tests.builders import at, make_agent, make_campaign, make_engine, make_final

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


async def test_a_raw_file_is_due_for_a_recording_only_after_a_conversation_that_has_none(pool: asyncpg.Pool) -> None:
    store, dialing = PgRecordingStore(pool), PgDialStore(pool)
    campaign = await make_campaign(pool)
    agent = await make_agent(pool, campaign)
    engine = await make_engine(pool, campaign)
    for _ in range(5):
        await campaign.lead()
    claimed = await dialing.claim(campaign.id, engine, 5, [])
    talked, unbridged, recorded, in_flight, only_claimed = claimed
    intents = [IntentOrder(one.attempt, None) for one in (talked, unbridged, recorded, in_flight)]
    await dialing.intend(engine, "node1", "boot1", 3, 3, 2, intents)
    when = at(9)
    finals = [
        make_final(
            one,
            engine,
            when,
            agent=agent if bridged else None,
            outcome=Outcome.ANSWERED if bridged else Outcome.ABANDONED,
            answered_at=when.replace(second=2),
            bridged_at=when.replace(second=3) if bridged else None,
        )
        for one, bridged in ((talked, True), (unbridged, False), (recorded, True))
    ]
    await dialing.finish(finals)
    await store.begin(recorded.attempt, campaign.id, "1.wav", when)
    unknown = AttemptId(999_999_999_999)
    attempts = [one.attempt for one in claimed]
    assert await store.unrecorded([*attempts, unknown]) == [
        (talked.attempt, campaign.id),
        (unbridged.attempt, None),
        (unknown, None),
    ]
    assert await store.unrecorded([in_flight.attempt, only_claimed.attempt, recorded.attempt]) == []
    assert await store.unrecorded([]) == []
