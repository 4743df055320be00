"""No value can start a second action, and no message can break the reader."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panoramisk.actions import Action

from ami.actions import PERMITTED, written
from ami.events import switch_event
from domain.errors import BadInput

pytestmark = pytest.mark.property

_NOW = datetime(2026, 5, 5, tzinfo=UTC)
_PIECES = st.sampled_from(
    ["\r\n", "\n", "\r", "\x00", "\x85", "\u2028", "Action: Originate", ": ", " ", "x", "é", "\ud800"]
)


@given(
    name=st.sampled_from(sorted(PERMITTED)) | st.text(max_size=10),
    key=st.sampled_from(["Events", "Username", "Secret", "Channel"]) | st.text(max_size=10),
    value=st.lists(_PIECES | st.text(max_size=5), max_size=5).map("".join),
)
async def test_what_is_written_is_one_action_with_the_given_lines(name: str, key: str, value: str) -> None:
    try:
        action = written(name, {key: value})
    except BadInput:
        return
    text = str(Action({**action, "ActionID": "1"}))
    lines = text.encode().decode().split("\r\n")
    assert sorted(lines[:-2]) == sorted([f"Action: {name}", "ActionID: 1", f"{key}: {value}"])
    assert lines[-2:] == ["", ""]
    assert len(text.splitlines()) == 4


@given(
    message=st.dictionaries(
        st.sampled_from(["event", "userevent", "callid", "peer", "peerstatus", "timestamp", "status", "domain"]),
        st.text(max_size=20)
        | st.sampled_from(["PeerStatus", "PJSIP/x", "Registry", "UserEvent", "DialerOrphan", "Shutdown"]),
    )
)
def test_any_message_gives_a_typed_event_or_nothing(message: dict[str, str]) -> None:
    found = switch_event(message, _NOW)
    assert found is None or found.at.tzinfo is UTC
