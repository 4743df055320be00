"""Nothing that comes from or goes to Asterisk can break the adapter."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari.events import WANTED, EventTranslator
from ari.orders import check, variable_of
from domain.errors import NotPlaced, TelephonyError
from domain.ports import OriginateOrder

pytestmark = pytest.mark.property

_NOW = datetime(2026, 5, 5, tzinfo=UTC)
_KEYS = st.sampled_from(
    [
        "type",
        "timestamp",
        "channel",
        "peer",
        "bridge",
        "playback",
        "id",
        "state",
        "cause",
        "tech_cause",
        "soft",
        "dialstatus",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(WANTED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=15,
)


class _Clock:
    def now(self) -> datetime:
        return _NOW

    def monotonic(self) -> float:
        return 0.0


@given(kind=st.sampled_from(WANTED) | _JSON, rest=st.dictionaries(_KEYS, _JSON, max_size=8))
def test_any_event_is_translated_ignored_or_counted_but_never_raises(kind: object, rest: dict[str, object]) -> None:
    translator = EventTranslator(_Clock())
    found = translator.translate({**rest, "type": kind})
    if found is not None:
        assert found.at.tzinfo is UTC
        assert not translator.malformed
        assert not translator.unknown


@given(value=_JSON)
def test_any_json_value_may_stand_in_the_stream(value: object) -> None:
    EventTranslator(_Clock()).translate(value)


@given(number=st.text(max_size=25), caller=st.text(max_size=25), channel=st.text(max_size=25))
def test_only_digits_and_plain_ids_reach_asterisk(number: str, caller: str, channel: str) -> None:
    order = OriginateOrder(channel, f"PJSIP/{number}@carrier", 25, 60, caller, "customer")
    try:
        check(order)
    except NotPlaced:
        return
    assert number.isascii()
    assert number.isdigit()
    assert caller == "" or (caller.isascii() and caller.lstrip("+").isdigit())
    assert channel.isascii()
    assert not set(channel) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@given(value=st.text(max_size=40))
def test_value_that_passes_is_one_plain_line(value: str) -> None:
    try:
        _, passed = variable_of("X", value)
    except TelephonyError:
        return
    assert passed == value
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") for sign in passed)
    assert len(passed.splitlines()) <= 1
