"""The engine's process: one engine on its database, watched on a terminal, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial

import structlog

from dialer.commands.alone import only_engine_of_database
from dialer.commands.context import errors
from dialer.commands.run import stop_on_signals
from dialer.live_status import StatusKeeper
from dialer.live_view import LiveView
from dialer.settings import Settings
from dialer.wiring import Running, connected, running_engine
from domain.errors import DialerError
from domain.i18n import _
from domain.ids import CampaignId
from lab.base import SEED
from lab.robot_agents import RobotAgents
from lab.robots import turn
from sql.dialing import PgDialStore
from sql.engines import PgEngineStore

log = structlog.get_logger()

#: Between two pictures of the live view, seconds.
PICTURE_S = 0.5


async def serve(settings: Settings, *, live: bool = False, robots: bool = False) -> None:
    """Run the engine until SIGINT or SIGTERM: then no new call, live calls end, every row is written."""
    async with connected(settings, name="dialer-engine") as pool:
        store = PgEngineStore(pool)
        await only_engine_of_database(store)
        async with running_engine(settings, pool) as running:
            players = RobotAgents(running.engine, partial(turn, SEED), running.clock) if robots else None
            with stop_on_signals(running.engine.stop):
                engine = asyncio.create_task(running.engine.run(), name="engine")
                await _tell_up(settings, store)
                if live:
                    await _show(running, engine)
                await engine
            if players is not None and players.refused:
                log.warning("robots.refused", count=players.refused)


async def _tell_up(settings: Settings, store: PgEngineStore) -> None:
    campaigns = [row.name for row in await store.running_campaigns()]
    log.info("engine.up", campaigns_count=len(campaigns), ari=settings.ari_url, ami_port=settings.ami_port)
    if settings.log_json:
        return
    errors.print(_("The engine is up. Ctrl-C stops it: calls are ended and written first."), style="green")
    if campaigns:
        errors.print(_("Running: {names}").format(names=", ".join(campaigns)), markup=False, highlight=False)
    else:
        errors.print(_("No campaign is started yet: dialer campaign start NAME"))


async def _show(running: Running, engine: asyncio.Task[None]) -> None:
    """The live view while exactly one campaign runs; the log alone otherwise."""
    keepers: dict[CampaignId, StatusKeeper] = {}
    began = time.monotonic()
    while not engine.done():
        with LiveView(errors) as view:
            while not engine.done() and len(running.engine.loops) == 1:
                (campaign,) = running.engine.loops
                if campaign not in keepers:
                    store = PgDialStore(running.pool)
                    keepers[campaign] = StatusKeeper(running.engine, store, campaign, running.clock)
                with contextlib.suppress(DialerError):
                    status = await keepers[campaign].status()
                    if status is not None:
                        view.show(status, time.monotonic() - began)
                await asyncio.wait((engine,), timeout=PICTURE_S)
        await asyncio.wait((engine,), timeout=PICTURE_S)
