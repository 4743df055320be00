from __future__ import annotations

import pytest

from sql.catalog import QUERIES, load, parse

pytestmark = pytest.mark.unit

TEXT = """-- About this file.

-- name: first
-- What it is for.
-- An aside.
SELECT 1;

-- name: second
-- Another.
SELECT 2
"""


def test_a_file_is_split_by_names_with_purpose_and_sql() -> None:
    first, second = parse(TEXT, "x.sql")
    assert (first.name, first.purpose, first.sql) == ("first", "What it is for.", "-- An aside.\nSELECT 1")
    assert (second.name, second.purpose, second.sql) == ("second", "Another.", "SELECT 2")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;\n" + TEXT, "before the first"),
        (TEXT + "-- name: first\n-- Again.\nSELECT 3;\n", "first is defined twice"),
        ("-- name: bare\nSELECT 1;\n", "bare needs a '-- purpose'"),
        ("-- name: empty\n-- Nothing.\n\n", "empty needs"),
    ],
)
def test_a_malformed_file_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"x\.sql: .*{complaint}"):
        parse(text, "x.sql")


def test_a_catalog_is_read_once_and_an_unknown_name_is_an_error() -> None:
    catalog = load("dialing")
    assert load("dialing") is catalog
    assert len(catalog) == len(list(catalog))
    assert catalog["claim"].startswith("WITH clock")
    with pytest.raises(KeyError):
        catalog["clame"]


def test_every_file_of_the_project_can_be_read() -> None:
    for path in QUERIES.glob("*.sql"):
        assert len(load(path.stem)) > 0
