"""The rules that a campaign's JSON document states, and what holds where it is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HOUR = 3600.0
_DAY = 86400.0

_DELAYS: Mapping[str, tuple[float, ...]] = {
    "NO_ANSWER": (_HOUR, 4 * _HOUR),
    "BUSY": (600, 600, _HOUR),
    "REJECTED": (_DAY,),
    "UNREACHABLE": (3 * _HOUR, _DAY),
    "INVALID_NUMBER": (_DAY,),
    "BARRED": (300,),
    "TRUNK_FAIL": (300,),
    "NO_RESPONSE": (300,),
    "CUSTOMER_HUNG_EARLY": (1800,),
    "ENGINE_CANCEL": (60,),
    "NOT_PLACED": (60,),
    "NODE_LOST": (600,),
    "UNKNOWN": (_HOUR,),
}
_REPEATS: Mapping[str, float] = {
    "BAD_LINE": 1800,
    "SILENT": _HOUR,
    "MACHINE_AGENT": 3 * _HOUR,
    "DISPO_TIMEOUT": _DAY,
}


@dataclass(frozen=True, slots=True)
class Rules:
    document: Mapping[str, Any]

    @property
    def max_attempts(self) -> int:
        return int(self.document.get("max_attempts", 3))

    @property
    def max_promise_attempts(self) -> int:
        return int(self.document.get("max_promise_attempts", 3))

    @property
    def max_uncounted_per_day(self) -> int:
        return int(self.document.get("max_uncounted_per_day", 2))

    @property
    def no_agent_limit_s(self) -> float:
        return float(self.document.get("no_agent_limit_s", 2.0))

    def after_outcome(self, outcome: str, run: int, counted: bool, promised: bool) -> float:
        """Seconds from the end of an attempt until the lead may be called again, if nothing was said.

        run: how many times in a row the outcome has come.
        """
        if outcome in ("ABANDONED", "AGENT_MISSED"):
            wait = float(self.document.get("after_abandon_s", 72 * _HOUR))
        else:
            stated = self.document.get("retry", {}).get(outcome, {}).get("delays_s")
            delays = tuple(stated) if stated else _DELAYS.get(outcome, (0.0,))
            wait = float(delays[min(run, len(delays)) - 1])
            if promised and outcome != "INVALID_NUMBER":
                wait = min(wait, float(self.document.get("promise_retry_s", 900)))
        return wait if counted else max(wait, float(self.document.get("uncounted_wait_s", 60)))

    def after_disposition(self, code: str) -> float | None:
        """Seconds until the lead may be called again after a result that ends nothing; None for any other."""
        if code not in _REPEATS:
            return None
        return float(self.document.get("repeat", {}).get(code, {}).get("delay_s", _REPEATS[code]))


def ends_nothing(code: str) -> bool:
    """The lead is simply called again: nothing was said that would restart the count of attempts."""
    return code in _REPEATS
