"""The language of user-visible text. Source language: English; catalogues: `locale/<lang>/LC_MESSAGES/messages.mo`.

Import `_` and `ngettext` and call them where the text is shown, never at import time: the language
belongs to the context (a request, a task), so that one server can speak several. A catalogue that was
not compiled, or a message that is missing from it, yields the English text. Log lines stay English.
"""

from __future__ import annotations

import gettext as _gettext
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

DEFAULT_LANGUAGE = "en"
LANGUAGES = (DEFAULT_LANGUAGE, "ru", "uk")
LOCALE_DIR = Path(__file__).resolve().parent.parent / "locale"

_DOMAIN = "messages"
#: First one that is set wins, as with any POSIX tool; DIALER_LANG goes before them.
_VARIABLES = ("DIALER_LANG", "LC_ALL", "LC_MESSAGES", "LANG")

_current: ContextVar[str | None] = ContextVar("dialer_language", default=None)


def normalise(tag: str) -> str:
    """The supported language a tag names (`ru_RU.UTF-8`, `uk-UA`, `RU`), or the default one."""
    language = tag.replace("-", "_").split(".")[0].split("@")[0].split("_")[0].strip().lower()
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


def language_from(environment: Mapping[str, str]) -> str:
    """The language that the environment asks for."""
    for name in _VARIABLES:
        if value := environment.get(name, "").strip():
            return normalise(value)
    return DEFAULT_LANGUAGE


def current_language() -> str:
    """The language of this context: the one set by `set_language` or `use_language`, else the environment's."""
    return _current.get() or language_from(os.environ)


def set_language(tag: str) -> None:
    """Speak this language from now on in the current context (a whole process, when called at its start)."""
    _current.set(normalise(tag))


@contextmanager
def use_language(tag: str) -> Iterator[None]:
    """Speak this language inside the `with` block; tasks started inside inherit it."""
    token = _current.set(normalise(tag))
    try:
        yield
    finally:
        _current.reset(token)


@cache
def _catalogue(language: str, folder: Path) -> _gettext.NullTranslations:
    return _gettext.translation(_DOMAIN, localedir=folder, languages=[language], fallback=True)


def _(message: str) -> str:
    """The message in the current language. Placeholders are filled after translation: `_("{n} rows").format(n=n)`."""
    return _catalogue(current_language(), LOCALE_DIR).gettext(message) if message else ""


def ngettext(singular: str, plural: str, count: int) -> str:
    """The form for `count`, by the language's own plural rule; fill `{count}` or the like afterwards."""
    return _catalogue(current_language(), LOCALE_DIR).ngettext(singular, plural, count)
