"""The outbound gate: a run-time copy of a trunk's endpoint, one per engine (docs/adr/0007)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from domain.errors import TelephonyError
from domain.i18n import _

_TRUNK = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_EPOCHS = range(1, 10**9)

#: Read back in a form that is not to be written (a caller's name "<unknown>", an option that went).
_UNWRITABLE = frozenset({"callerid", "stir_shaken"})


def gate_of(trunk: str, epoch: int) -> str:
    """Name of a trunk's outbound gate: `<trunk>-e<epoch, 9 digits>`."""
    if not _TRUNK.fullmatch(trunk):
        raise TelephonyError(_("not a valid trunk name: letters, digits, dash and underscore, at most 40"))
    if epoch not in _EPOCHS:
        raise TelephonyError(_("the epoch must be a whole number from 1 to 999999999"))
    return f"{trunk}-e{epoch:09d}"


def gate_fields(trunk_fields: Any, trunk: str, closed_context: str) -> Sequence[tuple[str, str]]:
    """The gate's fields, from those of the trunk's own endpoint as ARI lists them. Raises TelephonyError
    for a list that cannot be read.

    identify_by: with any other value, whoever writes the gate's name into From is taken for it.
    """
    changed = {
        "aors": trunk,
        "identify_by": "header",
        "context": closed_context,
        "allow_transfer": "no",
    }
    try:
        if not isinstance(trunk_fields, list):
            raise TypeError
        known = [(str(one["attribute"]), str(one["value"])) for one in trunk_fields]
    except (KeyError, TypeError):
        raise TelephonyError(_("the switch's list of the trunk's settings could not be read")) from None
    kept = [(name, value) for name, value in known if name not in _UNWRITABLE and name not in changed]
    return [*kept, *changed.items()]
