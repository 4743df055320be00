"""Parts of the world fail under a running engine: the switch, the link to it, the database, a telephone."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from yarl import URL

from dialer.call import CallState
from domain.ids import AttemptId, customer_channel
from domain.outcome import AgentState
from lab.network import Lab
from sql.pool import connect_pool
from tests.builders import make_campaign
from tests.lab.probe import Probe
from tests.lab.proxy import proxy
from tests.lab.scene import Scene, scene

pytestmark = pytest.mark.lab

RETRY_S = 4.0
LATER = {
    "retry": {outcome: {"delays_s": [RETRY_S]} for outcome in ("NODE_LOST", "UNKNOWN", "NO_ANSWER")},
    "repeat": {"DISPO_TIMEOUT": {"delay_s": RETRY_S, "repeats": 1}},
}


def talking(stage: Scene, count: int = 1) -> bool:
    return stage.in_state(AgentState.TALKING) == count


async def hang_up_agent(lab: Lab, probe: Probe, stage: Scene) -> None:
    """The agent's telephone hangs up, by itself, on the network's side."""
    network = next(one for one in lab.instances if one.name == "network")
    [agent] = stage.running.engine.floor.agents_of(stage.campaign.id)
    name = stage.running.engine.floor.row(agent.id).endpoint
    told = await asyncio.to_thread(network.cli, "core show channels concise") or ""
    legs = [line.split("!")[0] for line in told.splitlines() if name in line]
    assert legs, told
    await asyncio.to_thread(network.cli, f"channel request hangup {legs[0]}")


async def test_a_switch_that_was_killed_in_mid_call_is_dialled_through_again(
    data_dir: Path, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    with Lab.start(data_dir, agents=2) as lab:
        switch = next(one for one in lab.instances if one.name == "switch")
        async with scene(lab, tmp_path, database, pool, ["1900", "1900", "7002"], agents=2, rules=LATER) as stage:
            await stage.until(lambda: talking(stage, 2))
            assert switch.process is not None
            os.kill(switch.process.pid, signal.SIGKILL)
            await asyncio.to_thread(switch.stop)
            await asyncio.to_thread(switch.start)
            await stage.until(lambda: len(stage.finals) == 2, 20)
            assert [(final.outcome, final.counted) for final in stage.finals] == [("NODE_LOST", True)] * 2
            await stage.until(lambda: len(stage.finals) == 3 and talking(stage, 2), 30)
            assert stage.finals[2].outcome == "ANSWERED"
    every = await pool.fetch("SELECT lead_id, started_at, ended_at, outcome FROM attempt ORDER BY lead_id, started_at")
    for earlier, later in itertools.pairwise(every):
        if earlier["lead_id"] == later["lead_id"]:
            assert later["started_at"] - earlier["ended_at"] >= timedelta(seconds=RETRY_S)


async def test_calls_that_are_up_while_the_link_is_cut_are_adopted_and_not_doubled(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, probe: Probe
) -> None:
    address = URL(lab.ari.base_url)
    async with proxy(str(address.host), int(address.port or 0)) as link:
        through = {"ari_url": f"http://127.0.0.1:{link.port}"}
        # Two talk on, a third one ends while nobody listens.
        async with scene(lab, tmp_path, database, pool, ["1900", "1900", "1503"], agents=3, settings=through) as stage:
            await stage.until(lambda: talking(stage, 3))
            before = {actor.context.lead.attempt for actor in stage.running.engine.calls.all()}
            link.cut()
            await stage.until(lambda: not stage.running.telephony.is_up)
            await until_up(probe, before, 2)
            link.mend()
            await stage.until(lambda: len(stage.finals) == 1, 20)
            assert talking(stage, 2)
            assert {actor.context.lead.attempt for actor in stage.running.engine.calls.all()} < before
            [final] = stage.finals
            assert (final.outcome, final.counted) == ("ANSWERED", True)
            await stage.until(lambda: stage.in_state(AgentState.READY) == 1)
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 3
    assert await pool.fetchval("SELECT count(*) FROM lead WHERE state IN ('inflight', 'wrapup')") == 0


async def until_up(probe: Probe, attempts: set[AttemptId], count: int) -> None:
    """Until the switch shows so many of these calls."""
    names = {customer_channel(attempt) for attempt in attempts}
    async with asyncio.timeout(20):
        while True:
            async with probe.http.get(f"{probe.lab.ari.base_url}/ari/channels") as reply:
                if sum(channel["id"] in names for channel in await reply.json()) == count:
                    return
            await asyncio.sleep(0.1)


async def test_an_agents_leg_that_ended_while_the_link_was_cut_gets_no_customer(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, probe: Probe
) -> None:
    address = URL(lab.ari.base_url)
    async with proxy(str(address.host), int(address.port or 0)) as link:
        through = {"ari_url": f"http://127.0.0.1:{link.port}"}
        async with scene(lab, tmp_path, database, pool, [], settings=through) as stage:
            await stage.until(lambda: stage.in_state(AgentState.READY) == 1)
            [agent] = stage.running.engine.floor.agents_of(stage.campaign.id)
            link.cut()
            await stage.until(lambda: not stage.running.telephony.is_up)
            await probe.request("DELETE", f"channels/{agent.channel}")
            link.mend()
            floor = stage.running.engine.floor
            await stage.until(lambda: floor.agent(agent.id).shift > agent.shift, 20)
            await stage.until(lambda: stage.in_state(AgentState.READY) == 1)
    assert await pool.fetchval("SELECT count(*) FROM shift WHERE ended_at IS NULL") == 0


async def test_without_a_database_conversations_go_on_and_no_new_call_is_placed(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    address = URL(database)
    async with proxy(str(address.host), int(address.port or 0)) as link:
        dsn = str(address.with_port(link.port))
        through = await connect_pool(dsn, application_name="dialer-tests")
        try:
            numbers = ["1900", "1506", "7002", "7002", "7002"]
            async with scene(lab, tmp_path, dsn, through, numbers, agents=2) as stage:
                await stage.until(lambda: talking(stage, 2))
                link.cut()
                cut_at = await pool.fetchval("SELECT app_now()")
                # One conversation ends, and is wrapped up, while nothing can be written.
                await stage.until(lambda: len(stage.finals) >= 1, 20)
                assert talking(stage, 1)
                await asyncio.sleep(3)  # nothing may be placed in this time, so there is nothing to wait for
                assert len(stage.running.engine.calls) == 1
                assert talking(stage, 1)
                back_at = await pool.fetchval("SELECT app_now()")
                link.mend()
                await stage.until(lambda: len(stage.finals) >= 4, 30)
        finally:
            with suppress(Exception):
                await through.close()
    rows = await pool.fetch("SELECT outcome, started_at FROM attempt")
    assert sorted(row["outcome"] for row in rows if row["outcome"] != "NOT_PLACED") == ["ANSWERED"] * 5
    assert not [row for row in rows if cut_at < row["started_at"] < back_at]
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0
    assert await pool.fetchval("SELECT count(*) FROM disposition") == 5


async def test_an_agents_telephone_that_hangs_up_in_mid_talk_ends_the_call_as_his(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, probe: Probe
) -> None:
    async with scene(lab, tmp_path, database, pool, ["1900"]) as stage:
        await stage.until(lambda: talking(stage))
        await hang_up_agent(lab, probe, stage)
        await stage.until(lambda: len(stage.finals) == 1)
        assert AgentState.OFFLINE in [change.state for change in stage.changes]
        rows = await stage.attempts()
    assert [(row["outcome"], row["hangup_by"]) for row in rows[:1]] == [("ANSWERED", "agent")]
    # Nobody could say how it ended, and the lead does not wait for it.
    assert await pool.fetchval("SELECT code FROM disposition WHERE attempt_id = $1", rows[0]["id"]) == "DISPO_TIMEOUT"
    assert await pool.fetchval("SELECT count(*) FROM lead WHERE state IN ('inflight', 'wrapup')") == 0


async def test_a_reserved_agent_who_is_lost_before_the_answer_is_replaced(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, probe: Probe
) -> None:
    async with scene(lab, tmp_path, database, pool, [], agents=2) as stage:
        await stage.until(lambda: stage.in_state(AgentState.READY) == 2)
        lead = await stage.campaign.lead(number=SLOW_NUMBER)
        await pool.execute("UPDATE dial_queue SET needs_agent = true WHERE lead_id = $1", lead)
        await stage.until(lambda: ringing_with_agent(stage))
        [actor] = stage.running.engine.calls.all()
        lost = stage.running.engine.floor.agent(actor.call.agent or 0)  # type: ignore[arg-type]
        await probe.request("DELETE", f"channels/{lost.channel}")
        await stage.until(lambda: len(stage.finals) == 1)
    row = await pool.fetchrow("SELECT * FROM attempt")
    assert row["outcome"] == "ANSWERED"
    assert row["agent_id"] != lost.id


#: Rings for two seconds, answers and talks for two.
SLOW_NUMBER = 79000001020


def ringing_with_agent(stage: Scene) -> bool:
    return any(
        actor.call.state is CallState.RINGING and actor.call.agent is not None
        for actor in stage.running.engine.calls.all()
    )


async def test_a_stop_while_the_link_is_cut_ends_and_writes_every_row(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, probe: Probe
) -> None:
    address = URL(lab.ari.base_url)
    async with proxy(str(address.host), int(address.port or 0)) as link:
        through = {"ari_url": f"http://127.0.0.1:{link.port}"}
        async with scene(lab, tmp_path, database, pool, ["1900", "3100"], agents=2, settings=through) as stage:
            await stage.until(lambda: talking(stage) and len(stage.running.engine.calls) == 2)
            channels = names(stage)
            link.cut()
            await stage.until(lambda: not stage.running.telephony.is_up)
            began = time.monotonic()
        assert time.monotonic() - began < 25
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0
    assert await pool.fetchval("SELECT count(*) FROM attempt") == 2
    assert await pool.fetchval("SELECT count(*) FROM shift WHERE ended_at IS NULL") == 0
    for channel in channels:
        await probe.request("DELETE", f"channels/{channel}")


def names(stage: Scene) -> Sequence[str]:
    engine = stage.running.engine
    legs = [agent.channel for agent in engine.floor.present().values()]
    return [*legs, *(actor.call.channel for actor in engine.calls.all())]


async def test_a_campaign_whose_rules_cannot_be_read_holds_up_nobody(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    await make_campaign(pool, trunk=lab.trunk, rules={"max_attempts": "many"})
    async with scene(lab, tmp_path, database, pool, ["7002"]) as stage:
        await stage.until(lambda: len(stage.finals) == 1)
        assert list(stage.running.engine.loops) == [stage.campaign.id]


async def test_an_onlooker_or_an_event_that_crashes_does_not_end_the_engine(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(lab, tmp_path, database, pool, ["7002"] * 2) as stage:
        floor, crashes = stage.running.engine.floor, itertools.count(1)
        take = floor.on_telephony

        def crash(event: object) -> None:
            if next(crashes) == 3:
                raise RuntimeError("an event that nobody expected")
            take(event)  # type: ignore[arg-type]

        monkeypatch.setattr(floor, "on_telephony", crash)
        await stage.until(lambda: len(stage.finals) == 2)
    assert next(crashes) > 4
