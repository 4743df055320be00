"""What the documents name exists: commands with their options, make targets, files, settings, log events."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import typer.main

from agents import agent as agent_machine
from dialer import call as call_machine
from dialer.commands.tree import app
from dialer.settings import Settings
from tests.support import state_machines

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "lab/README.md",
]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(text: str) -> list[str]:
    """Every `dialer …` of a code block; a line continued by a backslash is one."""
    return re.findall(r"^ {4,}(?:\S*bin/)?(dialer [a-z].*)$", re.sub(r"\\\n\s*", "", text), re.MULTILINE)


def commands(text: str) -> list[str]:
    """Those, and every `dialer …` of running text."""
    return [*blocks(text), *re.findall(r"`(dialer [a-z][^`]*)`", text)]


def problem(line: str) -> str:
    """Why the command line does not take this line; empty if it does."""
    words = shlex.split(re.sub(r"<\w+>", "x", line).replace("…", ""), comments=True)[1:]
    command: Any = typer.main.get_command(app)
    path = []
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        path.append(words.pop(0))
        if path[-1] not in command.commands:
            return f"{line}: there is no command {' '.join(path)}"
        command = command.commands[path[-1]]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
    return f"{line}: no option {unknown}" if unknown else ""


def taken(line: str) -> bool:
    """Whether a whole line, as it stands in a code block, would be carried out."""
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("dialer", words)
    return True


@pytest.mark.parametrize("page", NAMES)
def test_every_command_exists_with_its_options(page: str) -> None:
    assert [found for line in commands((ROOT / page).read_text()) if (found := problem(line))] == []


def test_the_lines_of_the_command_reference_are_complete() -> None:
    lines = blocks((ROOT / "docs/operations/commands.md").read_text())
    assert len(lines) > 35
    assert all(taken(line) for line in lines)


def test_the_command_reference_has_every_command() -> None:
    def leaves(command: Any, path: str) -> Iterator[str]:
        if not hasattr(command, "commands"):
            yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from leaves(child, f"{path} {name}")

    text = (ROOT / "docs/operations/commands.md").read_text()
    assert [leaf for leaf in leaves(typer.main.get_command(app), "dialer") if f"    {leaf}" not in text] == []


def test_the_command_reference_has_every_setting() -> None:
    text = (ROOT / "docs/operations/commands.md").read_text()
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", text.split("## Settings")[1].split("## ")[0]))
    assert named == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("page", NAMES)
def test_every_link_leads_somewhere(page: str) -> None:
    prose = re.sub(r"^ {4}.*$", "", (ROOT / page).read_text(), flags=re.MULTILINE)
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", prose)
    broken = []
    for target, anchor in links:
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists():
            broken.append(target)
        elif anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            if anchor[1:] not in {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}:
                broken.append(f"{target}{anchor}")
    assert broken == []


@pytest.mark.parametrize("page", NAMES)
def test_every_target_of_make_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ {4}|^)make ([a-z][a-z-]*)", (ROOT / page).read_text(), re.MULTILINE))
    assert named <= targets


def test_every_log_event_that_operators_look_for_is_logged() -> None:
    cells = re.findall(
        r"^\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \|", (ROOT / "docs/operations/operate.md").read_text(), re.MULTILINE
    )
    events = re.findall(r"`([a-z_.]+)`", " ".join(cells))
    source = "".join(
        path.read_text()
        for folder in ("dialer", "recordings", "ari", "ami", "sql")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert len(events) > 15
    assert [event for event in events if f'"{event}"' not in source] == []


def test_the_diagrams_are_those_of_the_tables() -> None:
    assert state_machines.PAGE.read_text() == state_machines.page(), "run: python -m tests.support.state_machines"


@pytest.mark.parametrize(
    ("arrows", "table"),
    [
        (state_machines.call_arrows(), call_machine.TRANSITIONS),
        (state_machines.agent_arrows(), agent_machine.TRANSITIONS),
    ],
    ids=["call", "agent"],
)
def test_the_diagrams_show_every_arrow(
    arrows: state_machines.Arrows, table: dict[tuple[StrEnum, type], object]
) -> None:
    drawn = {(before, event) for (before, _after), events in arrows.items() for event in events}
    assert drawn == {(state, event.__name__) for state, event in table}
