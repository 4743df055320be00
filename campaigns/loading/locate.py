"""Where a lead is, from the best evidence its row gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from campaigns.zones import zone_named, zones_of_number
from domain.calendar import Week, open_hours_a_week

#: Candidate zones that leave less than this are as good as none: the list would never be finished.
_USABLE_HOURS_A_WEEK = 10.0


@dataclass(frozen=True, slots=True)
class Locator:
    """default_zone: the base's own, for numbers that do not tell. now: to expand the window from."""

    week: Week
    default_zone: str | None
    now: datetime
    _usable: dict[tuple[str, ...], bool] = field(default_factory=dict)

    def zones(self, zone_cell: str, city_cell: str, number: str) -> tuple[str, ...]:
        """The row's zone, else its city's, else those of the number if they leave a usable window, else the
        default one; empty if nothing is known."""
        named = zone_named(zone_cell) or zone_named(city_cell)
        if named:
            return (named,)
        candidates = zones_of_number(number)
        if candidates and self._is_usable(candidates):
            return candidates
        return (self.default_zone,) if self.default_zone else ()

    def _is_usable(self, zones: tuple[str, ...]) -> bool:
        if zones not in self._usable:
            needed = min(_USABLE_HOURS_A_WEEK, self.week.minutes / 60)
            self._usable[zones] = open_hours_a_week(self.week, zones, self.now) >= needed
        return self._usable[zones]
