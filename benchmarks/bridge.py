"""How long a customer who has answered waits until the agent can be heard.

    python -m benchmarks.bridge [--calls 30] [--rounds 1]

Measured by the switch's own clock: from ANSWER of the customer's leg until both legs are in one bridge. A round
is a lab with one robot agent, a bare ARI client that does nothing else, then the engine with everything it does
in production (database, pacing, recording). Exit code 1 if the best round's p95 misses the promise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks import reference
from benchmarks.calllog import Times, answer_to_bridge
from dialer import telemetry
from dialer.settings import read_settings
from domain.outcome import Outcome
from lab.network import Lab
from sql.embedded import EmbeddedPostgres
from sql.migrate import migrate
from sql.pool import connect_pool
from tests.lab.scene import number, scene

#: p95 of answer to bridge on an idle machine, milliseconds.
PROMISED_MS = 100.0
#: Answers at once, greets and talks for a fifth of a second.
BEHAVIOUR = "7002"
_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Round:
    bare: Times
    engine: Times
    rows: Times

    @property
    def ratio(self) -> float:
        return self.engine.p95 / self.bare.p95


def main() -> int:
    wanted = _arguments()
    telemetry.configure(json=False, level="WARNING")
    rounds = [_round(wanted.calls) for _ in range(wanted.rounds)]
    for serial, one in enumerate(rounds, 1):
        _show(serial, one)
    best = min(one.engine.p95 for one in rounds)
    kept = best < PROMISED_MS
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    print(f"promise: p95 < {PROMISED_MS:.0f} ms; best of {len(rounds)}: {best:.1f} ms: {'kept' if kept else 'MISSED'}")
    print(f"load of the machine in the last minute: {load:.1f} per processor")
    return 0 if kept else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bridge")
    parser.add_argument("--calls", type=_count, default=30, help="calls of the bare client, and of the engine")
    parser.add_argument("--rounds", type=_count, default=1, help="rounds; the best one counts")
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def _round(calls: int) -> Round:
    with _private_database() as (folder, dsn), Lab.start(read_settings().data_dir, agents=1, recording_agents=0) as lab:
        try:
            rows = asyncio.run(_calls(lab, folder, dsn, calls))
            # The switch has written all of its log only when it has ended.
            lab.stop()
            return Round(
                bare=_times(lab.cel_switch, reference.PREFIX, calls),
                engine=_times(lab.cel_switch, "pd-", calls),
                rows=rows,
            )
        finally:
            lab.stop()
            shutil.rmtree(lab.folder)


@contextmanager
def _private_database() -> Iterator[tuple[Path, str]]:
    # Readable for all, because the server may have to run as another user.
    folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
    folder.chmod(0o711)
    try:
        server = EmbeddedPostgres.start(folder)
        try:
            yield folder, server.dsn()
        finally:
            server.stop()
            if not server.home.is_relative_to(folder):
                shutil.rmtree(server.home)
    finally:
        shutil.rmtree(folder)


async def _calls(lab: Lab, folder: Path, dsn: str, calls: int) -> Times:
    await reference.run(lab, [number(BEHAVIOUR) for _ in range(calls)])
    await migrate(dsn)
    pool = await connect_pool(dsn, application_name="dialer-bench", max_size=4)
    try:
        return await _engine_calls(lab, folder, dsn, pool, calls)
    finally:
        await pool.close()


async def _engine_calls(lab: Lab, folder: Path, dsn: str, pool: asyncpg.Pool, calls: int) -> Times:
    async with scene(lab, folder, dsn, pool, [BEHAVIOUR] * calls) as stage:
        await stage.until(lambda: len(stage.finals) >= calls, _WITHIN_S)
        rows = await stage.attempts()
    lost = [row["outcome"] for row in rows if row["outcome"] != Outcome.ANSWERED]
    if lost:
        sys.exit(f"{len(lost)} of {calls} calls were not bridged: {', '.join(sorted(set(lost)))}")
    return Times([(row["bridged_at"] - row["answered_at"]).total_seconds() * 1000 for row in rows])


def _times(log: Path, prefix: str, calls: int) -> Times:
    found = answer_to_bridge(log, prefix)
    if len(found) != calls:
        sys.exit(f"The switch's call log shows {len(found)} bridged calls, not {calls}.")
    return Times(list(found.values()))


def _show(serial: int, one: Round) -> None:
    print(f"round {serial}: answer to bridge, milliseconds")
    print(f"  {'':30}{'n':>5}{'median':>9}{'p95':>9}{'max':>9}")
    lines = (
        ("bare ARI client, switch's log", one.bare),
        ("engine, switch's log", one.engine),
        ("engine, attempt rows", one.rows),
    )
    for name, times in lines:
        print(f"  {name:30}{len(times.values):5}{times.median:9.1f}{times.p95:9.1f}{times.max:9.1f}")
    print(f"  p95: bare {one.bare.p95:.1f} ms, engine {one.engine.p95:.1f} ms, ratio {one.ratio:.2f}")


if __name__ == "__main__":
    sys.exit(main())
