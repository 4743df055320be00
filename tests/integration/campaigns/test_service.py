from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from campaigns.dnc import DncSource, add_number, import_dnc, remove_number
from campaigns.loading.load import LoadRequest, load_base
from campaigns.service import CampaignRequest, change_rules, create_campaign, refresh_hours, start_campaign
from domain.errors import AlreadyExists, BadInput, NotFound
from domain.outcome import Temperature
from lab.base import EXPECTED_REJECTS, write_base
from lab.stories import LEADS
from sql.bases import PgBaseStore
from sql.campaigns import PgCampaignStore
from sql.dnc import PgDncStore

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WHY = DncSource(client=None, reason="asked by letter", added_by="ann")
LAB = CampaignRequest("Bricks", "august", "lab", "power", "lab", trunk_is_lab=True, abandon_message="sound:sorry")


class MovableClock:
    at = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


async def test_the_whole_way_of_the_lab_base(pool: asyncpg.Pool, tmp_path: Path) -> None:
    base, stop = write_base(tmp_path)
    campaign = await create_campaign(PgCampaignStore(pool), LAB)
    dnc = await import_dnc(PgDncStore(pool), stop, WHY)
    assert (dnc.rows, dnc.added, dnc.known, dnc.rejects) == (15, 15, 0, {})
    request = LoadRequest(base, campaign, "main", Temperature.COLD, "maria", tmp_path)
    report = await load_base(PgBaseStore(pool), MovableClock(), request)
    assert (report.counts.accepted, report.counts.zone_unknown) == (LEADS, 0)
    assert report.counts.rejects == EXPECTED_REJECTS
    started = await start_campaign(PgCampaignStore(pool), MovableClock(), "august", trunk_is_lab=True)
    assert started.id == campaign
    assert await pool.fetchval("SELECT state FROM campaign") == "running"
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == LEADS


async def test_what_may_not_be_created(pool: asyncpg.Pool) -> None:
    store = PgCampaignStore(pool)
    for wrong in (
        replace(LAB, trunk_is_lab=False),
        replace(LAB, preset="tepid"),
        replace(LAB, caller_id="+7495"),
        replace(LAB, caller_id="Bricks"),
        replace(LAB, name=" "),
        replace(LAB, mode="wild"),
        replace(LAB, overrides={"ring_timeout_s": 0}),
    ):
        with pytest.raises(BadInput):
            await create_campaign(store, wrong)
    await create_campaign(store, LAB)
    with pytest.raises(AlreadyExists):
        await create_campaign(store, LAB)


async def test_power_needs_a_message_and_progressive_does_not(pool: asyncpg.Pool) -> None:
    store = PgCampaignStore(pool)
    await create_campaign(store, replace(LAB, abandon_message=None))
    with pytest.raises(BadInput, match="message"):
        await start_campaign(store, MovableClock(), "august", trunk_is_lab=True)
    await create_campaign(store, replace(LAB, name="calm", mode="progressive", abandon_message=None))
    await start_campaign(store, MovableClock(), "calm", trunk_is_lab=True)
    with pytest.raises(BadInput, match="lab"):
        await start_campaign(store, MovableClock(), "calm", trunk_is_lab=False)
    with pytest.raises(NotFound):
        await start_campaign(store, MovableClock(), "none", trunk_is_lab=True)


async def test_hours_follow_the_rules_and_the_clock(pool: asyncpg.Pool, tmp_path: Path) -> None:
    store, clock = PgCampaignStore(pool), MovableClock()
    campaign = await create_campaign(store, replace(LAB, preset="cold"))
    path = tmp_path / "base.csv"
    path.write_text("phone;city\n79001112233;Москва\n", encoding="utf-8")
    await load_base(PgBaseStore(pool), clock, LoadRequest(path, campaign, "main", Temperature.COLD, "maria", tmp_path))
    spans = "SELECT opens_at, closes_at FROM open_interval ORDER BY opens_at"
    assert len(await pool.fetch(spans)) == 11
    clock.at = NOW + timedelta(days=14)
    await refresh_hours(store, clock, await store.by_name("august"))
    latest = await pool.fetch(spans)
    assert latest[-1]["closes_at"] > clock.at + timedelta(days=10)
    row = await store.by_name("august")
    version = await change_rules(
        store, clock, row, {"window": {"mon": ["10:00-11:00"]}, "max_lines": 4}, trunk_is_lab=False
    )
    assert version == row.rules_version + 1
    future = [tuple(span) for span in await pool.fetch(spans) if span["closes_at"] > clock.at]
    # Monday 16 March in Moscow, 11:00 already: only the next Monday and the one before the fortnight ends.
    assert [opens.isoformat() for opens, _ in future] == ["2026-03-23T07:00:00+00:00", "2026-03-30T07:00:00+00:00"]
    assert (await store.by_name("august")).rules["max_lines"] == 4


async def test_do_not_call_by_file_and_by_hand(pool: asyncpg.Pool, tmp_path: Path) -> None:
    store, path = PgDncStore(pool), tmp_path / "stop.csv"
    path.write_text("Телефон\n8 900 111 22 33\n+79001112233\n89001112234\n112\n", encoding="cp1251")
    first = await import_dnc(store, path, WHY)
    assert (first.rows, first.added, first.known) == (4, 2, 1)
    assert (first.rejects, first.first_bad_line) == ({"emergency or short number": 1}, 5)
    again = await import_dnc(store, path, WHY)
    assert (again.added, again.known) == (0, 3)
    assert not await add_number(store, "8 (900) 111-22-33", WHY)
    assert await add_number(store, "8 (900) 111-22-35", WHY)
    await remove_number(store, "89001112235", None)
    with pytest.raises(NotFound):
        await remove_number(store, "89001112235", None)
    with pytest.raises(BadInput):
        await add_number(store, "112", WHY)
    with pytest.raises(BadInput, match="reason"):
        await add_number(store, "89001112235", replace(WHY, reason=" "))
    with pytest.raises(NotFound):
        await add_number(store, "89001112235", replace(WHY, client="Nobody"))
    entries = await store.entries(10)
    assert {(entry.number, entry.reason, entry.added_by) for entry in entries} == {
        ("79001112233", "asked by letter", "ann"),
        ("79001112234", "asked by letter", "ann"),
    }
