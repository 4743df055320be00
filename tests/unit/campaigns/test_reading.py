from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.loading.detect import inspect
from campaigns.loading.mapping import Role, map_columns
from campaigns.loading.reader import read_rows
from domain.errors import BadInput, NotFound

pytestmark = pytest.mark.unit

TEXT = "Телефон;ФИО;Город\r\n8 900 123-45-67;Иванова Инна;Казань\r\n89001234568;Ёлкин Пётр;Омск\r\n"


def file(folder: Path, content: bytes, name: str = "base.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("codec", "detected"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("cp1251", "cp1251")])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_encoding_and_separator(tmp_path: Path, codec: str, detected: str, separator: str) -> None:
    facts = inspect(file(tmp_path, TEXT.replace(";", separator).encode(codec)))
    assert (facts.encoding, facts.separator) == (detected, separator)
    assert facts.sample[0] == ("Телефон", "ФИО", "Город")
    assert facts.sample[2] == ("89001234568", "Ёлкин Пётр", "Омск")


def test_a_separator_inside_quotes_does_not_mislead(tmp_path: Path) -> None:
    text = 'phone;name\n79001234567;"A, B, C"\n79001234568;"D, E, F"\n'
    assert inspect(file(tmp_path, text.encode())).separator == ";"


def test_utf8_is_decided_by_the_whole_file(tmp_path: Path) -> None:
    ascii_rows = b"79001234567;x\n" * 40_000
    assert inspect(file(tmp_path, ascii_rows + "79001234568;Яна\n".encode("cp1251"))).encoding == "cp1251"
    assert inspect(file(tmp_path, ascii_rows + "79001234568;Яна\n".encode())).encoding == "utf-8"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\r\n \r\n", "no rows"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"\xff\xfe" + "a;b".encode("utf-16-le"), "UTF-16"),
        (b"phone\n7900\x00123\n", "not a text file"),
        (b"\xff\x01\x02\x03\xfe", "not a text file"),
        ("И".encode() + b"\xff\n", "neither UTF-8 nor windows-1251"),
        (b"phone;x\n79001234567;" + b"a" * 1_000_001 + b"\n", "line 2"),
    ],
)
def test_what_is_no_base_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        inspect(file(tmp_path, content))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        inspect(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="folder"):
        inspect(tmp_path)


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    content = 'phone,note\n79001234567,"two\nlines"\n\n79001234568,x\n'
    path = file(tmp_path, content.encode())
    rows = list(read_rows(path, inspect(path)))
    assert [(row.line, row.cells) for row in rows] == [
        (1, ("phone", "note")),
        (2, ("79001234567", "two\nlines")),
        (5, ("79001234568", "x")),
    ]


def test_mixed_line_ends(tmp_path: Path) -> None:
    path = file(tmp_path, b"phone,note\r\n79001234567,a\n79001234568,b\r79001234569,c")
    assert [row.line for row in read_rows(path, inspect(path))] == [1, 2, 3, 4]


@pytest.mark.parametrize("tail", [b"79001234568,x\n" * 100, b"79001234568,x\n" * 20_000])
def test_a_quote_that_is_never_closed_is_named(tmp_path: Path, tail: bytes) -> None:
    path = file(tmp_path, b'phone,note\n79001234567,"open\n' + tail)
    facts = inspect(path)
    with pytest.raises(BadInput, match="line 2"):
        list(read_rows(path, facts))


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, b"phone" + b",x" * 10_000 + b"\n79001234567\n")
    with pytest.raises(BadInput, match="line 1"):
        list(read_rows(path, inspect(path)))


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        (("ФИО", "Телефон", "Компания", "Город"), {Role.NAME: 0, Role.PHONE: 1, Role.COMPANY: 2, Role.CITY: 3}),
        (("ПІБ", "Номер", "Підприємство", "Місто"), {Role.NAME: 0, Role.PHONE: 1, Role.COMPANY: 2, Role.CITY: 3}),
        (("Name", "Phone", "Company", "Time zone"), {Role.NAME: 0, Role.PHONE: 1, Role.COMPANY: 2, Role.ZONE: 3}),
        (("Contact", "Mobile", "Firm", "Region"), {Role.NAME: 0, Role.PHONE: 1, Role.COMPANY: 2, Role.CITY: 3}),
    ],
)
def test_headers_in_three_languages(header: tuple[str, ...], roles: dict[Role, int]) -> None:
    mapping = map_columns([header, ("A", "89001234567", "B", "UTC+3")], "RU")
    assert mapping.has_header
    assert dict(mapping.columns) == roles


def test_samples_correct_a_header_that_misleads() -> None:
    rows = [("Номер", "Связь"), ("1", "8 900 123 45 67"), ("2", "89001234568")]
    assert map_columns(rows, "RU").columns[Role.PHONE] == 1


def test_a_file_without_header() -> None:
    mapping = map_columns([("Инна", "89001234567", "Казань"), ("Пётр", "89001234568", "Омск")], "RU")
    assert not mapping.has_header
    assert dict(mapping.columns) == {Role.PHONE: 1, Role.CITY: 2}


def test_flags_win_over_guesses() -> None:
    rows = [("Телефон", "Телефон 2", "Имя"), ("89001234567", "89001234568", "Инна")]
    assert map_columns(rows, "RU", {Role.PHONE: "телефон 2"}).columns[Role.PHONE] == 1
    assert map_columns(rows, "RU", {Role.PHONE: "2"}).columns[Role.PHONE] == 1
    with pytest.raises(BadInput, match="Факс"):
        map_columns(rows, "RU", {Role.PHONE: "Факс"})
    with pytest.raises(BadInput, match="two roles"):
        map_columns(rows, "RU", {Role.PHONE: "1", Role.NAME: "1"})


def test_no_telephones_at_all() -> None:
    with pytest.raises(BadInput, match="phone=<header or number>"):
        map_columns([("a", "b"), ("1", "2")], "RU")


def test_columns_without_a_role_are_kept_for_the_card() -> None:
    mapping = map_columns([("Телефон", "ИНН", "ИНН"), ("89001234567", "1", "2")], "RU")
    assert mapping.unmapped(("89001234567", "1", "2", "more")) == {"ИНН": "1", "ИНН (3)": "2", "4": "more"}
