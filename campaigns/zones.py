"""In which time zones a lead may be: from its zone column, its city or region, or its number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers import timezone as number_zones

_OFFSET = re.compile(r"(msk|мск|utc|gmt)?\s*(?:([+-])\s*(\d{1,2})(?::?00)?)?(?:\s*(?:ч|час\w*)\.?)?", re.IGNORECASE)
_MOSCOW_HOURS = 3
_NOISE = re.compile(r"\b(?:г|гор|город|м|місто|обл|область|респ|республика|край|city|region)\b\.?", re.IGNORECASE)
_SPACES = re.compile(r"[\s.,]+")
#: A mobile of +7 says nothing of the place, so it may be in any zone from Kaliningrad to Kamchatka.
_RUSSIA_ENDS = ("Europe/Kaliningrad", "Asia/Kamchatka")

_PLACES: Mapping[str, str] = {
    "Europe/Kaliningrad": "калининград калининградская kaliningrad",
    "Europe/Moscow": (
        "москва московская санкт-петербург петербург спб ленинградская казань татарстан воронеж воронежская "
        "краснодар краснодарский ростов-на-дону ростов ростовская сочи тула тульская ярославль ярославская рязань "
        "рязанская липецк курск белгород тверь калуга владимир иваново брянск смоленск орёл пенза "
        "нижний~новгород нижегородская ставрополь ставропольский махачкала дагестан мурманск архангельск вологда "
        "череповец киров сыктывкар коми петрозаводск карелия псков чебоксары чувашия саранск мордовия "
        "moscow saint~petersburg st~petersburg kazan sochi voronezh krasnodar"
    ),
    "Europe/Volgograd": "волгоград волгоградская volgograd",
    "Europe/Saratov": "саратов саратовская saratov",
    "Europe/Astrakhan": "астрахань астраханская",
    "Europe/Ulyanovsk": "ульяновск ульяновская",
    "Europe/Samara": "самара самарская тольятти ижевск удмуртия samara",
    "Asia/Yekaterinburg": (
        "екатеринбург свердловская челябинск челябинская уфа башкортостан пермь пермский тюмень тюменская "
        "оренбург оренбургская сургут ханты-мансийск хмао магнитогорск курган нижневартовск нижний~тагил "
        "yekaterinburg ekaterinburg chelyabinsk perm ufa tyumen"
    ),
    "Asia/Omsk": "омск омская omsk",
    "Asia/Novosibirsk": "новосибирск новосибирская novosibirsk",
    "Asia/Barnaul": "барнаул алтайский barnaul",
    "Asia/Tomsk": "томск томская tomsk",
    "Asia/Novokuznetsk": "кемерово кемеровская кузбасс новокузнецк",
    "Asia/Krasnoyarsk": "красноярск красноярский норильск krasnoyarsk",
    "Asia/Irkutsk": "иркутск иркутская братск улан-удэ бурятия irkutsk",
    "Asia/Chita": "чита забайкальский",
    "Asia/Yakutsk": "якутск якутия саха благовещенск амурская yakutsk",
    "Asia/Vladivostok": "владивосток приморский хабаровск хабаровский vladivostok khabarovsk",
    "Asia/Sakhalin": "южно-сахалинск сахалинская",
    "Asia/Magadan": "магадан магаданская",
    "Asia/Kamchatka": "петропавловск-камчатский камчатский камчатка",
    "Europe/Kyiv": (
        "киев київ киевская київська харьков харків одесса одеса днепр дніпро днепропетровск львов львів запорожье "
        "запоріжжя винница вінниця полтава чернигов чернігів черкассы черкаси житомир сумы суми ровно рівне "
        "ивано-франковск івано-франківськ тернополь тернопіль луцк луцьк ужгород хмельницкий хмельницький "
        "николаев миколаїв херсон кропивницкий кривой~рог кривий~ріг kyiv kiev kharkiv odesa odessa dnipro lviv"
    ),
    "Asia/Almaty": "алматы алма-ата астана almaty astana",
    "Europe/Minsk": "минск мінск minsk",
}

_CITY_ZONES = {
    name.replace("~", " ").replace("ё", "е"): zone for zone, names in _PLACES.items() for name in names.split()
}


@lru_cache(maxsize=4096)
def zone_named(text: str) -> str | None:
    """The zone that a cell names: `Europe/Moscow`, `МСК+2`, `UTC+5`, `GMT+3`, or a city or region; None if unclear.

    An offset becomes a zone without summer time, `Etc/GMT-5` for UTC+5.
    """
    cell = " ".join(text.split())
    if not cell:
        return None
    by_name = _iana().get(cell.casefold())
    return by_name or _by_offset(cell) or _by_place(cell)


def zones_of_number(digits: str) -> tuple[str, ...]:
    """Candidate zones of a number by its prefix, sorted; empty if it tells nothing."""
    if digits.startswith("79"):
        return _RUSSIA_ENDS
    return _by_prefix(digits[:9], len(digits))


@lru_cache(maxsize=65536)
def _by_prefix(prefix: str, length: int) -> tuple[str, ...]:
    number = phonenumbers.parse("+" + prefix.ljust(length, "0"), None)
    found = {_modern(zone) for zone in number_zones.time_zones_for_geographical_number(number)}
    found.discard("Etc/Unknown")
    return tuple(sorted(found))


def _modern(zone: str) -> str:
    return "Europe/Kaliningrad" if zone == "Europe/Bucharest" else zone


@cache
def _iana() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name}


def _by_offset(cell: str) -> str | None:
    found = _OFFSET.fullmatch(cell)
    if not found or not (found.group(1) or found.group(2)):
        return None
    word, sign, hours = found.groups()
    moscow = word is not None and word.casefold() in ("msk", "мск")
    offset = int(hours or 0) * (-1 if sign == "-" else 1) + (_MOSCOW_HOURS if moscow else 0)
    if not -12 <= offset <= 14:
        return None
    if moscow and not hours:
        return "Europe/Moscow"
    # POSIX signs: zones west of Greenwich are positive there.
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def _by_place(cell: str) -> str | None:
    place = _SPACES.sub(" ", _NOISE.sub(" ", cell.casefold().replace("ё", "е"))).strip()
    return _CITY_ZONES.get(place)
