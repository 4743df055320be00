"""The shape of a check's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from witness.facts import Facts


@dataclass(frozen=True, slots=True)
class Violation:
    """subject: ids only, never a number or a name."""

    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Finding:
    """examined: how many things were looked at; a check that looked at nothing proves nothing."""

    examined: int
    violations: Sequence[Violation]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    title: str
    look: Callable[[Facts], Finding]
