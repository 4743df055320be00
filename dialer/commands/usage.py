"""A command that was written wrongly, in the user's language."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError
from typer.exceptions import TyperException

from dialer.settings import what_is_wrong
from domain.i18n import _


def usage_problem(error: TyperException) -> str | None:
    """What is wrong with the command line and where help is; None if nothing was asked for at all."""
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dialer"
    kind = type(error).__name__
    hint = _("Help: {command} --help").format(command=command)
    if kind == "NoArgsIsHelpError":
        return None
    return f"{_problem(kind, error)} {hint}"


def _problem(kind: str, error: Any) -> str:
    match kind:
        case "NoSuchOption":
            text = _("There is no option {option}.").format(option=error.option_name)
            if error.possibilities:
                text += " " + _("Did you mean {options}?").format(options=", ".join(sorted(error.possibilities)))
            return text
        case "MissingParameter":
            return _("{name} is missing.").format(name=_name(error))
        case "BadParameter":
            return _("The value of {name} is wrong: {problem}").format(name=_name(error), problem=_value_problem(error))
        case "BadOptionUsage":
            takes_none = "does not take" in error.message
            text = _("The option {option} takes no value.") if takes_none else _("The option {option} needs a value.")
            return text.format(option=error.option_name)
        case _:
            return _other(_sentence(error.format_message()))


def _value_problem(error: Any) -> str:
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return _sentence(error.message)
    first = cause.errors(include_input=False, include_url=False)[0]
    return _sentence(what_is_wrong(first["type"], first.get("ctx", {})))


def _other(text: str) -> str:
    """What typer says without a kind of its own."""
    if found := re.fullmatch(r"No such command '(.*)'\.", text):
        return _("There is no command {command}.").format(command=found[1])
    if found := re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)\.", text):
        return _("There are too many arguments: {arguments}.").format(arguments=found[1])
    return _("A command is missing.") if text == "Missing command." else text


def _name(error: Any) -> str:
    """An option as it is typed, an argument as the help names it."""
    if error.param is None:
        return str(error.param_hint or "?")
    spelt = [one for one in error.param.opts if one.startswith("-")]
    return str(max(spelt, key=len) if spelt else error.param.name.upper())


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
