from __future__ import annotations

import io
import json
import logging
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dialer import telemetry
from domain.outcome import Outcome

pytestmark = pytest.mark.unit


@contextmanager
def configured(*, as_json: bool = True, level: str = "INFO") -> Iterator[io.StringIO]:
    """The log set up for real, into a string, and everything put back afterwards."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, root_level = list(root.handlers), root.level
    telemetry.configure(json=as_json, level=level, stream=stream)
    try:
        yield stream
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(root_level)


def logged(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event as they come out of the whole chain."""
    with configured() as stream:
        structlog.get_logger().info("something.happened", **fields)
    entry: dict[str, Any] = json.loads(stream.getvalue())
    return entry


def digit_runs(text: str) -> list[str]:
    """Every group of digits that a person could read as one number."""
    return [re.sub(r"\D", "", run) for run in re.findall(r"\d(?:[\s().\-/]{0,4}\d)*", text)]


digits = st.text("0123456789", min_size=7, max_size=15)
gap = st.sampled_from(["", "", "", " ", "-", " (", ") ", ".", " - ", "\u00a0", "/"])


@st.composite
def telephone_numbers(draw: st.DrawFn) -> str:
    number = draw(digits)
    return draw(st.sampled_from(["", "+", "+("])) + "".join(d + draw(gap) for d in number[:-1]) + number[-1]


#: Text around a number, without digits of its own.
prose = st.text(st.characters(exclude_categories=["Cs", "Nd"]), max_size=30)
harmless_keys = st.sampled_from(
    ["reason", "detail", "what", "attempt", "campaign", "channel", "error", "путь", "lead_id"]
)


@given(prose, telephone_numbers(), prose)
def test_no_number_passes_in_text(before: str, number: str, after: str) -> None:
    shown = telemetry.mask_text(f"{before}{number}{after}")
    assert number not in shown
    assert max(map(len, digit_runs(shown)), default=0) < 7


@given(
    harmless_keys, prose, telephone_numbers(), st.sampled_from(["plain", "list", "dict", "exception", "key", "context"])
)
def test_no_number_passes_the_whole_chain(key: str, before: str, number: str, how: str) -> None:
    text = f"{before} {number}"
    with configured() as stream:
        log = structlog.get_logger()
        match how:
            case "plain":
                log.info("x", **{key: text})
            case "list":
                log.info("x", **{key: [text, (text, {text})]})
            case "dict":
                log.info("x", **{key: {"deep": {"deeper": text}}})
            case "key":
                log.info("x", **{key: {text: 1}})
            case "context":
                with structlog.contextvars.bound_contextvars(**{key: text}):
                    log.info("x")
            case _:
                try:
                    try:
                        raise ValueError(text)
                    except ValueError as cause:
                        raise RuntimeError("outer") from cause
                except RuntimeError:
                    log.exception("x", **{key: ValueError(text)})
    entry = json.loads(stream.getvalue())
    del entry["timestamp"]
    rest = json.dumps(entry, ensure_ascii=False)
    assert number not in rest
    assert max(map(len, digit_runs(rest)), default=0) < 7


@given(
    st.integers(10**6, 10**15),
    st.sampled_from(["value", "reason", "what", "x"]),
    st.sampled_from([int, float, Decimal]),
)
def test_a_large_number_under_an_unknown_name_does_not_pass(number: int, key: str, kind: type) -> None:
    entry = logged({key: kind(number)})
    assert entry[key] == "[number]"


@given(
    st.integers(0, 10**15), st.sampled_from(["attempt", "lead_id", "campaign", "size_bytes", "took_ms", "number_id"])
)
def test_ids_and_measures_pass(number: int, key: str) -> None:
    assert logged({key: number})[key] == number


personal_keys = st.sampled_from(
    [
        "name",
        "first_name",
        "lead_name",
        "customerName",
        "phone",
        "phone_number",
        "number",
        "e164",
        "caller_id",
        "callerId",
        "company",
        "city",
        "email",
        "note",
        "card",
        "customer",
        "extra",
        "Name",
        "PHONE",
    ]
)
secret_keys = st.sampled_from(
    [
        "password",
        "ami_password",
        "secret",
        "clientSecret",
        "token",
        "api_key",
        "apiKey",
        "authorization",
        "Authorization",
        "cookie",
        "dsn",
        "database_dsn",
        "ari_credentials",
        "private_key",
        "session",
    ]
)
values = st.recursive(
    st.text(min_size=8, max_size=20).filter(lambda s: s.strip() and "secret" not in s and "private" not in s),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.just("x"), inner, min_size=1),
    max_leaves=3,
)


@given(personal_keys, values)
def test_no_personal_field_passes(key: str, value: Any) -> None:
    entry = logged({"fields": {key: value}, key: value})
    assert entry[key] == entry["fields"][key] == "[private]"


@given(secret_keys, values)
def test_no_secret_field_passes(key: str, value: Any) -> None:
    entry = logged({"fields": {key: value}, key: value})
    assert entry[key] == entry["fields"][key] == "[secret]"


@given(values)
def test_personal_data_meant_for_nobody_is_dropped(value: Any) -> None:
    entry = logged({"pii.name": value, "pii": value, "fields": {"pii.phone": value}})
    assert entry["fields"] == {}
    assert not any(key.startswith("pii") for key in entry)


@pytest.mark.parametrize(
    "key", ["campaign_name", "trunk_name", "campaignName", "logger", "number_id", "person_id", "task_names", "list"]
)
def test_names_of_things_pass(key: str) -> None:
    assert logged({key: "spring"})[key] == "spring"


passwords = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=20).map(
    lambda s: f"Zq{s}"
)


@given(
    passwords,
    st.sampled_from(
        [
            "postgresql://dialer:{}@db/dialer",
            "connecting to http://{}@host/ari failed",
            "password={}",
            "AMI_PASSWORD: {}, next",
            '{{"secret": "{}"}}',
            "token '{}' refused",
            "token is {}",
            "api_key={}&x=1",
            "Authorization: Basic {}",
            "sent header Bearer {}xx",
        ]
    ),
)
def test_no_secret_passes_in_text(secret: str, form: str) -> None:
    assert secret not in telemetry.mask_text(form.format(secret))


@given(st.text(st.characters(categories=["Lu", "Ll"]), min_size=5, max_size=20).map(lambda s: f"Жщ{s}"))
def test_no_personal_field_passes_inside_text(name: str) -> None:
    forms = [
        f"LeadCard(lead=1, name={name!r}, company='x')",
        f"{{'name': {name!r}}}",
        f"DETAIL:  Key (client_id, name)=(1, {name}) already exists.",
        f"DETAIL:  Failing row contains (1, {name}, (x), 2).",
    ]
    for form in forms:
        assert name not in telemetry.mask_text(form)


@dataclass
class Card:
    name: str = "Оксана"


def test_an_objects_repr_is_never_shown() -> None:
    assert logged({"value": Card(), "raw": b"secret"}) | {"timestamp": ""} == {
        "event": "something.happened",
        "level": "info",
        "timestamp": "",
        "value": "<Card>",
        "raw": "<bytes>",
    }


def test_what_the_engine_says_is_readable() -> None:
    fields = {
        "attempt": 71,
        "channel": "pd-000000000071",
        "leg": "ag-000004-000000012 left ab-000004-000000012",
        "outcome": Outcome.NO_ANSWER,
        "due_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
        "took": timedelta(seconds=1.5),
        "share": 0.031,
        "path": Path("x/y"),
        "ok": True,
        "nothing": None,
        "host": "192.168.100.12:5432",
        "error": ValueError("switch at pd-000000000071: gone"),
    }
    entry = logged(fields)
    assert {key: entry[key] for key in fields} == {
        "attempt": 71,
        "channel": "pd-000000000071",
        "leg": "ag-000004-000000012 left ab-000004-000000012",
        "outcome": "NO_ANSWER",
        "due_at": "2026-11-21T12:00:00+00:00",
        "took": 1.5,
        "share": 0.031,
        "path": "x/y",
        "ok": True,
        "nothing": None,
        "host": "192.168.100.12:5432",
        "error": "ValueError: switch at pd-000000000071: gone",
    }


@pytest.mark.parametrize("fake", ["pd-380501234567", "pd-0000000000711", "xpd-0380501234567", "+7-pd-79001234567"])
def test_a_number_dressed_as_an_id_does_not_pass(fake: str) -> None:
    assert max(map(len, digit_runs(telemetry.mask_text(fake))), default=0) < 7


@pytest.mark.parametrize("library", ["aioari", "panoramisk", "asyncpg", "asyncio", "some.other"])
def test_other_libraries_pass_the_same_filter_from_warning_up(library: str) -> None:
    with configured() as stream:
        logging.getLogger(library).info("quiet")
        logging.getLogger(library).warning("Originate to %s refused, password=%s", "+380501234567", "hunter22")
    entries = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(e["logger"], e["level"], e["event"]) for e in entries] == [
        (library, "warning", "Originate to [number] refused, password=[secret]")
    ]


def test_an_exception_of_another_library_passes_the_filter() -> None:
    with configured() as stream:
        try:
            raise KeyError("79001234567")
        except KeyError:
            logging.getLogger("panoramisk").exception("lost")
    entry = json.loads(stream.getvalue())
    assert "KeyError" in entry["exception"]
    assert "test_telemetry.py" in entry["exception"]
    assert "79001234567" not in stream.getvalue()


def test_warnings_are_logged() -> None:
    with configured() as stream, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("call 79001234567", stacklevel=1)
    assert "[number]" in json.loads(stream.getvalue())["event"]


def test_the_level_holds_for_the_product() -> None:
    with configured(level="warning") as stream:
        structlog.get_logger().info("quiet")
        structlog.get_logger().warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_setting_up_twice_does_not_log_twice() -> None:
    with configured() as first, configured() as second:
        logging.getLogger("asyncpg").warning("once")
        structlog.get_logger().info("once too")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 2


@given(st.text(max_size=60))
def test_a_value_cannot_forge_a_line(text: str) -> None:
    for as_json in (True, False):
        with configured(as_json=as_json) as stream:
            logging.getLogger("x").warning("%s", text)
            structlog.get_logger().info("y", reason=text)
        assert len(stream.getvalue().splitlines()) == 2


def test_the_console_shows_columns_without_colours_in_a_file() -> None:
    with configured(as_json=False) as stream:
        structlog.get_logger().info("call.ended", attempt=71, reason="+7 900 123-45-67")
    line = stream.getvalue()
    assert "call.ended" in line
    assert "attempt=71" in line
    assert "[number]" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(
    "piece", ["a", "a_", "a-", "1", "1 (", "password ", "://", "name=", "Key (", "token='", "basic ", "://a:"]
)
def test_no_text_makes_the_filter_slow(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.perf_counter()
    logged({"reason": text, "exception": f"{text}\n{text}"})
    assert time.perf_counter() - began < 2


def test_of_a_long_traceback_the_end_is_kept() -> None:
    shown = logged({"exception": "first line\n" + "middle\n" * 5000 + "ValueError: last line"})["exception"]
    assert shown.endswith("ValueError: last line")
    assert len(shown) < 10_000
