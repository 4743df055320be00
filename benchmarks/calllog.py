"""Times between the switch's own events, from its call log (CEL)."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds, one per call."""

    values: Sequence[float]

    def percentile(self, share: float) -> float:
        """By nearest rank: the smallest value that at least this share of all does not exceed."""
        return sorted(self.values)[max(0, math.ceil(share * len(self.values)) - 1)]

    @property
    def median(self) -> float:
        return self.percentile(0.5)

    @property
    def p95(self) -> float:
        return self.percentile(0.95)

    @property
    def max(self) -> float:
        return max(self.values)


def answer_to_bridge(log: Path, prefix: str) -> dict[str, float]:
    """For each channel whose id begins so and that came into a bridge with somebody: milliseconds from its
    answer until both were in that bridge."""
    answered: dict[str, float] = {}
    entered: dict[str, tuple[str, float]] = {}
    present: dict[str, dict[str, float]] = {}
    with log.open(newline="") as file:
        for event, at, _caller, _extension, _name, channel, _linked, more in csv.reader(file):
            if event == "ANSWER":
                answered.setdefault(channel, float(at))
            elif event == "BRIDGE_ENTER":
                bridge = str(json.loads(more)["bridge_id"])
                entered.setdefault(channel, (bridge, float(at)))
                present.setdefault(bridge, {}).setdefault(channel, float(at))
    found: dict[str, float] = {}
    for channel, (bridge, entered_at) in entered.items():
        others = [seen for other, seen in present[bridge].items() if not other.startswith(prefix)]
        if channel.startswith(prefix) and channel in answered and others:
            found[channel] = (max(entered_at, min(others)) - answered[channel]) * 1000
    return found
