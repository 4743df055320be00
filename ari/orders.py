"""Checks on everything that goes to Asterisk: allow-lists, no control characters, bounded lengths.

What does not pass is refused, never repaired. Values are not repeated in messages: they may
be numbers.
"""

from __future__ import annotations

import re
import unicodedata

from domain.errors import NotPlaced, TelephonyError
from domain.i18n import _
from domain.ports import OriginateOrder

_ID = re.compile(r"[A-Za-z0-9._-]{1,80}")
_ENDPOINT = re.compile(r"PJSIP/(?:[0-9]{1,20}@)?[A-Za-z0-9._-]{1,80}")
_CALLER_ID = re.compile(r"\+?[0-9]{1,20}")
_VARIABLE = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,63}|TIMEOUT\(absolute\)|PJSIP_HEADER\(add,[A-Za-z0-9-]{1,64}\)")
_MEDIA = re.compile(r"(?:sound|recording|tone|silence):[A-Za-z0-9/._-]{1,255}")
_VALUE_LENGTH = 512
_RING_S = range(1, 301)
_ABSOLUTE_S = range(86_401)


def _text(value: str) -> bool:
    return len(value) <= _VALUE_LENGTH and not any(
        unicodedata.category(sign)[0] in "CZ" and sign != " " for sign in value
    )


def id_of(text: str, what: str) -> str:
    """An id of ours; anything else would need quoting that the library gets wrong."""
    if not _ID.fullmatch(text) or text in (".", ".."):
        raise TelephonyError(_("not a valid {what}: only letters, digits, dot, dash and underscore").format(what=what))
    return text


def media_of(text: str) -> str:
    if not _MEDIA.fullmatch(text) or ".." in text:
        raise TelephonyError(_("not a valid sound: write sound:name or recording:name"))
    return text


def variable_of(name: str, value: str) -> tuple[str, str]:
    """Name from the allow-list of forms (no dialplan function can be called), value one plain line."""
    if not _VARIABLE.fullmatch(name):
        raise TelephonyError(_("not a permitted channel variable name"))
    if not _text(value) or "${" in value or "$[" in value:
        raise TelephonyError(_("a channel variable's value holds a forbidden character or is too long"))
    return name, value


def check(order: OriginateOrder) -> None:
    """Raises NotPlaced for an order that must not reach Asterisk."""
    try:
        id_of(order.channel, _("channel id"))
        for name, value in order.variables.items():
            variable_of(name, value)
    except TelephonyError as error:
        raise NotPlaced(str(error)) from None
    if not _ENDPOINT.fullmatch(order.endpoint):
        raise NotPlaced(_("not a valid endpoint: PJSIP/<digits>@<trunk> or PJSIP/<agent>"))
    if order.caller_id and not _CALLER_ID.fullmatch(order.caller_id):
        raise NotPlaced(_("the caller id must be digits only"))
    if order.ring_timeout_s not in _RING_S:
        raise NotPlaced(_("the ring time must be 1 to 300 seconds"))
    if order.absolute_timeout_s not in _ABSOLUTE_S:
        raise NotPlaced(_("the absolute time-out must be 0 to 86400 seconds"))
    if order.role not in ("customer", "agent"):
        raise NotPlaced(_("the role of a leg is customer or agent"))
    if order.role == "customer" and "@" not in order.endpoint:
        raise NotPlaced(_("a customer is called through a trunk: PJSIP/<digits>@<trunk>"))
