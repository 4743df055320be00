from __future__ import annotations

import pytest

from sql.pool import place

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://anna:s3cret@db.example:5433/dialer", "db.example:5433/dialer"),
        ("postgresql://anna:s3@cret@db.example/dialer?sslmode=require&password=s3cret", "db.example/dialer"),
        ("postgres://a:s3cret@one:1,two:2/dialer", "one:1,two:2/dialer"),
        ("postgresql:///dialer", "localhost/dialer"),
        ("host=db password=s3cret", "(unreadable DSN)"),
        ("postgresql://[s3cret/x", "(unreadable DSN)"),
        ("s3cret", "(unreadable DSN)"),
    ],
)
def test_what_is_shown_of_a_dsn_holds_no_user_and_no_secret(dsn: str, shown: str) -> None:
    assert place(dsn) == shown
    assert "s3" not in place(dsn)
