"""`dialer run`: the engine, with a live view on a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TextIO, cast

import structlog
import typer
from rich.console import Console
from rich.text import Text

from dialer import telemetry
from dialer.commands.alone import only_engine_here, only_engine_of_database
from dialer.commands.context import errors
from dialer.commands.lab import lab_settings, require_lab
from dialer.live_status import StatusKeeper
from dialer.live_view import LiveView
from dialer.settings import Settings, read_settings
from dialer.wiring import Running, connected, running_engine
from domain.errors import BadInput, DialerError
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
#: A second signal that comes so long after the first means: do not wait for an orderly end, seconds.
IMPATIENT_S = 1.0


def run(
    use_lab: bool = typer.Option(False, "--lab", help=_("Dial through the lab that `dialer lab up` started.")),
    robots: bool | None = typer.Option(
        None, "--robots/--no-robots", help=_("With --lab: robots record the results of the calls (default).")
    ),
) -> None:
    if robots and not use_lab:
        raise BadInput(_("--robots goes with --lab: elsewhere people talk to the customers."))
    settings = read_settings()
    if use_lab:
        settings = lab_settings(require_lab(settings), settings)
    live = errors.is_terminal and not errors.is_dumb_terminal and not settings.log_json
    stream = cast(TextIO, _AboveTheView(errors)) if live else None
    telemetry.configure(json=settings.log_json, level=settings.log_level or "info", stream=stream)
    with only_engine_here(settings.data_dir):
        try:
            asyncio.run(serve(settings, live=live, robots=use_lab and robots is not False))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if not settings.log_json:
        errors.print(_("The engine has stopped; every call is written."), style="green")


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


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM ask for an orderly stop for as long as the block runs; a second one does not wait."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked_at: float | None = None

    def on_signal() -> None:
        nonlocal asked_at
        # One Ctrl-C may arrive twice: from the terminal, and from a program that started this one.
        if asked_at is not None and loop.time() - asked_at > IMPATIENT_S and task is not None:
            task.cancel()
        asked_at = asked_at or loop.time()
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class _AboveTheView(io.TextIOBase):
    """The log's lines, printed by the console so that they do not tear the picture below them."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if text.strip():
            self._console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Each line is written at once."""
