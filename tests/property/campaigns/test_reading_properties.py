"""Whatever a cell or a file holds: digits or a named reason, rows or a message."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.loading.detect import inspect
from campaigns.loading.mapping import map_columns
from campaigns.loading.reader import read_rows
from campaigns.loading.rejects import harmless
from campaigns.phone import Phone, normalise
from campaigns.week import DAYS, week_from_document, week_to_document
from campaigns.zones import zone_named
from domain.calendar import open_intervals
from domain.errors import BadInput

pytestmark = pytest.mark.property

PHONE_LIKE = st.text(alphabet="0123456789+ ()-.,;/xEe#&@\u00a0\u200b\n7890", max_size=30)
ZONES = ["Europe/Kyiv", "Europe/Moscow", "Asia/Kamchatka", "America/New_York", "Australia/Lord_Howe", "UTC"]


@given(st.text(max_size=40) | PHONE_LIKE, st.sampled_from(["RU", "UA", "KZ", "DE", "US"]))
def test_only_digits_of_an_allowed_country_come_out(text: str, country: str) -> None:
    found = normalise(text, country, ("7", "380"))
    if isinstance(found, Phone):
        assert found.digits.isascii()
        assert found.digits.isdigit()
        assert found.digits.startswith(("7", "380"))
        assert 10 <= len(found.digits) <= 15
        assert normalise("+" + found.digits, country, ("7", "380")) == found


@given(st.text(max_size=40))
def test_a_zone_is_real_or_none(text: str) -> None:
    zone = zone_named(text)
    assert zone is None or ZoneInfo(zone).key == zone


@settings(deadline=None)
@given(
    st.binary(max_size=2000)
    | st.text(max_size=500).map(str.encode)
    | st.text('АБя;,"\n1+8 ', max_size=300).map(str.encode)
)
@example(b'phone\n"79001234567')
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbfphone\n79001234567\n")
@example(b"\r\r\r")
def test_any_bytes_are_rows_or_a_message(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.csv"
        path.write_bytes(content)
        try:
            facts = inspect(path)
            rows = list(read_rows(path, facts))
            map_columns(facts.sample, "RU")
        except BadInput:
            return
        assert [row.line for row in rows] == sorted({row.line for row in rows})


@given(st.text(max_size=20))
def test_no_cell_starts_a_formula(text: str) -> None:
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


SPAN = st.tuples(st.integers(0, 1438), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])


@given(
    st.dictionaries(st.sampled_from(DAYS), SPAN, min_size=1),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    st.integers(0, 2 * 365 * 1440).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)
def test_inside_an_interval_every_zone_is_open(
    hours: dict[str, tuple[int, int]], zones: list[str], since: datetime
) -> None:
    document = {
        day: [f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"]
        for day, (start, end) in hours.items()
    }
    week = week_from_document(document, "window")
    assert week_to_document(week) == {day: document.get(day, []) for day in DAYS}
    until, before = since + timedelta(days=8), since
    for opens, closes in open_intervals(week, zones, since, 8):
        assert before <= opens < closes <= until
        before = closes
        for moment in (opens, opens + (closes - opens) / 2, closes - timedelta(microseconds=1)):
            for zone in zones:
                local = moment.astimezone(ZoneInfo(zone))
                minute = local.hour * 60 + local.minute
                start, end = hours[DAYS[local.weekday()]]
                assert start <= minute < end, (zone, local)
