"""The lab's base: a file of 850 rows as an office program saves it, with the faults of a bought list.

Windows-1251, semicolons, CRLF. Names and companies are invented, and the numbers reach only the lab's network.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.stories import LEADS, STORIES, number_in

SEED = 2017
HEADER = ("Компания", "Контактное лицо", "Телефон", "Город", "Часовой пояс", "Примечание")

_DO_NOT_CALL = 15
_DUPLICATES = 3
_MALFORMED = ("8 900 12", "7,90012E+10", "нет телефона")
#: Reasons and numbers of the rows that the loader turns away.
EXPECTED_REJECTS: Mapping[str, int] = {
    "do-not-call": _DO_NOT_CALL,
    "duplicate in file": _DUPLICATES,
    "phone too short": 1,
    "phone damaged by a spreadsheet": 1,
    "malformed phone": 1,
}
ROWS = LEADS + _DO_NOT_CALL + _DUPLICATES + len(_MALFORMED)

_CITIES = (
    ("Москва", "МСК"),
    ("Санкт-Петербург", "МСК"),
    ("Казань", "МСК+0"),
    ("Нижний Новгород", "МСК"),
    ("Калининград", "МСК-1"),
    ("Самара", "МСК+1"),
    ("Екатеринбург", "МСК+2"),
    ("Челябинск", "UTC+5"),
    ("Омск", "МСК+3"),
    ("Новосибирск", "МСК+4"),
    ("Красноярск", ""),
    ("Иркутск", "МСК+5"),
    ("Владивосток", ""),
)
_WOMEN = ("Анна", "Вера", "Дарья", "Инна", "Лидия", "Марина", "Нина", "Ольга", "Раиса", "Тамара", "Юлия")
_MEN = ("Артём", "Борис", "Глеб", "Денис", "Егор", "Захар", "Игнат", "Лев", "Матвей", "Пётр", "Семён", "Фёдор")
_FAMILIES = ("Берёзкин", "Воронцов", "Горшков", "Дубравин", "Ёлкин", "Журавлёв", "Зимин", "Ключев", "Лугов", "Мостов")
_TRADES = ("Кирпич", "Кровля", "Бетон", "Фасад", "Окна", "Лесторг", "Утеплитель", "Арматура", "Плитка", "Крепёж")
_PLACES = ("Сервис", "Плюс", "Юг", "Север", "Град", "Дом", "Альянс", "Центр", "Трейд", "Опт")
_FORMS = ("ООО", "АО", "ИП")
_REMARKS = ("", "", "", "выставка", "прайс, весна", "звонить после обеда", "=СРОЧНО", 'склад "А"')


@dataclass(frozen=True, slots=True)
class LabBase:
    """content: the file. leads: the numbers that are let in, E.164 digits, in the order of the file.
    do_not_call: numbers that must be on the do-not-call list before the base is loaded."""

    content: bytes
    leads: tuple[str, ...]
    do_not_call: tuple[str, ...]


def make_base(seed: int = SEED) -> LabBase:
    """The same bytes for the same seed."""
    chance = random.Random(seed)
    leads = [number_in(story, serial, chance) for story in STORIES for serial in chance.sample(range(500), story.leads)]
    chance.shuffle(leads)
    # Serials above those of the leads, so that no number is both.
    stopped = [number_in(chance.choice(STORIES), 500 + serial, chance) for serial in range(_DO_NOT_CALL)]
    rows = [_row(_spelt(number, chance), chance) for number in leads]
    # A repeated row stands below the first one, as in lists that were glued together.
    for source in chance.sample(leads[: LEADS // 2], _DUPLICATES):
        rows.insert(chance.randint(LEADS // 2 + 1, len(rows)), _row(_spelt(source, chance), chance))
    for cell in [*(_spelt(number, chance) for number in stopped), *_MALFORMED]:
        rows.insert(chance.randint(0, len(rows)), _row(cell, chance))
    return LabBase(_file(rows), tuple(leads), tuple(stopped))


def write_base(folder: Path, seed: int = SEED) -> tuple[Path, Path]:
    """Write the base and its do-not-call list into a folder; the paths of both."""
    made = make_base(seed)
    folder.mkdir(parents=True, exist_ok=True)
    base, stop = folder / "base.csv", folder / "do-not-call.csv"
    base.write_bytes(made.content)
    stop.write_text("phone\n" + "".join(f"+{number}\n" for number in made.do_not_call), encoding="utf-8")
    return base, stop


def _row(phone: str, chance: random.Random) -> tuple[str, ...]:
    city, zone = chance.choice(_CITIES)
    family = chance.choice(_FAMILIES)
    woman = chance.random() < 0.5
    person = f"{family}а {chance.choice(_WOMEN)}" if woman else f"{family} {chance.choice(_MEN)}"
    form = chance.choice(_FORMS)
    company = f"ИП {family}" if form == "ИП" else f'{form} "{chance.choice(_TRADES)}{chance.choice(_PLACES)}"'
    return (company, person, phone, city, zone, chance.choice(_REMARKS))


def _spelt(number: str, chance: random.Random) -> str:
    area, head, mid, tail = number[1:4], number[4:7], number[7:9], number[9:11]
    return chance.choice(
        (
            f"8 ({area}) {head}-{mid}-{tail}",
            f"+7 {area} {head} {mid} {tail}",
            number,
            f"8-{area}-{head}-{mid}-{tail}",
            number[1:],
        )
    )


def _file(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue().encode("cp1251")
