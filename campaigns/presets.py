"""Rules to start from, so that a manager sets a dozen things and not a hundred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.ruleset import HOUR, RETRY, CampaignRules
from domain.errors import BadInput
from domain.i18n import _
from domain.outcome import Outcome

_LAB_RETRY = {outcome.value: {"delays_s": [2.0]} for outcome in RETRY} | {
    # A line that is busy at once never rings, so such a dial never counts: the run ends it.
    Outcome.BUSY.value: {"delays_s": [2.0], "give_up_after": 3},
    Outcome.UNREACHABLE.value: {"delays_s": [2.0], "give_up_after": 3},
    Outcome.REJECTED.value: {"delays_s": [2.0], "give_up_after": 3},
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "cold": {},
    "warm": {"lines_per_agent": 1.2, "retry": {"NO_ANSWER": {"delays_s": [HOUR, 2 * HOUR]}}},
    "hot": {
        "lines_per_agent": 1.0,
        "abandon_target": 0.01,
        "retry": {"NO_ANSWER": {"delays_s": [1800, HOUR]}, "BUSY": {"delays_s": [300, 600, HOUR]}},
    },
    "lab": {
        "profile": "lab",
        "ring_timeout_s": 3,
        "min_ring_s": 1.0,
        "after_abandon_s": 5.0,
        "max_uncounted_per_day": 20,
        "uncounted_wait_s": 1.0,
        "promise_tolerance_s": 5.0,
        "promise_retry_s": 2.0,
        "calls_per_second": 20,
        "wrapup_limit_s": 10,
        "retry": _LAB_RETRY,
        "repeat": {
            "BAD_LINE": {"delay_s": 2.0, "repeats": 1},
            "SILENT": {"delay_s": 2.0, "repeats": 1},
            "MACHINE_AGENT": {"delay_s": 2.0, "repeats": 1},
            "DISPO_TIMEOUT": {"delay_s": 2.0, "repeats": 1},
        },
        "window": "always",
        "default_zone": "Europe/Moscow",
    },
}


def preset(name: str, overrides: Mapping[str, Any] | None = None) -> CampaignRules:
    """The preset's rules with some fields replaced. Raises BadInput for an unknown preset or a bad field."""
    if name not in PRESETS:
        raise BadInput(
            _("There is no preset {name}. Choose one of: {known}.").format(name=name, known=", ".join(PRESETS))
        )
    return CampaignRules.from_document({**PRESETS[name], **(overrides or {})})
