from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from campaigns import zones
from campaigns.zones import zone_named, zones_of_number

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cell", "zone"),
    [
        ("Europe/Moscow", "Europe/Moscow"),
        ("europe/kyiv", "Europe/Kyiv"),
        ("МСК", "Europe/Moscow"),
        ("МСК+2", "Etc/GMT-5"),
        ("мск - 1", "Etc/GMT-2"),
        ("UTC+5", "Etc/GMT-5"),
        ("UTC+05:00", "Etc/GMT-5"),
        ("GMT-3", "Etc/GMT+3"),
        ("UTC", "Etc/GMT"),
        ("г. Екатеринбург", "Asia/Yekaterinburg"),
        ("Свердловская обл.", "Asia/Yekaterinburg"),
        ("НИЖНИЙ  НОВГОРОД", "Europe/Moscow"),
        ("Орёл", "Europe/Moscow"),
        ("м. Дніпро", "Europe/Kyiv"),
        ("Kazan", "Europe/Moscow"),
    ],
)
def test_named(cell: str, zone: str) -> None:
    assert zone_named(cell) == zone


@pytest.mark.parametrize("cell", ["", " ", "5", "UTC+15", "МСК+20", "Atlantis", "../../etc/passwd", "+"])
def test_unclear(cell: str) -> None:
    assert zone_named(cell) is None


def test_every_place_has_a_real_zone() -> None:
    assert len(zones._CITY_ZONES) > 150
    for zone in set(zones._CITY_ZONES.values()):
        assert ZoneInfo(zone).key == zone


def test_candidates_of_a_number() -> None:
    assert zones_of_number("74951234567") == ("Europe/Moscow",)
    assert zones_of_number("73432123456") == ("Asia/Yekaterinburg",)
    assert zones_of_number("79001234567") == ("Europe/Kaliningrad", "Asia/Kamchatka")
    assert zones_of_number("380441234567") == ("Europe/Kyiv",)
