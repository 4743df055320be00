"""The help pages' own words ("Usage", "Options", ...) in the reader's language; typer knows them in English only."""

from __future__ import annotations

from typing import Any

import typer
import typer.main

from domain.i18n import _


class _Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]  # its module is private
    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or _("Usage:") + " ")


class _Context(typer.Context):
    formatter_class = _Formatter

    def get_help(self) -> str:
        # Not at the top: importing it takes long, and most commands show no help.
        from typer import rich_utils

        rich_utils.ARGUMENTS_PANEL_TITLE = _("Arguments")
        rich_utils.OPTIONS_PANEL_TITLE = _("Options")
        rich_utils.COMMANDS_PANEL_TITLE = _("Commands")
        rich_utils.DEFAULT_STRING = _("[default: {}]")
        rich_utils.REQUIRED_LONG_STRING = _("[required]")
        return super().get_help()


def command_tree(app: typer.Typer) -> Any:
    """The commands of an app, ready to be called."""
    tree: Any = typer.main.get_command(app)
    _translate(tree)
    return tree


def _translate(command: Any) -> None:
    command.context_class = _Context
    command.options_metavar = _("[OPTIONS]")
    command.get_help_option(_Context(command)).help = _("Show this help and exit.")
    if hasattr(command, "commands"):
        command.subcommand_metavar = _("COMMAND [ARGUMENTS]")
        for child in command.commands.values():
            _translate(child)
