"""Fill `@NAME@` in configuration templates; a name without a value is an error, never an empty string."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from domain.errors import BadInput
from domain.i18n import _

_PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")
#: What could end a line, start a comment or start another section of an Asterisk file.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f;\[\]@]")


def placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def fill(text: str, values: Mapping[str, str], *, where: str) -> str:
    """The text with every placeholder replaced. Raises BadInput for a missing or an unsafe value."""

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            text = _("{where}: no value for {name}; the template and the code that fills it disagree.")
            raise BadInput(text.format(where=where, name=name))
        if _UNSAFE.search(values[name]):
            text = _("{where}: the value of {name} has a character that an Asterisk file cannot hold.")
            raise BadInput(text.format(where=where, name=name))
        return values[name]

    return _PLACEHOLDER.sub(one, text)


def render_folder(templates: Path, target: Path, values: Mapping[str, str]) -> None:
    """Write every *.conf of a folder, filled, into the target; readable by the owner only, as it holds secrets."""
    target.mkdir(parents=True, exist_ok=True)
    for template in sorted(templates.glob("*.conf")):
        write_private(target / template.name, fill(template.read_text(), values, where=template.name))


def render_agents(template: Path, target: Path, agents: Iterable[tuple[str, str]], values: Mapping[str, str]) -> None:
    """Repeat a template for every agent, given as (name, secret)."""
    text = template.read_text()
    parts = [fill(text, {**values, "AGENT": name, "AGENT_SECRET": key}, where=template.name) for name, key in agents]
    write_private(target, "".join(parts))


def write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
