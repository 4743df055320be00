"""The log: one line per event, for people (console) or machines (JSON), without personal data or secrets.

The product logs event names with ids; what other libraries say through `logging` passes the same filter.
The filter is a net below that rule, not a licence: a person's name in free text cannot be recognised.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from pathlib import PurePath
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

NUMBER = "[number]"
SECRET = "[secret]"  # noqa: S105 - the word that replaces one
PRIVATE = "[private]"

# ---- what is recognised ------------------------------------------------------------------------

#: Whole numbers of any size may stand under these names; anything else of 7 digits may be a telephone number.
_PLAIN_KEY = re.compile(
    "agent|attempt|bytes|campaign|cause|code|count|engine|epoch|lead|limit|line|list|pid|port|promise|rows|seq|shift"
    "|total|version|.*_(?:id|ms|s|us|ns|bytes|count|rows|total|epoch)"
)
_LARGEST_PLAIN = 999_999
_ADDRESS_KEY = re.compile("host|peer|listen|remote")

_SECRET_KEY_WORD = re.compile(
    "password|passwd|passphrase|pwd|secrets?|tokens?|authorization|auth|cookies?|credentials?|dsn|session|signature"
    "|(?:api|private|access|secret)_?key"
)
_PRIVATE_KEY_WORD = re.compile(
    "(?:tele)?phones?|msisdn|e164|numbers?|caller_?id|connected|e?mail|surname|patronymic|fio|company|city|notes?|card"
    "|dtmf|person|customer|contact|birthday|passport|inn|extra|columns|cells"
)
#: A name is a person's unless the word before it says whose it is.
_NAME_KEY = re.compile("(?:.*_)?names?")
_THING_NAME_KEY = re.compile("(?:.*_)?(?:campaign|trunk|queue|task|logger|event|setting|query|job|node)_names?")

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_GAP = r"[\s().\-/\u00a0\u2010-\u2015\u202f]"
#: Seven digits or more, however they are grouped within a line.
_TELEPHONE = re.compile(rf"\+?\(?\d(?:(?!\n){_GAP}{{0,4}}\d)" + r"{6,}")
#: Channel, bridge and playback names of domain.ids: zero-padded, as no international number is.
_OUR_IDS = re.compile(r"(?<![\w+])(?:(?:pd|am)-0\d{11}|(?:ag|ab)-0\d{5}-0\d{8})(?!\d|[\s().\-]{0,4}\d)", re.ASCII)
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d{1,5})?", re.ASCII)

#: Every pattern begins with a word of its own and repeats within bounds, so that no text makes it slow.
_URL_USER = re.compile(r"(?<=://)(?:[^\s/@]{0,100}:[^\s]{0,200}|[^\s/@:]{1,200})@")
_SECRET_TEXT = re.compile(
    r"""(?ix) ( (?: passw(?:or)?d | passphrase | \bpwd | secret | token | (?:api|private)[_-]?key | authorization
                  | cookie | credential ) \w{0,20} ["']? \s{0,4} (?: [:=] | \bis\b | (?=\s["']) ) \s{0,4} )
              ( "[^"\n]*" | '[^'\n]*' | (?: bearer | basic | digest ) \s+ [^\n]+ | [^\s,;&]+ )"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_PRIVATE_TEXT = re.compile(
    r"""(?ix) (?<![a-z]) ( (?: name | company | city | phone | number | e164 | caller_?id | email | note | extra
                             | customer | contact ) ["']? \s{0,4} [:=] \s{0,4} )
              ( "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | \{[^}\n]*\} )"""
)
#: PostgreSQL quotes values in the details of its errors.
_DB_KEY = re.compile(r"(Key \([^)\n]{0,200}\)=)\([^\n]*?\)(?= |$|\n|\.)")
_DB_ROW = re.compile(r"(Failing row contains )\([^\n]*\)")
_MANY_DIGITS = re.compile(r"(?:\d\D{0,4}){6}\d")
_LONGEST_TEXT = 8_192
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


def mask_text(text: str) -> str:
    """The text without telephone numbers, secrets and the values of personal fields."""
    if "://" in text:
        text = _URL_USER.sub(f"{SECRET}@", text)
    text = _SECRET_TEXT.sub(rf"\1{SECRET}", text)
    text = _BEARER.sub(rf"\1 {SECRET}", text)
    if "(" in text:
        text = _DB_KEY.sub(rf"\1({PRIVATE})", text)
        text = _DB_ROW.sub(rf"\1({PRIVATE})", text)
    text = _PRIVATE_TEXT.sub(rf"\1{PRIVATE}", text)
    return _mask_numbers(text) if _MANY_DIGITS.search(text) else text


def _mask_numbers(text: str) -> str:
    pieces, start = [], 0
    for found in _OUR_IDS.finditer(text):
        pieces += [_TELEPHONE.sub(NUMBER, text[start : found.start()]), found.group()]
        start = found.end()
    return "".join([*pieces, _TELEPHONE.sub(NUMBER, text[start:])])


def _one_line(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + " …"
    return _CONTROL.sub(" ", mask_text(text))


def _trace(text: str) -> str:
    """A traceback; of a very long one the end, from the start of a line."""
    if len(text) > _LONGEST_TEXT:
        text = "…\n" + text[-_LONGEST_TEXT:].partition("\n")[2]
    return mask_text(text)


def _forbidden(key: str) -> str | None:
    """The word that takes the place of this key's value, or None if the value may be shown."""
    words = [word.lower() for word in _WORDS.findall(key)]
    parts = {*words, *("_".join(pair) for pair in pairwise(words))}
    if any(_SECRET_KEY_WORD.fullmatch(part) for part in parts):
        return SECRET
    if "caller_id" in parts:
        return PRIVATE
    if words and words[-1] == "id":
        return None
    snake = "_".join(words)
    if _NAME_KEY.fullmatch(snake):
        return None if _THING_NAME_KEY.fullmatch(snake) else PRIVATE
    return PRIVATE if any(_PRIVATE_KEY_WORD.fullmatch(part) for part in parts) else None


def _shown(key: str, value: object) -> object:
    """The value as it may stand in the log under this key: only plain types, never an object's repr."""
    if isinstance(value, Enum):
        return _shown(key, value.value)
    if isinstance(value, Mapping):
        return _redacted(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(key, item) for item in value]
    return _shown_scalar(key, value)


def _shown_scalar(key: str, value: object) -> object:
    match value:
        case None | bool():
            return value
        case int() | float():
            return NUMBER if abs(value) > _LARGEST_PLAIN and not _PLAIN_KEY.fullmatch(key) else value
        case Decimal():
            return _shown_scalar(key, float(value))
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case str():
            if _ADDRESS_KEY.fullmatch(key) and _IPV4.fullmatch(value):
                return value
            return _trace(value) if key in ("exception", "stack") else _one_line(value)
        case PurePath():
            return _one_line(str(value))
        case BaseException():
            return f"{type(value).__name__}: {_one_line(str(value))}"
        case _:
            return f"<{type(value).__name__}>"


def _redacted(fields: Mapping[Any, object]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for key, value in fields.items():
        name = str(key)
        if name == "pii" or name.startswith("pii."):
            continue
        shown[_one_line(name)] = _forbidden(name) or _shown(name, value)
    return shown


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """structlog processor: drop `pii.*`, mask secrets, personal fields, telephone numbers; also in exceptions."""
    return _redacted(event)


# ---- set-up ------------------------------------------------------------------------------------


def configure(*, json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send the product's events (from `level` up) and other libraries' warnings to `stream` (stderr).

    json: one object per line; otherwise columns for people. May be called again; the last call holds.
    """
    target = stream or sys.stderr
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    after: list[Processor] = [
        redact,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        renderer,
    ]
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _route_libraries(target, before, after)


def _route_libraries(target: TextIO, before: list[Processor], after: list[Processor]) -> None:
    """Everything that comes through `logging` is another library's: warnings and worse, same filter and form."""
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in ("aioari", "aioswagger11", "panoramisk", "asyncpg", "aiohttp", "asyncio"):
        library = logging.getLogger(name)
        library.setLevel(logging.WARNING)
        library.propagate = True
    logging.captureWarnings(True)
