"""The witness against a real switch and a real network: a run of every kind of call holds in every check, and
a lie about it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.outcome import Outcome
from lab.network import Lab
from tests.lab.scene import scene
from witness.verify import failed, find_run, gather, judge

pytestmark = pytest.mark.lab

BEHAVIOURS = [
    "7002",
    "1010",
    "1302",
    "1205",
    "3000",
    "3005",
    "3305",
    "3100",
    "3400",
    "4000",
    "5000",
    "5300",
    "6000",
    "2005",
]


async def verdicts(run: Path) -> tuple[list[str], dict[str, Any]]:
    found = judge(await gather(find_run(run)))
    return failed(found), {check.name: finding for check, finding in found}


async def test_a_real_run_holds_and_a_lie_about_it_is_seen(
    data_dir: Path, tmp_path: Path, database: str, pool: asyncpg.Pool
) -> None:
    rules = {"max_uncounted_per_day": 3, "ring_timeout_s": 2, "no_agent_limit_s": 1.0}
    with Lab.start(data_dir, agents=3) as lab:
        async with scene(lab, tmp_path, database, pool, BEHAVIOURS * 2, agents=3, mode="power", rules=rules) as stage:
            await stage.until(lambda: len(stage.finals) >= 30, seconds=45)
        run = tmp_path / "run.json"
        run.write_text(
            json.dumps(
                {
                    "dsn": database,
                    "cel_switch": str(lab.cel_switch),
                    "cel_network": str(lab.cel_network),
                    "trunk_prefix": f"PJSIP/{lab.trunk}",
                }
            )
        )
    # The builder of tests enrols leads without loading a file.
    await pool.execute("UPDATE base SET accepted_count = (SELECT count(*) FROM lead WHERE base_id = base.id)")
    names, findings = await verdicts(run)
    assert names == [], [finding.violations for finding in findings.values() if finding.violations]
    for name in ("channel_has_attempt", "attempt_has_leg", "not_too_soon", "kpi_talk", "bridged_agrees"):
        assert findings[name].examined > 0, name

    lost = await pool.fetchval("SELECT min(id) FROM attempt WHERE outcome = $1", Outcome.NO_ANSWER)
    await pool.execute("DELETE FROM attempt WHERE id = $1", lost)
    names, _findings = await verdicts(run)
    assert {"channel_has_attempt", "leg_has_attempt"} <= set(names)
