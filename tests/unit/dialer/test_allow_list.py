from __future__ import annotations

import pytest

from campaigns.presets import preset
from dialer.allow_list import COUNTRY, NUMBER_LENGTH, forbidden_by

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("79031234567", None),
        ("380441234567", None),
        ("3804412", None),
        ("112", NUMBER_LENGTH),
        ("790312", NUMBER_LENGTH),
        ("7903123456789012", NUMBER_LENGTH),
        ("", NUMBER_LENGTH),
        ("7903123456x", NUMBER_LENGTH),
        ("٧٩٠٣١٢٣٤٥٦٧", NUMBER_LENGTH),
        ("+79031234567", NUMBER_LENGTH),
        ("4917012345678", COUNTRY),
        ("3754412345678", COUNTRY),
    ],
)
def test_only_numbers_of_the_campaigns_countries_are_dialled(number: str, rule: str | None) -> None:
    assert forbidden_by(preset("cold", {"countries": ["7", "380"]}), number) == rule
