"""What agents say of their conversations, turned into the lead's next step and put to the writer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from campaigns.rules import after_disposition
from dialer.floor import Conversation, Floor
from dialer.writer import DispositionToWrite, Writer
from domain.clock import Clock
from domain.disposition import DispositionKind
from domain.errors import BadInput, NotFound
from domain.i18n import _
from domain.ids import AgentId
from domain.outcome import AgentState
from domain.records import Disposition

log = structlog.get_logger()

NO_RESULT_IN_TIME = "DISPO_TIMEOUT"


class Results:
    def __init__(self, floor: Floor, writer: Writer, clock: Clock, kinds: Mapping[str, DispositionKind]) -> None:
        self._floor = floor
        self._writer = writer
        self._clock = clock
        self._kinds = kinds
        floor.on_wrapup_expired = self.expire
        floor.on_result_missing = self.missing

    def record(self, agent: AgentId, code: str, *, note: str = "", due_at: datetime | None = None) -> None:
        """The agent's result of the conversation just ended; ends the wrap-up.

        Raises BadInput for an unknown code, a promise without a time or with one in the past, and
        NotFound if there is no conversation to be wrapped up.
        """
        conversation = self._floor.conversation(agent)
        if conversation is None or self._floor.agent(agent).state is not AgentState.WRAPUP:
            raise NotFound(_("There is no finished conversation to record a result for."))
        if not _can_be_written(note):
            raise BadInput(_("The note holds a character that cannot be kept. Write it as plain text."))
        kind = self._kinds.get(code)
        if kind is None:
            raise BadInput(_("There is no result {code}.").format(code=code))
        self._write(agent, conversation, kind, note, due_at)
        self._floor.wrapped_up(agent)

    def expire(self, agent: AgentId) -> None:
        """The wrap-up ends without a result from the agent; the row says so."""
        conversation = self._floor.conversation(agent)
        if conversation is not None:
            log.warning("wrapup.expired", agent_id=agent, attempt_id=conversation.lead.attempt)
            self._write(agent, conversation, self._kinds[NO_RESULT_IN_TIME], "", None)
        self._floor.wrapped_up(agent)

    def missing(self, agent: AgentId, conversation: Conversation) -> None:
        """The agent's leg was lost in mid-talk or before he said how it ended: the lead must not wait for him."""
        log.warning("result.missing", agent_id=agent, attempt_id=conversation.lead.attempt)
        self._write(agent, conversation, self._kinds[NO_RESULT_IN_TIME], "", None)

    def _write(
        self, agent: AgentId, conversation: Conversation, kind: DispositionKind, note: str, due_at: datetime | None
    ) -> None:
        lead = conversation.lead
        now = self._clock.now()
        step = after_disposition(conversation.rules, lead, kind, due_at, agent, now)
        disposition = Disposition(
            attempt=lead.attempt,
            lead=lead.lead,
            campaign=lead.campaign,
            agent=agent,
            code=kind.code,
            at=now,
            note=note,
            due_at=due_at,
        )
        self._writer.put(DispositionToWrite(disposition, step))


def _can_be_written(note: str) -> bool:
    """PostgreSQL's text takes neither a zero nor half of a surrogate pair."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in note)
