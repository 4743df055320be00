"""Opening hours as a document: `{"mon": ["09:00-13:00", "14:00-20:00"], ...}`, or the word `always`."""

from __future__ import annotations

import re
from itertools import pairwise

from campaigns.document import Fields
from domain.calendar import MINUTES_A_DAY, Week
from domain.errors import BadInput
from domain.i18n import _

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = Week(days=((),) * 7, always=True)

_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", re.ASCII)


def same_hours(first: str, *, days: int) -> Week:
    """The same hours on the first `days` days of the week: `same_hours("09:00-18:00", days=5)`."""
    span = _span(first, "window")
    return Week(days=tuple((span,) if day < days else () for day in range(7)))


def week_from_document(value: object, where: str) -> Week:
    """Raises BadInput, naming the day, for hours that cannot be understood, overlap or never open."""
    if value == "always":
        return ALWAYS
    fields = Fields(value, where)
    fields.only(DAYS)
    week = Week(days=tuple(_day(fields, day) for day in DAYS))
    if not week.minutes:
        raise BadInput(_("{field} never opens. Give hours for at least one day.").format(field=where))
    return week


def week_to_document(week: Week) -> object:
    if week.always:
        return "always"
    return {name: [_text(span) for span in spans] for name, spans in zip(DAYS, week.days, strict=True)}


def _day(fields: Fields, day: str) -> tuple[tuple[int, int], ...]:
    spans = sorted(_span(text, fields.path(day)) for text in fields.texts(day, ()))
    for earlier, later in pairwise(spans):
        if later[0] < earlier[1]:
            raise BadInput(_("{field}: the hours overlap.").format(field=fields.path(day)))
    return tuple(spans)


def _span(text: str, where: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text.strip())
    if found:
        hour, minute, to_hour, to_minute = (int(part) for part in found.groups())
        start, end = hour * 60 + minute, to_hour * 60 + to_minute
        if minute < 60 and to_minute < 60 and start < end <= MINUTES_A_DAY:
            return start, end
    raise BadInput(_('{field}: give hours like "09:00-20:00", within one day.').format(field=where))


def _text(span: tuple[int, int]) -> str:
    return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in span)
