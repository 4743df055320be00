"""`make demo`: the dialler's real work, from a client's file to the report, in a box.

A private PostgreSQL, a switch and a telephone network are started, a base is made and loaded like any
client's, robot agents take the calls, and the report is read back from the rows.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
from rich.console import Console, RenderableType

from campaigns.loading.load import LoadRequest
from campaigns.service import CampaignRequest, create_campaign, start_campaign
from dialer import telemetry
from dialer.commands.attempts import export_attempts
from dialer.commands.base import load_with_progress, show_load
from dialer.commands.files import write_text
from dialer.commands.lab import lab_settings
from dialer.commands.report import campaign_report
from dialer.commands.run import stop_on_signals
from dialer.live_status import LiveStatus, StatusKeeper
from dialer.live_view import LiveView, screen
from dialer.settings import Settings, read_settings
from dialer.wiring import Running, connected, running_engine
from domain.clock import SystemClock
from domain.errors import DialerError
from domain.i18n import _
from domain.ids import CampaignId
from domain.kpi import Period
from domain.outcome import Temperature
from kpi.render import to_csv, to_json, to_table
from kpi.report import Report
from lab.base import SEED, make_base
from lab.network import Lab
from lab.robot_agents import RobotAgents
from lab.robots import turn
from sql.campaigns import PgCampaignStore
from sql.dialing import PgDialStore
from sql.dnc import PgDncStore
from sql.embedded import EmbeddedPostgres
from sql.migrate import migrate

#: Robots on the floor, and lines for each that is free.
AGENTS = 24
LINES_PER_AGENT = 1.8
#: The list is over when nothing is due within this time, seconds.
HORIZON_S = 15.0
#: The end in any case, seconds of dialling.
LONGEST_S = 300.0
#: Demos whose databases and files are kept.
KEEP = 3
#: The picture of the screen is taken when the campaign is in full swing, seconds.
PICTURE_AFTER_S = 75.0
CAMPAIGN = "Demo"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one demo leaves what it makes."""

    began: datetime
    folder: Path

    @property
    def database(self) -> str:
        return f"demo_{self.folder.name.replace('-', '_')}"


async def main(console: Console, *, seed: int, pictures: Path | None) -> None:
    settings = read_settings()
    began = datetime.now(UTC)
    place = Place(began, settings.data_dir.resolve() / "demo" / f"{began:%Y%m%d-%H%M%S}")
    place.folder.mkdir(parents=True)
    telemetry.configure(json=True, level="INFO", stream=(place.folder / "engine.log").open("w"))
    console.print(_("Starting PostgreSQL, a switch and a telephone network …"))
    server = await asyncio.to_thread(EmbeddedPostgres.start, settings.data_dir)
    try:
        await _fresh_database(server, place)
        lab = await asyncio.to_thread(lambda: Lab.start(settings.data_dir, agents=AGENTS))
        try:
            dsn = server.dsn(place.database)
            await _run(console, lab, lab_settings(lab, read_settings(dsn=dsn)), place, seed, pictures)
        finally:
            await asyncio.to_thread(lab.stop)
    finally:
        await asyncio.to_thread(server.stop)


async def _run(console: Console, lab: Lab, settings: Settings, place: Place, seed: int, pictures: Path | None) -> None:
    settings = settings.model_copy(update={"recordings_dir": place.folder / "recordings"})
    async with connected(settings, name="dialer-demo") as pool:
        campaign = await _prepare(console, pool, lab, settings, place, seed)
        async with running_engine(settings, pool) as running:
            robots = RobotAgents(running.engine, partial(turn, seed), running.clock)
            status = await _dial(console, running, campaign, pictures)
            await running.recordings.drain()
        report = await _show_result(console, pool, lab, settings, place, status, robots.refused)
        if pictures is not None:
            _picture(pictures / "demo-report.svg", to_table(report))


async def _fresh_database(server: EmbeddedPostgres, place: Place) -> None:
    """A database of its own: numbers of an earlier demo have used up their attempts."""
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        names = [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")]
        for name in sorted(name for name in names if name.startswith("demo_"))[: -(KEEP - 1) or None]:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{place.database}"')
    finally:
        await connection.close()
    await migrate(server.dsn(place.database))


async def _prepare(
    console: Console, pool: asyncpg.Pool, lab: Lab, settings: Settings, place: Place, seed: int
) -> CampaignId:
    """What a manager does before the first call."""
    store = PgCampaignStore(pool)
    made = make_base(seed)
    file = place.folder / "base.csv"
    file.write_bytes(made.content)
    campaign = await create_campaign(
        store,
        CampaignRequest(
            client=_("Demo client"),
            name=CAMPAIGN,
            preset="lab",
            mode="power",
            trunk=lab.trunk,
            trunk_is_lab=settings.is_lab_trunk(lab.trunk),
            abandon_message=lab.message_media,
            overrides={"lines_per_agent": LINES_PER_AGENT, "max_lines": 60},
        ),
    )
    await PgDncStore(pool).add(made.do_not_call, None, "demo", "demo")
    agents = [
        await store.create_agent(endpoint, _("Robot {number}").format(number=number), endpoint)
        for number, endpoint in enumerate(lab.agent_endpoints, 1)
    ]
    await store.assign_agents(campaign, agents)
    request = LoadRequest(
        path=file,
        campaign=campaign,
        list_name="august",
        temperature=Temperature.COLD,
        loaded_by="demo",
        rejects_folder=place.folder,
    )
    show_load(await load_with_progress(pool, request), as_json=False)
    await start_campaign(store, SystemClock(), CAMPAIGN, trunk_is_lab=settings.is_lab_trunk(lab.trunk))
    for agent in agents:
        await store.set_wanted(agent, "ready")
    console.print()
    return campaign


async def _dial(console: Console, running: Running, campaign: CampaignId, pictures: Path | None) -> LiveStatus | None:
    """Run the engine until the list is over, or somebody stops it."""
    keeper = StatusKeeper(running.engine, PgDialStore(running.pool), campaign, running.clock)
    status: LiveStatus | None = None
    with stop_on_signals(running.engine.stop):
        engine = asyncio.create_task(running.engine.run(), name="engine")
        began = time.monotonic()
        with LiveView(console) as view:
            while not engine.done():
                with suppress(DialerError):
                    status = await keeper.status() or status
                elapsed = time.monotonic() - began
                if status is not None:
                    view.show(status, elapsed)
                    if pictures is not None and elapsed > PICTURE_AFTER_S:
                        _picture(pictures / "demo-live.svg", screen(status, elapsed))
                        pictures = None
                if elapsed > LONGEST_S or (status is not None and _is_over(status, running)):
                    running.engine.stop()
                await asyncio.wait((engine,), timeout=0.25)
    await engine
    return status


def _is_over(status: LiveStatus, running: Running) -> bool:
    soon = running.clock.now() + timedelta(seconds=HORIZON_S)
    nothing_due = status.due_now == 0 and (status.next_due is None or status.next_due > soon)
    return status.attempts > 0 and nothing_due and status.quiet


async def _show_result(
    console: Console, pool: asyncpg.Pool, lab: Lab, settings: Settings, place: Place, status: LiveStatus | None,
    refused: int,
) -> Report:  # fmt: skip
    period = Period(place.began, datetime.now(UTC) + timedelta(seconds=1))
    report = await campaign_report(pool, CAMPAIGN, period)
    write_text(place.folder / "report.json", to_json(report))
    write_text(place.folder / "report.csv", to_csv(report, semicolon=True))
    await export_attempts(pool, CAMPAIGN, period, place.folder / "attempts.csv", semicolon=True)
    # The lab's own folder is removed after a few more labs; the witness must be able to look again.
    for source, name in ((lab.cel_switch, "cel-switch.csv"), (lab.cel_network, "cel-network.csv")):
        await asyncio.to_thread(shutil.copyfile, source, place.folder / name)
    run = {
        "database": place.database,
        "cel_switch": "cel-switch.csv",
        "cel_network": "cel-network.csv",
        "trunk_prefix": f"{lab.trunk}-e",
    }
    write_text(place.folder / "run.json", json.dumps(run, indent=2))
    console.print(to_table(report))
    if status is not None and status.bridge_ms is not None:
        console.print(
            _("Answer to both in one bridge: median {median:.0f} ms, p95 {p95:.0f} ms.").format(
                median=status.bridge_ms[0], p95=status.bridge_ms[1]
            )
        )
    if refused:
        console.print(_("Results that the engine refused: {count}").format(count=refused), style="red")
    for name, path in (
        (_("Base"), place.folder / "base.csv"),
        (_("Attempts"), place.folder / "attempts.csv"),
        (_("Report"), place.folder / "report.json"),
        (_("Recordings"), settings.archive()),
        (_("Log"), place.folder / "engine.log"),
    ):
        console.print(f"{name}: {path}", soft_wrap=True, highlight=False)
    return report


def _picture(file: Path, shown: RenderableType) -> None:
    """The same as on the terminal, for the README."""
    recorder = Console(record=True, width=96, force_terminal=True, file=io.StringIO())
    recorder.print(shown)
    file.parent.mkdir(parents=True, exist_ok=True)
    recorder.save_svg(str(file), title="make demo")


def run() -> int:
    parser = argparse.ArgumentParser(description=_("The dialler's real work in a box."))
    parser.add_argument("--seed", type=int, default=SEED, help=_("Another seed makes another base."))
    parser.add_argument("--pictures", type=Path, help=_("Folder for pictures of the screen and of the report."))
    options = parser.parse_args()
    console = Console()
    try:
        asyncio.run(main(console, seed=options.seed, pictures=options.pictures))
    except DialerError as error:
        text = _("Error: {error}").format(error=error)
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(run())
