"""Verify a run: `python witness/verify.py [folder | run.json] [--json]`.

The folder holds `run.json`:

    {"dsn": "postgresql://...", "cel_switch": "path", "cel_network": "path", "trunk_prefix": "network-"}

Instead of "dsn" there may be "database": the name of a database on the data folder's private server
(the data folder is the run's grandparent folder), which is started for this if it does not run.

Paths may be relative to the folder. trunk_prefix: how the names of the switch's channels over the trunk
begin, after their technology; "" leaves that one comparison out. Without an argument the newest run below
`$DIALER_DATA_DIR/demo` (`.data/demo`) is taken.

Exit code: 0 everything holds; 1 something does not; 2 the run cannot be read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

if not __package__:  # run as a file
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from witness import cel, checks_calls, checks_kpi, checks_rules, server
from witness.facts import Facts, assemble, load_rows
from witness.finding import Check, Finding

CHECKS: tuple[Check, ...] = (*checks_calls.CHECKS, *checks_rules.CHECKS, *checks_kpi.CHECKS)
_SHOWN = 20


class Unreadable(Exception):
    """The run's files or its database cannot be read."""


@dataclass(frozen=True, slots=True)
class Run:
    """dsn "": the database is on the private server of data_dir."""

    file: Path
    dsn: str
    database: str
    data_dir: Path
    cel_switch: Path
    cel_network: Path
    trunk_prefix: str


def find_run(where: Path | None) -> Run:
    """Raises Unreadable."""
    file = where / "run.json" if where is not None and where.is_dir() else where or _newest()
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Run(
            file,
            str(document.get("dsn", "")),
            str(document["database"] if "dsn" not in document else ""),
            file.resolve().parent.parent.parent,
            file.parent / document["cel_switch"],
            file.parent / document["cel_network"],
            str(document.get("trunk_prefix", "")),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{file} cannot be read ({type(error).__name__}: {error})") from error


def _newest() -> Path:
    demos = Path(os.environ.get("DIALER_DATA_DIR") or ".data") / "demo"
    runs = sorted(demos.glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise Unreadable(f"no run below {demos}. Run the demo first, or name a folder")
    return runs[-1]


async def gather(run: Run) -> Facts:
    """Raises Unreadable."""
    logs = []
    for side, path in (("network", run.cel_network), ("switch", run.cel_switch)):
        try:
            logs.append(cel.read(path))
        except OSError as error:
            raise Unreadable(f"the {side}'s log {path} cannot be read ({type(error).__name__})") from error
    try:
        with _database(run) as dsn:
            rows = await load_rows(dsn)
    except server.NoServer as error:
        raise Unreadable(f"the run's database cannot be read: {error}") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unreadable(f"the run's database cannot be read ({type(error).__name__}). Is it running?") from error
    return assemble(rows, logs[0], logs[1], run.trunk_prefix)


def _database(run: Run) -> AbstractContextManager[str]:
    return nullcontext(run.dsn) if run.dsn else server.running(server.home_of(run.data_dir), run.database)


def judge(facts: Facts) -> list[tuple[Check, Finding]]:
    return [(check, check.look(facts)) for check in CHECKS]


def failed(verdicts: Sequence[tuple[Check, Finding]]) -> list[str]:
    """Names of the checks that found a violation."""
    return [check.name for check, finding in verdicts if finding.violations]


def as_json(run: Run, verdicts: Sequence[tuple[Check, Finding]]) -> str:
    document = {
        "run": str(run.file),
        "ok": not failed(verdicts),
        "checks": [
            {
                "name": check.name,
                "title": check.title,
                "ok": not finding.violations,
                "examined": finding.examined,
                "violations": [asdict(violation) for violation in finding.violations],
            }
            for check, finding in verdicts
        ],
    }
    return json.dumps(document, indent=2)


def as_text(run: Run, verdicts: Sequence[tuple[Check, Finding]]) -> str:
    lines = [f"Run: {run.file}"]
    for check, finding in verdicts:
        mark = "FAIL" if finding.violations else "PASS"
        lines.append(f"{mark}  {check.name:<22} {finding.examined:>6}  {check.title}")
        lines += [f"      {violation.subject}: {violation.what}" for violation in finding.violations[:_SHOWN]]
        if len(finding.violations) > _SHOWN:
            lines.append(f"      and {len(finding.violations) - _SHOWN} more")
    bad = failed(verdicts)
    lines.append(f"{len(bad)} of {len(verdicts)} checks failed" if bad else f"All {len(verdicts)} checks passed")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="witness.verify", description="Compare a run's rows with its call logs.")
    parser.add_argument("run", nargs="?", type=Path, help="folder of the run, or its run.json; default: the newest")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    try:
        run = find_run(options.run)
        verdicts = judge(asyncio.run(gather(run)))
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write((as_json if options.json else as_text)(run, verdicts) + "\n")
    return 1 if failed(verdicts) else 0


if __name__ == "__main__":
    raise SystemExit(main())
