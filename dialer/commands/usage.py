"""A command that was written wrongly, in the user's language."""

from __future__ import annotations

from typing import Any

from typer.exceptions import TyperException

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
            return _("The value of {name} is wrong: {problem}").format(
                name=_name(error), problem=_sentence(error.message)
            )
        case _:
            return _sentence(error.format_message())


def _name(error: Any) -> str:
    """An option as it is typed, an argument as the help names it."""
    if error.param is None:
        return str(error.param_hint or "?")
    spelt = [one for one in error.param.opts if one.startswith("-")]
    return str(max(spelt, key=len) if spelt else error.param.name.upper())


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
