"""`dialer run`: the engine, with a live view on a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

import typer

from dialer import telemetry
from dialer.commands.lab import lab_settings, require_lab
from dialer.settings import Settings, read_settings
from dialer.wiring import connected, running_engine
from domain.i18n import _


def run(
    use_lab: bool = typer.Option(False, "--lab", help=_("Dial through the lab that `dialer lab up` started.")),
) -> None:
    settings = read_settings()
    if use_lab:
        settings = lab_settings(require_lab(settings), settings)
    telemetry.configure(json=settings.log_json, level=settings.log_level or "info")
    asyncio.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Run the engine until SIGINT or SIGTERM: then no new call, live calls end, every row is written."""
    async with connected(settings, name="dialer-engine") as pool, running_engine(settings, pool) as running:
        with stop_on_signals(running.engine.stop):
            await running.engine.run()


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM ask for an orderly stop for as long as the block runs."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
