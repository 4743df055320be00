"""The rules of a running campaign, as its rows and the network's call log show them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from campaigns.presets import preset
from domain.ids import AgentId, LeadId
from domain.outcome import AgentState
from lab.network import Lab
from sql.campaigns import PgCampaignStore
from tests.builders import now
from tests.lab.probe import cel_rows
from tests.lab.scene import Scene, number, scene

pytestmark = pytest.mark.lab

ONCE = {"retry": {"NO_ANSWER": {"delays_s": [600]}}}
EAGER = {"abandon_target": 1.0, "abandon_limit": 1.0, "no_agent_limit_s": 1.0}


async def agent_ids(stage: Scene) -> list[AgentId]:
    rows = await stage.pool.fetch(
        "SELECT agent_id FROM campaign_agent WHERE campaign_id = $1 ORDER BY agent_id", stage.campaign.id
    )
    return [AgentId(row["agent_id"]) for row in rows]


async def rows_of(stage: Scene, lead: LeadId) -> list[asyncpg.Record]:
    return [row for row in await stage.attempts() if row["lead_id"] == lead]


async def set_rules(stage: Scene, **rules: Any) -> datetime:
    document = preset("lab", {"wrapup_limit_s": 2, **rules}).to_document()
    await PgCampaignStore(stage.pool).set_rules(stage.campaign.id, document)
    return await now(stage.pool)


def rings(lab: Lab, dialled: int) -> int:
    return sum(row[0] == "CHAN_START" for row in cel_rows(lab.cel_network, extension=str(dialled)))


async def test_a_personal_promise_is_kept_by_its_agent_although_others_wait(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    behaviours = ["7005"] * 24
    async with scene(lab, tmp_path, database, pool, behaviours, agents=2, mode="power", sign_on=False) as stage:
        await stage.sign_on(2)
        mine = (await agent_ids(stage))[1]
        due = await now(pool) + timedelta(seconds=3)
        lead = await stage.campaign.lead(number=number("7005"), due_at=due + timedelta(hours=1))
        await stage.campaign.promise(lead, mine, due, personal=True, tolerance_s=5)
        await stage.until(lambda: any(final.lead == lead for final in stage.finals))
        [row] = await rows_of(stage, lead)
        waited = await pool.fetchval("SELECT count(*) FROM dial_queue WHERE due_at < $1", due)
    assert (row["outcome"], row["agent_id"], row["pacing"]["reason"]) == ("ANSWERED", mine, "with_agent")
    assert due <= row["started_at"] < due + timedelta(seconds=5)
    assert waited
    assert await pool.fetchval("SELECT state FROM promise WHERE lead_id = $1", lead) == "kept"


async def test_in_the_second_half_of_the_tolerance_anybody_keeps_a_promise(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    async with scene(lab, tmp_path, database, pool, [], agents=2, sign_on=False) as stage:
        here, away = await agent_ids(stage)
        await stage.sign_on(1)
        due = await now(pool)
        lead = await stage.campaign.lead(number=number("7002"), due_at=due + timedelta(hours=1))
        await stage.campaign.promise(lead, away, due, personal=True, tolerance_s=1.5)
        await stage.until(lambda: len(stage.finals) == 1)
        [row] = await rows_of(stage, lead)
    assert (row["outcome"], row["agent_id"]) == ("ANSWERED", here)
    assert due + timedelta(seconds=1.5) <= row["started_at"] < due + timedelta(seconds=5)
    assert await pool.fetchval("SELECT state FROM promise WHERE lead_id = $1", lead) == "kept"


async def test_after_an_abandoned_call_the_next_one_has_its_agent_beforehand(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    rules = {**EAGER, "lines_per_agent": 3, "after_abandon_s": 0.5}
    async with scene(lab, tmp_path, database, pool, ["1900"] * 2, mode="power", rules=rules) as stage:
        await stage.until(lambda: len(stage.finals) == 1)
        [abandoned] = stage.finals
        assert abandoned.outcome == "ABANDONED"
        await asyncio.sleep(2)  # it is due, the agent talks: nothing may happen in this time
        assert len(stage.running.engine.calls) == 1
        [agent] = await agent_ids(stage)
        freed_at = await now(pool)
        stage.running.engine.floor.hang_up_customer(agent)
        await stage.until(lambda: len(stage.finals) == 2 and stage.in_state(AgentState.TALKING) == 1)
    rows = await pool.fetch("SELECT * FROM attempt WHERE lead_id = $1 ORDER BY started_at", abandoned.lead)
    assert [row["outcome"] for row in rows] == ["ABANDONED", "ANSWERED"]
    assert rows[1]["pacing"]["reason"] == "with_agent"
    assert rows[1]["started_at"] > freed_at
    reserved = await pool.fetchrow(
        "SELECT * FROM agent_interval WHERE state = 'reserved' AND attempt_id = $1", rows[1]["id"]
    )
    assert reserved["from_at"] < rows[1]["answered_at"]


async def test_a_number_that_joins_the_do_not_call_list_while_it_waits_in_the_hopper_is_not_dialled(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    async with scene(lab, tmp_path, database, pool, ["1900"]) as stage:
        await stage.until(lambda: stage.in_state(AgentState.TALKING) == 1)
        stopped = number("7002")
        lead = await stage.campaign.lead(number=stopped)
        await until_state(stage, lead, "inflight")
        await pool.execute("INSERT INTO dnc (e164, reason, added_by) VALUES ($1, 'asked', 'tests')", stopped)
        [agent] = await agent_ids(stage)
        stage.running.engine.floor.hang_up_customer(agent)
        await until_state(stage, lead, "dnc")
    [row] = await pool.fetch("SELECT * FROM attempt WHERE lead_id = $1", lead)
    assert (row["outcome"], row["counted"]) == ("BLOCKED_DNC", False)
    assert rings(lab, stopped) == 0


async def until_state(stage: Scene, lead: LeadId, state: str) -> None:
    async with asyncio.timeout(20):
        while True:
            if await stage.pool.fetchval("SELECT state FROM lead WHERE id = $1", lead) == state:
                return
            await asyncio.sleep(0.05)


async def test_numbers_of_a_country_that_the_rules_no_longer_name_are_not_dialled(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    dialled, short = number("7002"), 7002
    async with scene(lab, tmp_path, database, pool, [], sign_on=False) as stage:
        await set_rules(stage, countries=["380", "70"])
        leads = [await stage.campaign.lead(number=one) for one in (dialled, short)]
        await stage.sign_on(1)
        for lead in leads:
            await until_state(stage, lead, "blocked")
        assert stage.in_state(AgentState.READY) == 1
    rows = await pool.fetch("SELECT outcome, counted, pacing FROM attempt ORDER BY lead_id")
    assert [(row["outcome"], row["counted"], row["pacing"]["blocked_by"]) for row in rows] == [
        ("NOT_PLACED", False, "countries"),
        ("NOT_PLACED", False, "number_length"),
    ]
    assert rings(lab, dialled) == 0
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0


async def test_a_pause_stops_new_calls_within_a_second_and_a_resume_goes_on(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    async with scene(lab, tmp_path, database, pool, ["7002"] * 60, agents=3, mode="power") as stage:
        await stage.until(lambda: len(stage.finals) >= 3)
        await pool.execute("UPDATE campaign SET state = 'paused'")
        paused_at = await now(pool)
        await stage.until(lambda: stage.campaign.id not in stage.running.engine.loops)
        await stage.until(lambda: len(stage.running.engine.calls) == 0)
        assert await pool.fetchval("SELECT count(*) FROM lead WHERE state = 'inflight'") == 0
        await asyncio.sleep(1.5)  # nothing may be placed in this time, so there is nothing to wait for
        last = await pool.fetchval("SELECT max(started_at) FROM attempt")
        resumed_at = await now(pool)
        await pool.execute("UPDATE campaign SET state = 'running'")
        await stage.until(lambda: any(final.started_at > resumed_at for final in stage.finals))
    assert last - paused_at < timedelta(seconds=1)


async def test_lower_caps_of_a_running_campaign_take_effect_within_a_second(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    wild = {**ONCE, "lines_per_agent": 10, "calls_per_second": 20, "max_lines": 40, "ring_timeout_s": 2}
    async with scene(lab, tmp_path, database, pool, ["3100"] * 150, agents=4, mode="power", rules=wild) as stage:
        await stage.until(lambda: len(stage.finals) >= 20)
        slow_at = await set_rules(stage, **{**wild, "calls_per_second": 4})
        await until_passed(pool, slow_at + timedelta(seconds=4))
        few_at = await set_rules(stage, **{**wild, "max_lines": 3})
        await until_passed(pool, few_at + timedelta(seconds=7))
        rows = await stage.attempts()
    starts = [row["started_at"] for row in rows]
    assert busiest(starts) <= 20
    assert 1 < busiest([at for at in starts if slow_at + timedelta(seconds=1) < at < few_at]) <= 4
    # Calls that rang already ring on; new ones wait until fewer than three are up.
    late = [row for row in rows if row["started_at"] > few_at + timedelta(seconds=1)]
    assert late
    for row in late:
        at = row["started_at"]
        assert sum(other["started_at"] <= at < other["ended_at"] for other in rows) <= 3


def busiest(starts: Sequence[datetime]) -> int:
    """The most starts in any window of one second."""
    ordered = sorted(starts)
    return max((sum(at <= one < at + timedelta(seconds=1) for one in ordered) for at in ordered), default=0)


async def until_passed(pool: asyncpg.Pool, moment: datetime) -> None:
    await asyncio.sleep((moment - await now(pool)).total_seconds())


async def test_no_call_is_placed_after_the_window_has_closed(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    async with scene(lab, tmp_path, database, pool, ["7002"] * 60, agents=2, mode="power") as stage:
        await stage.until(lambda: len(stage.finals) >= 2)
        closes = await now(pool) + timedelta(seconds=1)
        await pool.execute("UPDATE open_interval SET closes_at = $1 WHERE closes_at > $1", closes)
        await until_passed(pool, closes + timedelta(seconds=1.5))
        await stage.until(lambda: len(stage.running.engine.calls) == 0)
        await stage.until(lambda: stage.running.engine.loops[stage.campaign.id].reason == "no_leads")
        rows = await stage.attempts()
    placed = [row["started_at"] for row in rows]
    assert closes - timedelta(seconds=0.5) < max(placed) < closes
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") > 0
