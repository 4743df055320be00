from __future__ import annotations

import pytest

from campaigns.loading.reasons import reason_text
from campaigns.phone import PhoneProblem
from domain.bases import ALREADY_IN_CAMPAIGN, DO_NOT_CALL, DUPLICATE_IN_FILE
from domain.i18n import use_language

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("reason", [*PhoneProblem, DUPLICATE_IN_FILE, ALREADY_IN_CAMPAIGN, DO_NOT_CALL, "older reason"])
def test_the_english_text_is_what_is_stored(reason: str) -> None:
    with use_language("en"):
        assert reason_text(str(reason)) == str(reason)
