"""Why a row was rejected, in the reader's language. What is stored is the English name of the reason."""

from __future__ import annotations

from typing import assert_never

from campaigns.phone import PhoneProblem
from domain.bases import ALREADY_IN_CAMPAIGN, DO_NOT_CALL, DUPLICATE_IN_FILE
from domain.i18n import _


def reason_text(reason: str) -> str:
    """A reason of a rejected row for people; one that is unknown stays as it is."""
    if reason == DUPLICATE_IN_FILE:
        return _("duplicate in file")
    if reason == ALREADY_IN_CAMPAIGN:
        return _("already in campaign")
    if reason == DO_NOT_CALL:
        return _("do-not-call")
    try:
        problem = PhoneProblem(reason)
    except ValueError:
        return reason
    return _phone(problem)


def _phone(problem: PhoneProblem) -> str:
    match problem:
        case PhoneProblem.EMPTY:
            return _("empty phone")
        case PhoneProblem.MALFORMED:
            return _("malformed phone")
        case PhoneProblem.SPREADSHEET_DAMAGE:
            return _("phone damaged by a spreadsheet")
        case PhoneProblem.TOO_SHORT:
            return _("phone too short")
        case PhoneProblem.TOO_LONG:
            return _("phone too long")
        case PhoneProblem.EMERGENCY_OR_SHORT:
            return _("emergency or short number")
        case PhoneProblem.NOT_VALID:
            return _("not a valid number")
        case PhoneProblem.PREMIUM:
            return _("premium number")
        case PhoneProblem.SATELLITE:
            return _("satellite or global network number")
        case PhoneProblem.COUNTRY_NOT_ALLOWED:
            return _("country not allowed")
        case _:
            assert_never(problem)
