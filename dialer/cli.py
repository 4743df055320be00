"""`dialer`: the command line. Every command ends with a clear message and a meaningful exit code:
0 done, 1 failed, 2 bad input, 3 exists already, 4 not found, 5 unavailable, 6 access denied, 130 interrupted."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from domain.errors import DialerError
from domain.i18n import _

FAILED = 1
INTERRUPTED = 130


def main() -> None:
    """The console script. No traceback ever reaches a person."""
    for stream in (sys.stdout, sys.stderr):
        _take_any_text(stream)
    sys.exit(_outcome())


def _outcome() -> int:
    try:
        return _run()
    except DialerError as error:
        return _say(str(error) or type(error).__name__, error.exit_code)
    except KeyboardInterrupt:
        return _say(_("Interrupted."), INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not complain of it at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(_("{what}. Check the path, its rights and the free space.").format(
            what=f"{where}{error.strerror or type(error).__name__}"), FAILED)  # fmt: skip
    except Exception as error:
        return _unforeseen(error)


def _run() -> int:
    # Not at the top: importing takes a second, in which somebody may press Ctrl-C.
    import typer
    from typer.exceptions import TyperException

    from dialer import telemetry
    from dialer.commands.help import command_tree
    from dialer.commands.tree import app
    from dialer.commands.usage import usage_problem
    from dialer.settings import read_settings

    try:
        settings = read_settings()
        telemetry.configure(json=settings.log_json, level=settings.log_level or "warning")
        code = command_tree(app)(standalone_mode=False)
    except TyperException as error:
        problem = usage_problem(error)
        if problem is None:  # a group without a command: its help is the answer
            sys.stderr.write(f"{error.format_message()}\n")
            return error.exit_code
        return _say(problem, error.exit_code)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _say(text: str, code: int) -> int:
    red, plain = ("\033[1;31m", "\033[0m") if _shows_colour(sys.stderr) else ("", "")
    label = _("Error")
    sys.stderr.write(f"{red}{label}:{plain} {text}\n")
    return code


def _unforeseen(error: Exception) -> int:
    """A bug. Its traceback goes through the log, which takes out personal data, and only if it is asked for."""
    import structlog

    structlog.get_logger().debug("cli.unforeseen", exc_info=error)
    return _say(
        _("An error in the program itself ({kind}). DIALER_LOG_LEVEL=debug shows where; please report it.").format(
            kind=type(error).__name__
        ),
        FAILED,
    )


def _shows_colour(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ


def _take_any_text(stream: TextIO) -> None:
    """A terminal of another encoding gets a substitute for what it cannot show, not an error."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
