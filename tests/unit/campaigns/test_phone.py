from __future__ import annotations

import random

import phonenumbers
import pytest

from campaigns.phone import Phone, PhoneProblem, normalise

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "written",
    [
        "8 (900) 123-45-67",
        "+7 900 123 45 67",
        "9001234567",
        "79001234567",
        "8-900-123-45-67",
        "7 900\u00a0123\u201145\u201167",
        "79001234567.0",
        "'89001234567",
        "тел. 8 900 123 45 67",
        "89001234567 доб. 12",
        "89001234567 ext 12",
        "89001234567, 89007654321",
        "112; 89001234567",
        "  89001234567\t",
        "0079001234567",
    ],
)
def test_spellings_of_one_number(written: str) -> None:
    assert normalise(written, "RU", ("7",)) == Phone("79001234567")


@pytest.mark.parametrize(
    ("written", "country", "digits"),
    [
        ("050 123 45 67", "UA", "380501234567"),
        ("+380 50 123 45 67", "RU", "380501234567"),
        ("00380501234567", "UA", "380501234567"),
        ("810380501234567", "RU", "380501234567"),
        ("8 800 123 45 67", "RU", "78001234567"),
        ("8 495 123 45 67", "RU", "74951234567"),
    ],
)
def test_other_countries_and_lines(written: str, country: str, digits: str) -> None:
    assert normalise(written, country, ("7", "380")) == Phone(digits)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", PhoneProblem.EMPTY),
        (" \u00a0 ", PhoneProblem.EMPTY),
        ("NULL", PhoneProblem.MALFORMED),
        ("+79001234567\r\nApplication: System", PhoneProblem.MALFORMED),
        ("79001234567\x00", PhoneProblem.MALFORMED),
        ("79001234567\u2028", PhoneProblem.EMPTY),
        ("7900\u20281234567", PhoneProblem.MALFORMED),
        ("7900\x851234567", PhoneProblem.MALFORMED),
        ("79001234567&PJSIP/trunk/900", PhoneProblem.MALFORMED),
        ("79001234567@trunk", PhoneProblem.MALFORMED),
        ("79001234567/../x", PhoneProblem.MALFORMED),
        ("79001234567,n,System", PhoneProblem.MALFORMED),
        ("79001234567^x", PhoneProblem.MALFORMED),
        ("${SHELL(id)}79001234567", PhoneProblem.MALFORMED),
        ("٧٩001234567", PhoneProblem.MALFORMED),
        ("\uff179001234567", PhoneProblem.MALFORMED),
        ("7900\u200b1234567", PhoneProblem.MALFORMED),
        ("\u200f79001234567", PhoneProblem.MALFORMED),
        ("79001234567²", PhoneProblem.MALFORMED),
        ("7.9001E+10", PhoneProblem.SPREADSHEET_DAMAGE),
        ("7,9E+10", PhoneProblem.SPREADSHEET_DAMAGE),
        ("1e11", PhoneProblem.SPREADSHEET_DAMAGE),
        ("1" * 40, PhoneProblem.TOO_LONG),
        ("112", PhoneProblem.EMERGENCY_OR_SHORT),
        ("911", PhoneProblem.EMERGENCY_OR_SHORT),
        ("+112", PhoneProblem.EMERGENCY_OR_SHORT),
        ("123456", PhoneProblem.TOO_SHORT),
        ("2345678", PhoneProblem.TOO_SHORT),
        ("790012345678", PhoneProblem.NOT_VALID),
        ("+7 200 123 45 67", PhoneProblem.NOT_VALID),
        ("8809 123 45 67", PhoneProblem.PREMIUM),
        ("8-803-123-45-67", PhoneProblem.PREMIUM),
        ("+882 16 123 45 67", PhoneProblem.SATELLITE),
        ("+8816 1234 5678", PhoneProblem.SATELLITE),
        ("+7 954 123 45 67", PhoneProblem.SATELLITE),
        ("+44 20 7946 0958", PhoneProblem.COUNTRY_NOT_ALLOWED),
    ],
)
def test_refused_with_its_reason(written: str, problem: PhoneProblem) -> None:
    found = normalise(written, "RU", ("7",))
    if problem is PhoneProblem.EMPTY and written.strip(" \u00a0"):
        # A separator at the end is only white space to Unicode.
        assert found == Phone("79001234567")
    else:
        assert found is problem


def test_a_country_outside_the_list_is_refused_even_if_it_is_the_default_one() -> None:
    assert normalise("0501234567", "UA", ("7",)) is PhoneProblem.COUNTRY_NOT_ALLOWED


def test_the_short_way_for_russian_mobiles_agrees_with_the_library() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        digits = "79" + f"{chance.randrange(10**9):09d}"
        valid = phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))
        found = normalise(digits, "RU", ("7",))
        if digits.startswith("7954"):
            assert found is PhoneProblem.SATELLITE
        else:
            assert isinstance(found, Phone) == valid, digits[:5]
    for prefix in range(930000, 931000):
        digits = f"7{prefix}1234"
        valid = phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))
        assert isinstance(normalise(digits, "RU", ("7",)), Phone) == valid, digits
