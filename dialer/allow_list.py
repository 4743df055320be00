"""The last look at a number before it is dialled. The rules may have been narrowed since its base was loaded."""

from __future__ import annotations

from campaigns.rules import CampaignRules

#: Digits of a number in E.164: emergency and short numbers have fewer than these, no number has more.
SHORTEST, LONGEST = 7, 15

NUMBER_LENGTH = "number_length"
COUNTRY = "countries"


def forbidden_by(rules: CampaignRules, number: str) -> str | None:
    """The rule that keeps this number (digits of E.164) from being dialled, or None."""
    if not (number.isascii() and number.isdigit() and SHORTEST <= len(number) <= LONGEST):
        return NUMBER_LENGTH
    return None if number.startswith(rules.countries) else COUNTRY
