"""The rules of a campaign: what a manager may set, and the limits within which it may be set.

Kept as a JSON document with the campaign; `from_document` and `to_document` are each other's inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.document import Fields
from campaigns.week import same_hours, week_from_document, week_to_document
from domain.calendar import Week
from domain.errors import BadInput
from domain.i18n import _
from domain.outcome import Outcome

HOUR = 3600.0
DAY = 24 * HOUR
_LONGEST = 60 * DAY


class Profile(StrEnum):
    STANDARD = "standard"
    LAB = "lab"  # short delays and rings, any hour: only on a trunk that reaches nothing but a lab


@dataclass(frozen=True, slots=True)
class Retry:
    """delays_s: wait after the first, second, ... result of this kind in a row; the last one repeats.
    give_up_after: so many in a row end the lead; None: only the counted attempts do."""

    delays_s: tuple[float, ...]
    give_up_after: int | None = None

    def delay_s(self, run: int) -> float:
        """run: how many times in a row the result has come, from 1."""
        return self.delays_s[min(run, len(self.delays_s)) - 1]


@dataclass(frozen=True, slots=True)
class Repeat:
    """After a disposition that ends nothing: call again after delay_s, at most `repeats` times in a row."""

    delay_s: float
    repeats: int


RETRY: Mapping[Outcome, Retry] = {
    Outcome.NO_ANSWER: Retry((1 * HOUR, 4 * HOUR)),
    Outcome.BUSY: Retry((600, 600, 1 * HOUR), give_up_after=6),
    Outcome.REJECTED: Retry((1 * DAY,), give_up_after=2),
    Outcome.UNREACHABLE: Retry((3 * HOUR, 1 * DAY), give_up_after=6),
    Outcome.INVALID_NUMBER: Retry((1 * DAY,), give_up_after=2),
    Outcome.BARRED: Retry((300,)),
    Outcome.TRUNK_FAIL: Retry((300,)),
    Outcome.NO_RESPONSE: Retry((300,)),
    Outcome.CUSTOMER_HUNG_EARLY: Retry((1800,), give_up_after=2),
    Outcome.ENGINE_CANCEL: Retry((60,)),
    Outcome.NOT_PLACED: Retry((60,)),
    Outcome.NODE_LOST: Retry((600,)),
    Outcome.UNKNOWN: Retry((1 * HOUR,)),
}

REPEAT: Mapping[str, Repeat] = {
    "BAD_LINE": Repeat(1800, 2),
    "SILENT": Repeat(1 * HOUR, 2),
    "MACHINE_AGENT": Repeat(3 * HOUR, 3),
    "DISPO_TIMEOUT": Repeat(1 * DAY, 1),
}


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """Seconds unless said otherwise; shares are fractions of one."""

    profile: Profile
    ring_timeout_s: int
    min_ring_s: float  # nothing is cancelled for pacing sooner
    no_agent_limit_s: float  # an answered call without an agent is abandoned after it
    abandon_target: float
    abandon_limit: float  # hard stop
    after_abandon_s: float
    max_attempts: int  # counted, since the last conversation, per lead and per number
    max_promise_attempts: int  # counted, to keep one promise
    max_uncounted_per_day: int
    uncounted_wait_s: float
    promise_tolerance_s: float
    promise_retry_s: float  # a promise that was not reached
    max_lines: int
    calls_per_second: float
    lines_per_agent: float  # power dialling
    wrapup_limit_s: float
    retry: Mapping[Outcome, Retry]
    repeat: Mapping[str, Repeat]
    window: Week
    countries: tuple[str, ...]  # prefixes that may be called, digits of E.164
    default_zone: str | None

    @property
    def is_lab(self) -> bool:
        return self.profile is Profile.LAB

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Missing fields take their defaults. Raises BadInput, naming the field, for one that is unknown,
        of the wrong kind or outside its limits."""
        fields = Fields(document, "rules")
        fields.only(cls.__slots__)
        profile = _profile(fields)
        lab = profile is Profile.LAB
        rules = cls(
            profile=profile,
            ring_timeout_s=fields.integer("ring_timeout_s", 25, 1 if lab else 15, 120),
            min_ring_s=fields.number("min_ring_s", 15, 0.1 if lab else 15, 120),
            no_agent_limit_s=fields.number("no_agent_limit_s", 2.0, 0.1, 10 if lab else 2),
            abandon_target=fields.number("abandon_target", 0.02, 0, 1 if lab else 0.03),
            abandon_limit=fields.number("abandon_limit", 0.03, 0, 1 if lab else 0.03),
            after_abandon_s=fields.number("after_abandon_s", 72 * HOUR, 0.1 if lab else DAY, _LONGEST),
            max_attempts=fields.integer("max_attempts", 3, 1, 3),
            max_promise_attempts=fields.integer("max_promise_attempts", 3, 1, 3),
            max_uncounted_per_day=fields.integer("max_uncounted_per_day", 2, 1, 20 if lab else 2),
            uncounted_wait_s=fields.number("uncounted_wait_s", 60, 0.1 if lab else 60, DAY),
            promise_tolerance_s=fields.number("promise_tolerance_s", 900, 1, HOUR),
            promise_retry_s=fields.number("promise_retry_s", 900, 0.1 if lab else 60, DAY),
            max_lines=fields.integer("max_lines", 30, 1, 10_000),
            calls_per_second=fields.number("calls_per_second", 5, 0.1, 500),
            lines_per_agent=fields.number("lines_per_agent", 1.5, 1, 10),
            wrapup_limit_s=fields.number("wrapup_limit_s", 60, 0.1, HOUR),
            retry=_retry(fields.part("retry"), lab),
            repeat=_repeat(fields.part("repeat"), lab),
            window=(
                week_from_document(fields.raw("window"), fields.path("window"))
                if fields.has("window")
                else same_hours("09:00-20:00", days=5)
            ),
            countries=_countries(fields),
            default_zone=_zone(fields),
        )
        _consistent(rules)
        return rules

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return document | {
            "profile": self.profile.value,
            "retry": {
                outcome.value: {"delays_s": list(rule.delays_s), "give_up_after": rule.give_up_after}
                for outcome, rule in self.retry.items()
            },
            "repeat": {code: {"delay_s": rule.delay_s, "repeats": rule.repeats} for code, rule in self.repeat.items()},
            "window": week_to_document(self.window),
            "countries": list(self.countries),
        }


def validate(rules: CampaignRules, *, trunk_is_lab: bool) -> None:
    """Raises BadInput if these rules may not be used on such a trunk: lab rules can never ring a real telephone."""
    if rules.is_lab and not trunk_is_lab:
        raise BadInput(
            _(
                "rules.profile is lab, but the trunk is not marked as a lab's. "
                "Choose the standard profile, or a trunk that reaches only the lab."
            )
        )


def _profile(fields: Fields) -> Profile:
    name = fields.text("profile", Profile.STANDARD)
    try:
        return Profile(name)
    except ValueError:
        raise BadInput(
            _("{field} must be one of: {known}.").format(field=fields.path("profile"), known=", ".join(Profile))
        ) from None


def _consistent(rules: CampaignRules) -> None:
    if rules.min_ring_s > rules.ring_timeout_s:
        raise BadInput(_("rules.min_ring_s is longer than rules.ring_timeout_s. Ring at least that long."))
    if rules.abandon_target > rules.abandon_limit:
        raise BadInput(_("rules.abandon_target is above rules.abandon_limit. Aim below the hard stop."))
    if rules.window.always and not rules.is_lab:
        raise BadInput(_('rules.window: "always" is for the lab profile only. Give the hours of each day.'))


def _retry(fields: Fields, lab: bool) -> dict[Outcome, Retry]:
    fields.only([outcome.value for outcome in RETRY])
    found: dict[Outcome, Retry] = {}
    for outcome, default in RETRY.items():
        part = fields.part(outcome.value)
        part.only(("delays_s", "give_up_after"))
        # Two results a day apart are the evidence that a number is dead: one may be a fault of the route.
        low = 0.1 if lab else DAY if outcome is Outcome.INVALID_NUMBER else 60
        give_up: int | None = default.give_up_after
        if part.has("give_up_after"):
            give_up = None if part.raw("give_up_after") is None else part.integer("give_up_after", 1, 1, 100)
        if outcome is Outcome.INVALID_NUMBER and (give_up is None or give_up < 2):
            raise BadInput(_("{field} must be at least 2.").format(field=part.path("give_up_after")))
        found[outcome] = Retry(part.numbers("delays_s", default.delays_s, low, _LONGEST), give_up)
    return found


def _repeat(fields: Fields, lab: bool) -> dict[str, Repeat]:
    fields.only(REPEAT)
    found: dict[str, Repeat] = {}
    for code, default in REPEAT.items():
        part = fields.part(code)
        part.only(("delay_s", "repeats"))
        found[code] = Repeat(
            delay_s=part.number("delay_s", default.delay_s, 0.1 if lab else 60, _LONGEST),
            repeats=part.integer("repeats", default.repeats, 0, 3),
        )
    return found


def _countries(fields: Fields) -> tuple[str, ...]:
    prefixes = fields.texts("countries", ("7",))
    for prefix in prefixes:
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 7 and not prefix.startswith("0")):
            raise BadInput(
                _('{field} must hold international prefixes without plus, such as "7" or "380".').format(
                    field=fields.path("countries")
                )
            )
    if not prefixes:
        raise BadInput(_("{field} is empty: nobody could be called.").format(field=fields.path("countries")))
    return prefixes


def _zone(fields: Fields) -> str | None:
    if not fields.has("default_zone") or fields.raw("default_zone") is None:
        return None
    name = fields.text("default_zone", "")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            _("{field} is not a known time zone. Give a name such as Europe/Moscow.").format(
                field=fields.path("default_zone")
            )
        ) from None
    return name
