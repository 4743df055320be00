"""An engine is killed in mid-call; the next one puts everything in order and goes on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from campaigns.presets import preset
from domain.errors import Unavailable
from domain.outcome import AgentState, Outcome
from lab.network import Lab
from tests.builders import Campaign, make_campaign
from tests.lab.probe import Probe, cel_rows
from tests.lab.scene import number, scene, settings_for

pytestmark = pytest.mark.lab

RETRY_S = 60.0
RULES = {
    "retry": {outcome: {"delays_s": [RETRY_S]} for outcome in ("UNKNOWN", "NO_ANSWER")},
    "max_attempts": 3,
    "wrapup_limit_s": 2,
}


@asynccontextmanager
async def engine_process(lab: Lab, folder: Path, dsn: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`dialer run` in a process of its own, killed at the end of the block without any notice."""
    told = settings_for(lab, folder, dsn).model_dump(exclude_none=True)
    secret = {"dsn": dsn, "ari_secret": lab.ari.secret, "ami_secret": lab.ami.secret}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from dialer.cli import main; main()",
        "run",
        env={**os.environ, **{f"DIALER_{name.upper()}": str(value) for name, value in {**told, **secret}.items()}},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ready_agents(lab: Lab, pool: asyncpg.Pool, campaign: Campaign, count: int) -> None:
    for endpoint in lab.agent_endpoints[:count]:
        agent = await pool.fetchval(
            "INSERT INTO agent (login, name, endpoint, wanted) VALUES ($1, $1, $1, 'ready') RETURNING id", endpoint
        )
        await pool.execute("INSERT INTO campaign_agent VALUES ($1, $2)", campaign.id, agent)


async def legs(probe: Probe) -> set[str]:
    async with probe.http.get(f"{probe.lab.ari.base_url}/ari/channels") as reply:
        return {channel["id"] for channel in await reply.json() if channel["id"][:3] in ("pd-", "ag-")}


async def until_customers_talk(probe: Probe, count: int) -> set[str]:
    """The legs on the switch, once so many customers are in bridges with agents and all others ring."""
    async with asyncio.timeout(20):
        while True:
            async with probe.http.get(f"{probe.lab.ari.base_url}/ari/bridges") as reply:
                talking = [bridge for bridge in await reply.json() if len(bridge["channels"]) == 2]
            present = await legs(probe)
            if len(talking) == count and sum(leg.startswith("pd-") for leg in present) == count + 1:
                return present
            await asyncio.sleep(0.05)


async def until_nothing_in_flight(pool: asyncpg.Pool, engine: int) -> None:
    async with asyncio.timeout(20):
        while True:
            if not await pool.fetchval("SELECT count(*) FROM inflight WHERE engine_id = $1", engine):
                return
            await asyncio.sleep(0.1)


async def test_after_kill_9_rows_are_closed_legs_are_gone_and_agents_work_again(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, probe: Probe
) -> None:
    rules = preset("lab", RULES).to_document()
    old = await make_campaign(pool, trunk=lab.trunk, rules=rules)
    numbers = [number("1900"), number("1900"), number("3100")]
    leads = [await old.lead(number=one) for one in numbers]
    # the third attempt of the one who rings
    await pool.execute("UPDATE lead SET counted_attempts = 2 WHERE id = $1", leads[2])
    await ready_agents(lab, pool, old, 3)
    async with engine_process(lab, tmp_path, database):
        left = await until_customers_talk(probe, 2)
    assert await pool.fetchval("SELECT count(*) FROM inflight WHERE state = 'intent'") == 3
    dead = await pool.fetchval("SELECT id FROM engine")
    # It also has to end what a campaign that nobody runs any more left behind.
    await pool.execute("UPDATE campaign SET state = 'paused' WHERE id = $1", old.id)

    async with scene(lab, tmp_path, database, pool, ["7002"] * 3, agents=3, rules={"wrapup_limit_s": 2}) as stage:
        await stage.until(lambda: len(stage.finals) >= 3)
        await until_nothing_in_flight(pool, dead)
        assert not left & await legs(probe)
        rows = await stage.attempts()
    assert [row["outcome"] for row in rows] == [Outcome.ANSWERED] * 3
    closed = await pool.fetch("SELECT * FROM attempt WHERE campaign_id = $1", old.id)
    assert [(row["outcome"], row["counted"], row["engine_id"]) for row in closed] == [("UNKNOWN", True, dead)] * 3
    states = dict(await pool.fetch("SELECT id, state FROM lead WHERE campaign_id = $1", old.id))
    assert states == {leads[0]: "queued", leads[1]: "queued", leads[2]: "exhausted"}
    soonest = await pool.fetchval("SELECT min(due_at) FROM dial_queue WHERE campaign_id = $1", old.id)
    assert soonest >= max(row["ended_at"] for row in closed) + timedelta(seconds=RETRY_S)
    calls = [row for one in numbers for row in cel_rows(lab.cel_network, extension=str(one)) if row[0] == "CHAN_START"]
    assert len(calls) == 3
    assert await legs(probe) == set()


async def test_an_engine_that_was_taken_for_dead_stops(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    async def be_buried_in_mid_call() -> None:
        async with scene(lab, tmp_path, database, pool, ["1900"], agents=1) as stage:
            await stage.until(lambda: stage.in_state(AgentState.TALKING) == 1)
            await pool.execute("UPDATE engine SET ended_at = app_now()")
            await stage.until(lambda: len(stage.finals) == 1)

    with pytest.raises(Unavailable, match="taken its place"):
        await be_buried_in_mid_call()
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0
