"""`dialer run`: the engine, with a live view on a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
from collections.abc import Callable, Iterator
from typing import TextIO, cast

import typer
from rich.console import Console
from rich.text import Text

from dialer import telemetry
from dialer.commands.alone import only_engine_here
from dialer.commands.context import errors
from dialer.commands.lab import lab_settings, require_lab
from dialer.settings import read_settings
from domain.errors import BadInput
from domain.i18n import _

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
    from dialer.commands.serve import serve  # imports the whole engine, which no other command needs

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
