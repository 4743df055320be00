from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from campaigns.presets import preset
from dialer.floor import Conversation
from dialer.results import NO_RESULT_IN_TIME, Results
from dialer.writer import DispositionToWrite
from domain.clock import SystemClock
from domain.disposition import DispositionKind
from domain.errors import BadInput
from domain.ids import AgentId, AttemptId, CampaignId, LeadId, ListId, NumberId
from domain.outcome import AgentState, LeadState, Temperature
from domain.records import ClaimedLead, LeadCounters

pytestmark = pytest.mark.unit

AGENT = AgentId(1)


def kind(code: str, lead_state: LeadState | None) -> DispositionKind:
    return DispositionKind(code, "", False, False, False, False, False, False, False, False, lead_state)


class Desk:
    """One agent in wrap-up, and what the writer is given."""

    def __init__(self) -> None:
        lead = ClaimedLead(
            attempt=AttemptId(5), lead=LeadId(1), number_id=NumberId(1), number="70000000001", campaign=CampaignId(1),
            list=ListId(1), temperature=Temperature.COLD, priority=3, due_at=datetime(2026, 3, 3, tzinfo=UTC),
            promised_agent=None, needs_agent=False, promise=None, counters=LeadCounters(0, 0, 0, 0, 0, None),
        )  # fmt: skip
        self.conversation = Conversation(lead, preset("lab"))
        self.written: list[DispositionToWrite] = []
        self.done: list[AgentId] = []
        floor: Any = SimpleNamespace(
            conversation=lambda _agent: self.conversation,
            agent=lambda _agent: SimpleNamespace(state=AgentState.WRAPUP),
            wrapped_up=self.done.append,
        )
        kinds = {"SALE": kind("SALE", LeadState.WON), NO_RESULT_IN_TIME: kind(NO_RESULT_IN_TIME, None)}
        self.results = Results(floor, cast(Any, SimpleNamespace(put=self.written.append)), SystemClock(), kinds)
        self.floor = floor


@pytest.mark.parametrize("note", ["a\0b", "half \ud83d of a sign"])
def test_a_note_that_the_database_cannot_keep_is_refused_while_the_agent_is_still_there(note: str) -> None:
    desk = Desk()
    with pytest.raises(BadInput):
        desk.results.record(AGENT, "SALE", note=note)
    assert desk.written == []
    assert desk.done == []
    desk.results.record(AGENT, "SALE", note="Привет 👋")
    assert [item.disposition.note for item in desk.written] == ["Привет 👋"]


def test_a_conversation_whose_agent_is_gone_gets_no_result_and_its_lead_a_next_step() -> None:
    desk = Desk()
    desk.floor.on_result_missing(AGENT, desk.conversation)
    [item] = desk.written
    assert (item.disposition.code, item.step.state) == (NO_RESULT_IN_TIME, LeadState.QUEUED)
