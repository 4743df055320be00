"""When a campaign may ring: hours of the week in the customer's local time, and their expansion into instants.

SQL only compares instants, so every rule about local time ends here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60

#: Instants, aware, UTC: [opens, closes).
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Week:
    """Opening hours. days: seven entries, Monday first; each holds (from, to) in minutes after local
    midnight, to <= 1440, in order and disjoint. always: any hour of any day, whatever `days` says."""

    days: tuple[tuple[tuple[int, int], ...], ...]
    always: bool = False

    @property
    def minutes(self) -> int:
        """Open minutes in an ordinary week."""
        if self.always:
            return 7 * MINUTES_A_DAY
        return sum(to - start for day in self.days for start, to in day)


def open_intervals(week: Week, zones: Sequence[str], since: datetime, days: int) -> list[Interval]:
    """The instants between `since` and `since + days` at which the hours are open in every one of `zones`.

    Intervals are ordered, disjoint and clipped to that span. Where a clock change makes a local time
    happen twice or never, the reading that rings less is taken.
    """
    until = since + timedelta(days=days)
    if week.always:
        return [(since, until)]
    if not zones:
        return []
    per_zone = (_in_zone(week, ZoneInfo(name), since, until) for name in zones)
    return reduce(_both, per_zone)


def open_hours_a_week(week: Week, zones: Sequence[str], since: datetime) -> float:
    """Hours of the coming seven days at which the window is open in all zones."""
    spans = open_intervals(week, zones, since, 7)
    return sum((closes - opens).total_seconds() for opens, closes in spans) / 3600


def _in_zone(week: Week, zone: ZoneInfo, since: datetime, until: datetime) -> list[Interval]:
    found: list[Interval] = []
    day = since.astimezone(zone).date() - timedelta(days=1)
    last = until.astimezone(zone).date()
    while day <= last:
        for start, end in week.days[day.weekday()]:
            opens = max(_readings(day, start, zone))
            closes = min(_readings(day, end, zone))
            opens, closes = max(opens, since), min(closes, until)
            if opens < closes:
                _append(found, opens, closes)
        day += timedelta(days=1)
    return found


def _append(found: list[Interval], opens: datetime, closes: datetime) -> None:
    if found and found[-1][1] >= opens:
        found[-1] = (found[-1][0], max(found[-1][1], closes))
    else:
        found.append((opens, closes))


def _readings(day: date, minute: int, zone: ZoneInfo) -> Iterable[datetime]:
    whole, rest = divmod(minute, MINUTES_A_DAY)
    local = datetime.combine(day + timedelta(days=whole), time(rest // 60, rest % 60), zone)
    return (local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC))


def _both(left: list[Interval], right: list[Interval]) -> list[Interval]:
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        opens = max(left[i][0], right[j][0])
        closes = min(left[i][1], right[j][1])
        if opens < closes:
            found.append((opens, closes))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return found
