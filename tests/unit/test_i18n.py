from __future__ import annotations

import asyncio
import gettext
import os
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog, Message, frontend
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from dialer.commands.help import command_tree
from dialer.commands.tree import app
from domain import i18n
from domain.i18n import _, current_language, language_from, ngettext, normalise, set_language, use_language

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [language for language in i18n.LANGUAGES if language != i18n.DEFAULT_LANGUAGE]
COUNTS = [*range(0, 26), 100, 101, 102, 105, 111, 112, 121, 1001]


def read_catalogue(language: str) -> Catalog:
    with (i18n.LOCALE_DIR / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module", params=TRANSLATED)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    return read_catalogue(request.param)


@pytest.fixture(scope="module")
def in_sources() -> set[str | tuple[str, ...]]:
    """Every message that the product's code and seeds hold, found as CONTRIBUTING tells to find them."""
    with (ROOT / "babel.cfg").open() as file:
        parse: Callable[..., tuple[Any, Any]] = frontend.parse_mapping_cfg
        methods, options = parse(file)
    keywords = {"_": None, "ngettext": (1, 2)}
    found: set[str | tuple[str, ...]] = set()
    for _file, _line, message, _comments, _context in extract_from_dir(ROOT, methods, options, keywords=keywords):
        found.add(message if isinstance(message, str) else tuple(message))
    return found


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The catalogues compiled into a folder of their own, and used."""
    for language in TRANSLATED:
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        with (folder / "messages.mo").open("wb") as file:
            write_mo(file, read_catalogue(language))
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path)
    yield tmp_path
    i18n._catalogue.cache_clear()


def placeholders(text: str) -> set[tuple[str, str]]:
    """The named fields of a format string with their formats."""
    return {
        (name, spec or "") for _literal, name, spec, _conversion in string.Formatter().parse(text) if name is not None
    }


def forms(text: object) -> list[str]:
    return [str(form) for form in text] if isinstance(text, tuple | list) else [str(text)]


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


# ---- catalogues --------------------------------------------------------------------------------


def test_the_sources_hold_messages_of_code_and_of_seeds(in_sources: set[str | tuple[str, ...]]) -> None:
    assert "Meeting agreed" in in_sources
    assert len(in_sources) > 200


def test_every_message_of_the_sources_is_in_the_catalogue(
    catalogue: Catalog, in_sources: set[str | tuple[str, ...]]
) -> None:
    known = {tuple(m.id) if isinstance(m.id, list | tuple) else m.id for m in messages(catalogue)}
    assert in_sources - known == set(), "extract, update and translate: see CONTRIBUTING.md"
    assert known - in_sources == set(), "no longer in the sources: update the catalogue"


def test_every_message_is_translated_and_none_is_guessed(catalogue: Catalog) -> None:
    untranslated = [m.id for m in messages(catalogue) if not all(form.strip() for form in forms(m.string))]
    guessed = [m.id for m in messages(catalogue) if m.fuzzy]
    assert (untranslated, guessed) == ([], [])
    assert not catalogue.fuzzy


def test_placeholders_are_those_of_the_source(catalogue: Catalog) -> None:
    wrong = []
    for message in messages(catalogue):
        wanted = placeholders(forms(message.id)[-1])
        wrong += [form for form in forms(message.string) if placeholders(form) != wanted]
    assert wrong == []


def test_edges_of_a_message_are_those_of_the_source(catalogue: Catalog) -> None:
    def edges(text: str) -> tuple[bool, bool, bool]:
        return text[:1].isspace(), text[-1:].isspace(), text.rstrip().endswith(("!", "?", ":"))

    wrong = [m.id for m in messages(catalogue) if edges(forms(m.id)[0]) != edges(forms(m.string)[0])]
    assert wrong == []


def test_plurals_have_three_forms(catalogue: Catalog) -> None:
    assert catalogue.num_plurals == 3
    plurals = [m for m in messages(catalogue) if m.pluralizable]
    assert plurals
    assert all(len(forms(m.string)) == 3 for m in plurals)
    assert all(len(set(forms(m.string))) == 3 for m in plurals), "one, few and many differ in these languages"


@pytest.mark.parametrize("count", COUNTS)
def test_the_plural_rule_is_the_slavic_one(catalogue: Catalog, count: int) -> None:
    if count % 10 == 1 and count % 100 != 11:
        form = 0
    elif count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14):
        form = 1
    else:
        form = 2
    assert gettext.c2py(catalogue.plural_expr)(count) == form


def test_the_languages_are_not_mixed_up() -> None:
    texts = {
        language: " ".join(form for m in messages(read_catalogue(language)) for form in forms(m.string))
        for language in TRANSLATED
    }
    assert not re.findall("[іїєґІЇЄҐ]", texts["ru"])
    assert not re.findall("[ыэъёЫЭЪЁ]", texts["uk"])


def test_the_template_is_up_to_date(in_sources: set[str | tuple[str, ...]]) -> None:
    with (i18n.LOCALE_DIR / "messages.pot").open("rb") as file:
        template = read_po(file)
    known = {tuple(m.id) if isinstance(m.id, list | tuple) else m.id for m in messages(template)}
    assert known == in_sources


# ---- the choice of language ---------------------------------------------------------------------


def test_a_message_is_shown_in_the_language_of_the_context(compiled: Path) -> None:
    seen = {}
    for language in i18n.LANGUAGES:
        with use_language(language):
            seen[language] = (_("Occupancy"), _("Broken"))
    assert seen["en"] == ("Occupancy", "Broken")
    assert len(set(seen.values())) == 3
    for language in TRANSLATED:
        assert re.fullmatch("[А-Яа-яІіЇїЄєҐґ’' ]+", seen[language][0])


def test_the_help_pages_own_words_are_translated(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    english = (
        "Usage:",
        "Options ─",
        "Commands ─",
        "Arguments ─",
        "Show this help",
        "[OPTIONS]",
        "[required]",
        "[default:",
    )
    for language in i18n.LANGUAGES:
        with use_language(language):
            tree = command_tree(app)
            for command in (tree, tree.commands["report"]):
                command.context_class(command, info_name="dialer").get_help()
        pages = capsys.readouterr().out
        assert pages.count("--help") == 2
        assert [word for word in english if word in pages] == (list(english) if language == "en" else [])


def test_numbers_take_their_form(compiled: Path) -> None:
    def said(count: int) -> str:
        return ngettext("{count} migration applied.", "{count} migrations applied.", count).format(count=count)

    for language in TRANSLATED:
        with use_language(language):
            assert len({re.sub(r"\d+", "", said(count)) for count in (1, 2, 5)}) == 3
            assert re.sub(r"\d+", "", said(21)) == re.sub(r"\d+", "", said(1))
            assert re.sub(r"\d+", "", said(11)) == re.sub(r"\d+", "", said(5))
    with use_language("en"):
        assert (said(1), said(2)) == ("1 migration applied.", "2 migrations applied.")


def test_a_missing_catalogue_falls_back_to_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path / "nowhere")
    with use_language("uk"):
        assert _("Occupancy") == "Occupancy"
        assert ngettext("{count} row", "{count} rows", 5) == "{count} rows"


def test_the_empty_message_is_not_the_catalogues_header(compiled: Path) -> None:
    with use_language("ru"):
        assert _("") == ""


async def test_each_task_keeps_its_language(compiled: Path) -> None:
    both = asyncio.Barrier(2)

    async def speak(language: str) -> tuple[str, str]:
        set_language(language)
        await both.wait()
        return current_language(), _("Occupancy")

    with use_language("en"):
        russian, ukrainian = await asyncio.gather(speak("ru"), speak("uk"))
        assert current_language() == "en"
    assert (russian[0], ukrainian[0]) == ("ru", "uk")
    assert russian[1] != ukrainian[1]


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "uk_UA.UTF-8"}, "uk"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "uk_UA.UTF-8", "DIALER_LANG": "en"}, "en"),
        ({"LC_ALL": "", "LANG": "uk"}, "uk"),
        ({"DIALER_LANG": "de", "LANG": "ru"}, "en"),
    ],
)
def test_the_environment_chooses_the_language(environment: dict[str, str], language: str) -> None:
    assert language_from(environment) == language


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("ru", "ru"),
        ("RU", "ru"),
        ("uk-UA", "uk"),
        ("ru_RU.KOI8-R@euro", "ru"),
        ("", "en"),
        ("../../etc", "en"),
        ("ua", "en"),
    ],
)
def test_tags_are_understood_or_english(tag: str, language: str) -> None:
    assert normalise(tag) == language


def test_without_a_choice_the_processs_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(os.environ, "DIALER_LANG", "uk")
    assert current_language() == "uk"
