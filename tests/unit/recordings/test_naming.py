from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import AttemptId, customer_channel
from recordings import naming

pytestmark = pytest.mark.unit

attempts = st.integers(1, 10**12 - 1).map(AttemptId)


def test_a_path_is_made_of_the_day_and_the_attempt() -> None:
    at = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert naming.archive_path(AttemptId(71), at) == "2026/03/04/000000000071.wav"
    assert naming.raw_name("pd-000000000071") == "pd-000000000071.raw"


def test_the_day_is_the_one_in_utc() -> None:
    late = datetime(2026, 3, 5, 1, 30, tzinfo=timezone(timedelta(hours=3)))
    assert naming.archive_path(AttemptId(1), late).startswith("2026/03/04/")


@given(attempts, st.datetimes(timezones=st.just(UTC)))
def test_names_lead_back_to_their_attempt_only(attempt: AttemptId, at: datetime) -> None:
    assert naming.attempt_of_raw(naming.raw_name(customer_channel(attempt))) == attempt
    path = naming.archive_path(attempt, at)
    assert naming.is_archive_path(path, attempt)
    assert not naming.is_archive_path(path, AttemptId(attempt + 1))


@pytest.mark.parametrize(
    "path",
    [
        "../2026/03/04/000000000071.wav",
        "/2026/03/04/000000000071.wav",
        "2026/03/04/000000000071.wav\n",
        "2026/03/04/71.wav",
        "2026/03/04/../000000000071.wav",
        "٢026/03/04/000000000071.wav",
        "",
    ],
)
def test_any_other_path_is_not_ours(path: str) -> None:
    assert not naming.is_archive_path(path, AttemptId(71))


@pytest.mark.parametrize(
    "name",
    [
        "pd-71.raw",
        "pd-000000000071.raw\n",
        "pd-000000000071\n.raw",
        "pd-00000000007١.raw",
        "pd-000000000071.wav",
        ".pd-000000000071.raw",
        "ag-000001-000000001.raw",
        "pd-000000000071",
        ".raw",
        "",
    ],
)
def test_any_other_name_in_the_spool_is_passed_over(name: str) -> None:
    assert naming.attempt_of_raw(name) is None
