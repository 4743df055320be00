"""What the reports are made of: the period, the counts behind every figure, and the port they are read through.

Two kinds of sets, never mixed: A-sets count attempts (figures of the line), N-sets count distinct leads
(figures of the base); the names of the latter begin with `leads`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from domain.errors import BadInput
from domain.i18n import _
from domain.ids import AgentId, AttemptId, CampaignId, LeadId, ListId, NumberId
from domain.outcome import HangupBy, LeadState, Outcome, Temperature

#: Dispositions by which an agent says that no person was on the line.
NOT_A_PERSON = ("MACHINE_AGENT", "SILENT", "FAX_AGENT")
#: Nothing was sent to the trunk.
NOT_DIALLED = (Outcome.NOT_PLACED, Outcome.BLOCKED_DNC)
#: The trunk, a route or the carrier failed, not the lead.
TRUNK_FAULTS = (Outcome.TRUNK_FAIL, Outcome.NO_RESPONSE, Outcome.BARRED)
#: Answered and not bridged under one of these: the person was left without an agent by our fault.
LEFT_WITHOUT_AGENT = (Outcome.ABANDONED, Outcome.AGENT_MISSED, Outcome.NODE_LOST, Outcome.UNKNOWN)
#: A promise is kept when its attempt begins this close to the promised time, unless the campaign's rules say otherwise.
PROMISE_TOLERANCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Period:
    """Instants [start, end), aware. Raises BadInput for a naive time or an end that is not after the start."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise BadInput(_("The report's period has a time without a zone. Give both ends with their offset."))
        if self.end <= self.start:
            raise BadInput(_("The report's period ends before it begins. Give a later end."))


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Attempts that began in a period, counted. Seconds are sums over the attempts.

    attempts: rows; dialled: sent to the trunk; counted: rang or answered; connected: answered;
    handled: bridged to an agent; machines: handled, and the agent said that it was no person;
    abandoned: answered by a person whom we left without an agent; hung_early: the customer left first;
    conversations: handled and a person; goals: conversations whose disposition reaches the campaign's goal.
    """

    attempts: int = 0
    dialled: int = 0
    counted: int = 0
    connected: int = 0
    handled: int = 0
    machines: int = 0
    abandoned: int = 0
    hung_early: int = 0
    trunk_faults: int = 0
    goals: int = 0
    connected_s: float = 0.0
    talk_s: float = 0.0
    wrapup_s: float = 0.0
    wait_p50_s: float | None = None
    wait_p95_s: float | None = None
    leads: int = 0
    leads_counted: int = 0
    leads_connected: int = 0
    leads_person: int = 0
    leads_contact: int = 0
    leads_decision_maker: int = 0
    leads_on_target: int = 0
    leads_refused: int = 0  # on target, and refused
    leads_goal: int = 0
    leads_sale: int = 0

    @property
    def conversations(self) -> int:
        return self.handled - self.machines

    @property
    def persons(self) -> int:
        """Attempts answered by a person: every conversation, and every abandoned call."""
        return self.conversations + self.abandoned


@dataclass(frozen=True, slots=True)
class AgentSeconds:
    """Seconds of agents in each state, clipped to the period. Hold is part of talking; talks: how many talks
    began. An agent waits for all of his campaigns at once, so this is his time in all of them."""

    connecting: float = 0.0
    ready: float = 0.0
    reserved: float = 0.0
    talking: float = 0.0
    wrapup: float = 0.0
    paused: float = 0.0
    talks: int = 0

    @property
    def logged_in(self) -> float:
        return self.connecting + self.ready + self.reserved + self.talking + self.wrapup + self.paused


@dataclass(frozen=True, slots=True)
class PromiseCounts:
    """Promises whose time fell in the period.

    excused: no engine ran within the tolerance of their time; not charged to anybody.
    pending: still open and their tolerance has not passed. broken: missed, whether closed or still open.
    """

    moved: int = 0
    cancelled: int = 0
    excused: int = 0
    pending: int = 0
    kept: int = 0
    kept_late: int = 0
    broken: int = 0

    @property
    def due(self) -> int:
        """All of them."""
        return self.moved + self.cancelled + self.charged + self.excused + self.pending

    @property
    def charged(self) -> int:
        """Those somebody had to keep: due without the moved, cancelled, excused and pending."""
        return self.kept + self.kept_late + self.broken


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Attempts of one outcome and disposition (None: the agent said nothing)."""

    outcome: Outcome
    disposition: str | None
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class ListCounts:
    list: ListId
    name: str
    temperature: Temperature
    accepted: int
    calls: CallCounts


@dataclass(frozen=True, slots=True)
class AgentCounts:
    """agent None: attempts that no agent was named for."""

    agent: AgentId | None
    name: str
    calls: CallCounts
    seconds: AgentSeconds


@dataclass(frozen=True, slots=True)
class ReportRows:
    """One consistent reading of the database. The lists, and likewise the agents, add up to `calls`
    in everything but distinct leads.

    results: attempts by outcome and disposition; lead_results: each lead that was attempted, by the
    outcome of its last attempt and the last disposition that anybody gave it in the period.
    """

    campaign: CampaignId
    name: str
    client: str
    accepted: int
    calls: CallCounts
    lists: Sequence[ListCounts]
    agents: Sequence[AgentCounts]
    results: Sequence[OutcomeCount]
    lead_results: Sequence[OutcomeCount]
    lead_states: dict[LeadState, int]
    promises: PromiseCounts


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """What pacing and the terminal view look at: the last hours of one campaign, finished attempts only."""

    abandoned: int
    persons: int
    connected: int
    dialled: int


@dataclass(frozen=True, slots=True)
class AttemptExport:
    """One attempt as it is exported. number: E.164 digits, only if they were asked for and not erased."""

    attempt: AttemptId
    lead: LeadId
    number_id: NumberId
    list: ListId
    agent: AgentId | None
    temperature: Temperature
    outcome: Outcome
    disposition: str | None
    counted: bool
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    bridged_at: datetime | None
    ended_at: datetime
    talk_s: float | None
    sip_code: int | None
    q850: int | None
    hangup_by: HangupBy | None
    trunk: str
    rules_version: int
    number: str | None = field(default=None, repr=False)


class KpiReader(Protocol):
    """Reads facts for reports. Every method may raise domain.errors.Unavailable."""

    async def read(self, campaign: CampaignId, period: Period, tolerance: timedelta = PROMISE_TOLERANCE) -> ReportRows:
        """Everything a report needs, from one snapshot. Raises NotFound if there is no such campaign."""
        ...

    async def live(self, campaign: CampaignId, hours: float) -> LiveCounts:
        """Attempts of the last `hours`, by the database's clock."""
        ...

    async def outcomes_since(self, campaign: CampaignId, since: datetime) -> dict[Outcome, int]:
        """Finished attempts that began at or after `since`, by outcome."""
        ...

    def attempts(
        self, campaign: CampaignId, period: Period, *, numbers: bool = False
    ) -> AsyncGenerator[AttemptExport, None]:
        """Attempts of the period, oldest first, streamed: memory does not grow with their count."""
        ...
