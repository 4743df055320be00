"""Telephone numbers as people write them, turned into digits of E.164 or a named reason why not.

Only digits made here ever reach the switch. A cell may hold several numbers: the first that can be
called is taken. An extension is dropped, for the reception answers without it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from domain.errors import BadInput
from domain.i18n import _


class PhoneProblem(StrEnum):
    EMPTY = "empty phone"
    MALFORMED = "malformed phone"
    SPREADSHEET_DAMAGE = "phone damaged by a spreadsheet"  # 7.9E+10: the last digits are gone
    TOO_SHORT = "phone too short"
    TOO_LONG = "phone too long"
    EMERGENCY_OR_SHORT = "emergency or short number"
    NOT_VALID = "not a valid number"
    PREMIUM = "premium number"
    SATELLITE = "satellite or global network number"
    COUNTRY_NOT_ALLOWED = "country not allowed"


@dataclass(frozen=True, slots=True)
class Phone:
    """digits: E.164 without the plus sign."""

    digits: str


#: Spaces and dashes that word processors put into numbers; anything else outside ASCII is refused.
_SPACES = "\t\u00a0\u2007\u2009\u202f"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_TYPOGRAPHY = str.maketrans(_SPACES + _DASHES, " " * len(_SPACES) + "-" * len(_DASHES))
_EXPONENT = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d{1,2}", re.ASCII)
_FLOAT = re.compile(r"(\d{10,15})\.0+", re.ASCII)
_EXTENSION = re.compile(r"(?:доб(?:авочный|\.)?|вн(?:утр)?\.?|ext(?:ension|\.)?|[xх#])\s*\.?\s*\d{1,6}$", re.IGNORECASE)
_LABEL = re.compile(r"^(?:тел(?:ефон|\.)?|моб(?:ильный|\.)?|tel\.?|phone|mob(?:ile|\.)?)\s*[.:]?\s*", re.IGNORECASE)
_SEVERAL = re.compile(r"[,;/]")
_NOT_DIGITS = str.maketrans("", "", "+ ().-")
_WRITTEN = re.compile(r"\+?[0-9 ().\-]+", re.ASCII)
#: Every Russian mobile range of ten digits but 930 0xx, as the numbering plan has it; a test compares
#: this short way with the library, which needs 35 microseconds a number.
_RUSSIAN_MOBILE = re.compile(r"79(?:[0-24-9]\d|3[1-9])\d{7}", re.ASCII)
_RUSSIAN_SATELLITE = ("7954",)
_SHORTEST_SUBSCRIBER = 7
_LONGEST = 15
_COUNTRIES_WITH_TRUNK_EIGHT = ("RU", "KZ")

_NEVER = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER, PhoneNumberType.UAN}


def require_country(code: str) -> None:
    """Raises BadInput unless it is the ISO code of a country with a numbering plan."""
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise BadInput(_("{code} is not a country's code. Give two capitals, such as RU or UA.").format(code=code))


def normalise(text: str, default_country: str, allowed_prefixes: Sequence[str]) -> Phone | PhoneProblem:
    """text: one cell of a file. default_country: ISO code, for numbers without a country ("RU").
    allowed_prefixes: digits of E.164 of which a number must begin with one."""
    # Spreadsheets mark text with an apostrophe in front.
    cell = text.strip().removeprefix("'").translate(_TYPOGRAPHY).strip()
    if not cell:
        return PhoneProblem.EMPTY
    if _WRITTEN.fullmatch(cell):  # nearly every cell: no need to look for labels and second numbers
        return _one(_whole(cell), default_country, allowed_prefixes)
    if any(unicodedata.category(char).startswith("C") for char in cell):
        return PhoneProblem.MALFORMED
    if _EXPONENT.fullmatch(cell):
        return PhoneProblem.SPREADSHEET_DAMAGE
    first: PhoneProblem | None = None
    parts = _parts(cell)
    for part in parts:
        found = _one(part, default_country, allowed_prefixes)
        if isinstance(found, Phone):
            return found
        first = first or found
    return first or PhoneProblem.MALFORMED


def _parts(cell: str) -> list[str]:
    parts = [_bare(part) for part in _SEVERAL.split(cell)]
    # Several numbers only if each part is one: `79001234567/../x` is not a number with a remark.
    return parts if all(_WRITTEN.fullmatch(part) for part in parts) else []


def _bare(part: str) -> str:
    part = _LABEL.sub("", part.strip())
    part = _EXTENSION.sub("", part).strip() if any(not c.isdigit() for c in part) else part
    return _whole(part)


def _whole(part: str) -> str:
    """Spreadsheets give numbers a decimal nought."""
    found = _FLOAT.fullmatch(part)
    return found.group(1) if found else part


def _one(text: str, default_country: str, allowed: Sequence[str]) -> Phone | PhoneProblem:
    digits = text.translate(_NOT_DIGITS)
    if not digits:
        return PhoneProblem.MALFORMED
    if len(digits) <= 4:
        return PhoneProblem.EMERGENCY_OR_SHORT
    if len(digits) < _SHORTEST_SUBSCRIBER:
        return PhoneProblem.TOO_SHORT
    international = _international(text, digits, default_country)
    if international is None:
        return PhoneProblem.TOO_SHORT if len(digits) < 10 else PhoneProblem.NOT_VALID
    if len(international) > _LONGEST:
        return PhoneProblem.TOO_LONG
    problem = _refused(international)
    if problem is None and not international.startswith(tuple(allowed)):
        problem = PhoneProblem.COUNTRY_NOT_ALLOWED
    return problem or Phone(international)


def _international(text: str, digits: str, country: str) -> str | None:
    """Digits of E.164 as far as the writing tells; None if no country fits."""
    if text.startswith("+"):
        return digits
    if country in _COUNTRIES_WITH_TRUNK_EIGHT:
        if digits.startswith("810") and len(digits) > 11:
            return digits[3:]
        if len(digits) == 11 and digits[0] in "78":
            return "7" + digits[1:]
        if len(digits) == 10:
            return "7" + digits
    if digits.startswith("00") and len(digits) > 10:
        return digits[2:]
    try:
        national = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return digits if len(digits) > _LONGEST else None
    if phonenumbers.is_possible_number(national):
        return f"{national.country_code}{phonenumbers.national_significant_number(national)}"
    return digits if len(digits) > 10 else None


def _refused(digits: str) -> PhoneProblem | None:
    if digits.startswith(_RUSSIAN_SATELLITE):
        return PhoneProblem.SATELLITE
    if _RUSSIAN_MOBILE.fullmatch(digits):
        return None
    return _refused_by_plan(digits)


@lru_cache(maxsize=4096)
def _refused_by_plan(digits: str) -> PhoneProblem | None:
    try:
        number = phonenumbers.parse("+" + digits, None)
    except phonenumbers.NumberParseException:
        return PhoneProblem.NOT_VALID
    if (
        phonenumbers.region_code_for_country_code(number.country_code or 0)
        == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
    ):
        return PhoneProblem.SATELLITE
    if phonenumbers.number_type(number) in _NEVER:
        return PhoneProblem.PREMIUM
    if not phonenumbers.is_valid_number(number):
        if len(digits) < 10:
            return PhoneProblem.TOO_SHORT
        return PhoneProblem.NOT_VALID
    return None
