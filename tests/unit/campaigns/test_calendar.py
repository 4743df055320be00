from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.week import ALWAYS, same_hours, week_from_document, week_to_document
from domain.calendar import open_hours_a_week, open_intervals
from domain.errors import BadInput

pytestmark = pytest.mark.unit

MONDAY = datetime(2026, 7, 6, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_working_week_in_one_zone() -> None:
    spans = open_intervals(same_hours("09:00-20:00", days=5), ["Europe/Moscow"], MONDAY, 7)
    assert len(spans) == 5
    assert spans[0] == (utc("2026-07-06T06:00"), utc("2026-07-06T17:00"))
    assert spans[-1] == (utc("2026-07-10T06:00"), utc("2026-07-10T17:00"))


def test_open_only_when_open_in_every_zone() -> None:
    week = same_hours("09:00-20:00", days=7)
    both = open_intervals(week, ["Europe/Kaliningrad", "Asia/Vladivostok"], MONDAY, 1)
    # Kaliningrad opens at 07 UTC, Vladivostok closes at 10 UTC.
    assert both == [(utc("2026-07-06T07:00"), utc("2026-07-06T10:00"))]
    assert (
        open_intervals(same_hours("09:00-12:00", days=7), ["Europe/Kaliningrad", "Asia/Vladivostok"], MONDAY, 7) == []
    )


def test_clipped_to_the_span_asked_for() -> None:
    since = utc("2026-07-06T10:00")
    spans = open_intervals(same_hours("09:00-20:00", days=7), ["UTC"], since, 1)
    assert spans == [(since, utc("2026-07-06T20:00")), (utc("2026-07-07T09:00"), utc("2026-07-07T10:00"))]


def test_local_day_before_the_utc_day() -> None:
    spans = open_intervals(same_hours("09:00-20:00", days=7), ["Asia/Kamchatka"], utc("2026-07-05T22:00"), 1)
    assert spans == [
        (utc("2026-07-05T22:00"), utc("2026-07-06T08:00")),
        (utc("2026-07-06T21:00"), utc("2026-07-06T22:00")),
    ]


def test_hours_to_midnight_join_with_the_next_day() -> None:
    week = week_from_document({"mon": ["20:00-24:00"], "tue": ["00:00-02:00"]}, "window")
    assert open_intervals(week, ["UTC"], MONDAY, 7) == [(utc("2026-07-06T20:00"), utc("2026-07-07T02:00"))]


def test_the_night_the_clock_goes_forward() -> None:
    # Kyiv, 29 March 2026: 03:00 becomes 04:00 (01:00 UTC), so 03:30 never is.
    week = week_from_document({"sun": ["03:30-05:00"]}, "window")
    spans = open_intervals(week, ["Europe/Kyiv"], utc("2026-03-28T12:00"), 2)
    assert spans == [(utc("2026-03-29T01:30"), utc("2026-03-29T02:00"))]
    closing = week_from_document({"sun": ["01:00-03:30"]}, "window")
    spans = open_intervals(closing, ["Europe/Kyiv"], utc("2026-03-28T12:00"), 2)
    assert spans == [(utc("2026-03-28T23:00"), utc("2026-03-29T00:30"))]


def test_the_night_the_clock_goes_back() -> None:
    # Kyiv, 25 October 2026: 04:00 becomes 03:00 (01:00 UTC), so 03:30 is twice.
    opening = week_from_document({"sun": ["03:30-06:00"]}, "window")
    spans = open_intervals(opening, ["Europe/Kyiv"], utc("2026-10-24T12:00"), 2)
    assert spans == [(utc("2026-10-25T01:30"), utc("2026-10-25T04:00"))]
    closing = week_from_document({"sun": ["01:00-03:30"]}, "window")
    spans = open_intervals(closing, ["Europe/Kyiv"], utc("2026-10-24T12:00"), 2)
    assert spans == [(utc("2026-10-24T22:00"), utc("2026-10-25T00:30"))]


def test_ordinary_hours_keep_their_local_time_across_the_change() -> None:
    week = same_hours("09:00-20:00", days=7)
    spans = open_intervals(week, ["Europe/Kyiv"], utc("2026-10-24T00:00"), 3)
    assert [opens.hour for opens, _ in spans] == [6, 7, 7]


def test_always_is_one_span_whatever_the_zones() -> None:
    assert open_intervals(ALWAYS, [], MONDAY, 3) == [(MONDAY, MONDAY + timedelta(days=3))]
    assert open_hours_a_week(ALWAYS, ["UTC"], MONDAY) == 168


def test_the_document_of_a_week_survives() -> None:
    document = {day: ["09:00-13:00", "14:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    assert week_to_document(week_from_document(document, "window")) == document
    assert week_to_document(ALWAYS) == "always"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"mon": ["9-20"]}, "window.mon"),
        ({"tue": ["20:00-09:00"]}, "window.tue"),
        ({"wed": ["09:00-24:01"]}, "window.wed"),
        ({"thu": ["09:60-10:00"]}, "window.thu"),
        ({"fri": ["09:00-12:00", "11:00-13:00"]}, "window.fri"),
        ({"fry": ["09:00-12:00"]}, "window.fry"),
        ({"mon": "09:00-12:00"}, "window.mon"),
        ({}, "window"),
        ("sometimes", "window"),
    ],
)
def test_hours_that_cannot_be_meant(document: object, named: str) -> None:
    with pytest.raises(BadInput, match=named.replace(".", r"\.")):
        week_from_document(document, "window")
