"""The engine does its real work on a real switch: outcomes, bridging, audio, abandonment, stopping."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from domain.ids import customer_channel
from domain.outcome import AgentState, Outcome
from lab.network import Lab
from lab.tones import F_AGENT, F_CUSTOMER, level, read_wav
from tests.lab.scene import scene

pytestmark = pytest.mark.lab

OUTCOMES = {
    "7002": (Outcome.ANSWERED, True),  # answers, talks 0.2 s
    "3000": (Outcome.BUSY, False),  # busy before any ringing
    "3005": (Outcome.BUSY, True),  # busy after half a second of ringing
    "3305": (Outcome.REJECTED, True),
    "3100": (Outcome.NO_ANSWER, True),
    "3400": (Outcome.UNREACHABLE, False),
    "4000": (Outcome.INVALID_NUMBER, False),
    "4100": (Outcome.INVALID_NUMBER, False),
    "5000": (Outcome.TRUNK_FAIL, False),
    "5100": (Outcome.TRUNK_FAIL, False),
    "5300": (Outcome.NO_RESPONSE, False),
    "1302": (Outcome.ANSWERED, True),  # answers and is silent
    "1205": (Outcome.ANSWERED, True),  # drops in mid-call
    "6000": (Outcome.INVALID_NUMBER, True),  # announcement as early media, then 404
}


async def test_each_number_of_the_network_gets_its_outcome(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    once = {"retry": {outcome: {"delays_s": [600]} for outcome in _RETRIED}, "ring_timeout_s": 4}
    async with scene(lab, tmp_path, database, pool, list(OUTCOMES), agents=4, mode="power", rules=once) as stage:
        await stage.until(lambda: len(stage.finals) >= len(OUTCOMES))
        rows = await stage.attempts()
    behaviour_of = dict(zip(stage.leads, OUTCOMES, strict=True))
    seen = {behaviour_of[row["lead_id"]]: (Outcome(row["outcome"]), row["counted"]) for row in rows}
    assert seen == OUTCOMES
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0


_RETRIED = ("NO_ANSWER", "BUSY", "REJECTED", "UNREACHABLE", "INVALID_NUMBER", "TRUNK_FAIL", "NO_RESPONSE")


async def test_three_short_calls_in_a_row_carry_both_voices(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    """The customer's tone is heard by the agent and the agent's by the customer, from the first second of
    every call, and the recording keeps them apart."""
    async with scene(lab, tmp_path, database, pool, ["1502"] * 3) as stage:
        await stage.until(lambda: len(stage.finals) >= 3)
        await stage.running.recordings.drain()
        rows = await stage.attempts()
        stored = await pool.fetch("SELECT * FROM recording ORDER BY attempt_id")
    assert [row["outcome"] for row in rows] == ["ANSWERED"] * 3
    assert len({row["agent_id"] for row in rows}) == 1
    assert [row["state"] for row in stored] == ["stored"] * 3
    for row in stored:
        customer, agent = stereo(stage.archive / row["path"])
        assert 1.5 < customer.size / 8000 < 3.5
        assert level(customer, F_CUSTOMER) > 0.1 > 0.02 > level(customer, F_AGENT)
        assert level(agent, F_AGENT) > 0.1 > 0.02 > level(agent, F_CUSTOMER)
    for lead in stage.leads:
        heard = heard_by_customer(lab, await number_of(pool, lead))
        assert level(heard, F_AGENT) > 0.1
    assert seconds_heard_by_agent(lab) > 3 * 1.8


async def test_with_every_agent_busy_an_answered_call_hears_the_message_and_is_abandoned(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    rules = {"lines_per_agent": 3, "abandon_target": 1.0, "abandon_limit": 1.0, "no_agent_limit_s": 1.0}
    async with scene(lab, tmp_path, database, pool, ["1900"] * 3, mode="power", rules=rules) as stage:
        await stage.until(lambda: len(stage.finals) >= 2)
        rows = await stage.attempts()
        assert stage.in_state(AgentState.TALKING) == 1
        # The switch recorded them from the answer on; what was no conversation leaves no trace of it.
        await stage.running.recordings.drain()
        assert stage.running.recordings.counts.discarded == 2
        monitor = lab.spool_switch / "monitor"
        assert not any((monitor / f"{customer_channel(row['id'])}.raw").exists() for row in rows)
        kept = {row["attempt_id"] for row in await pool.fetch("SELECT attempt_id FROM recording")}
        assert kept.isdisjoint(row["id"] for row in rows)
    assert [row["outcome"] for row in rows] == ["ABANDONED"] * 2
    for row in rows:
        assert row["message_heard"] is True
        assert row["bridged_at"] is None
        assert 1.0 <= (row["ended_at"] - row["answered_at"]).total_seconds() < 20


async def test_without_agents_no_call_is_placed(lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool) -> None:
    """When the last agent leaves, nothing new is dialled after a second; calls already ringing ring on."""
    async with scene(lab, tmp_path, database, pool, ["3100"] * 40, agents=2) as stage:
        await stage.until(lambda: len(stage.running.engine.calls) >= 2)
        await pool.execute("UPDATE agent SET wanted = 'offline'")
        left_at = await pool.fetchval("SELECT app_now()")
        await stage.until(lambda: stage.in_state(AgentState.OFFLINE) >= 2 or not stage.running.engine.floor.working())
        await stage.until(lambda: len(stage.running.engine.calls) == 0)
        await asyncio.sleep(1.5)  # nothing may happen in this time, so there is nothing to wait for
        rows = await stage.attempts()
    assert rows
    assert max((row["started_at"] - left_at).total_seconds() for row in rows) < 1.0
    assert {row["outcome"] for row in rows} == {"NO_ANSWER"}


async def test_a_stop_hangs_up_and_writes_every_row(
    lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    async with scene(lab, tmp_path, database, pool, ["1900", "1900", "3100"], agents=3) as stage:
        await stage.until(lambda: stage.in_state(AgentState.TALKING) == 2 and len(stage.running.engine.calls) == 3)
    rows = await pool.fetch("SELECT outcome FROM attempt ORDER BY outcome")
    assert [row["outcome"] for row in rows] == ["ANSWERED", "ANSWERED", "ENGINE_CANCEL"]
    assert await pool.fetchval("SELECT count(*) FROM inflight") == 0
    assert await pool.fetchval("SELECT count(*) FROM shift WHERE ended_at IS NULL") == 0
    assert await pool.fetchval("SELECT count(*) FROM lead WHERE state = 'inflight'") == 0


async def test_answer_to_bridge_is_short(lab: Lab, tmp_path: Path, database: str, pool: asyncpg.Pool) -> None:
    async with scene(lab, tmp_path, database, pool, ["7002"] * 10) as stage:
        await stage.until(lambda: len(stage.finals) >= 10)
        rows = await stage.attempts()
    waits = sorted((row["bridged_at"] - row["answered_at"]).total_seconds() for row in rows)
    assert waits[-2] < 0.5  # five times the promise, on a busy machine


async def test_a_trunk_that_does_not_answer_is_not_dialled_through_until_it_is_back(
    data_dir: Path, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    with Lab.start(data_dir, agents=1) as lab:
        network = next(one for one in lab.instances if one.name == "network")
        async with scene(lab, tmp_path, database, pool, ["7002"] * 2, sign_on=False) as stage:
            engine, switch = stage.running.engine, stage.running.switch
            await stage.until(lambda: switch.trunk_reachable(lab.trunk) is True)
            await asyncio.to_thread(network.stop)
            await stage.until(lambda: engine.loops[stage.campaign.id].reason == "trunk_unreachable", 60)
            await asyncio.to_thread(network.start)
            await stage.until(lambda: engine.loops[stage.campaign.id].reason != "trunk_unreachable", 60)
            await stage.sign_on(1)
            await stage.until(lambda: len(stage.finals) >= 2, 60)
            rows = await stage.attempts()
            assert switch.counts.unreachable >= 1
    assert [row["outcome"] for row in rows] == ["ANSWERED"] * 2


def stereo(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (2, 2, 8000)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(np.float64) / 32767
    return samples[0::2], samples[1::2]


async def number_of(pool: asyncpg.Pool, lead: int) -> int:
    number: int = await pool.fetchval(
        "SELECT e164 FROM lead JOIN number ON number.id = lead.number_id WHERE lead.id = $1", lead
    )
    return number


def heard_by_customer(lab: Lab, number: int) -> np.ndarray:
    [path] = lab.heard_dir.glob(f"{number}-*.wav")
    return read_wav(path)


def seconds_heard_by_agent(lab: Lab) -> float:
    """How long the customer's tone was heard on the agent's latest leg. Between calls no packets come,
    so the file holds nothing of that time."""
    path = max(lab.heard_dir.glob("agent001-*.wav"), key=lambda file: file.stat().st_mtime)
    samples = read_wav(path)
    window = 800
    loud = [level(samples[at : at + window], F_CUSTOMER) > 0.1 for at in range(0, samples.size - window, window)]
    return sum(loud) * window / 8000
