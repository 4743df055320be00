"""Rows in plain words: what the stores give to the engine and take from it."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.ids import (
    AgentId,
    AttemptId,
    CampaignId,
    EngineId,
    LeadId,
    ListId,
    NumberId,
    PromiseId,
    ShiftId,
)
from domain.outcome import AgentState, HangupBy, LeadState, Outcome, Temperature


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """rules: the document of campaigns.rules.CampaignRules."""

    id: CampaignId
    client_id: int
    client: str
    name: str
    state: str
    mode: str
    trunk: str
    caller_id: str
    rules: dict[str, Any]
    rules_version: int
    abandon_message: str | None


@dataclass(frozen=True, slots=True)
class AgentRow:
    """wanted: what the agent asked for: ready, paused or offline; the engine follows it."""

    id: AgentId
    login: str
    name: str
    endpoint: str
    wanted: str = "offline"


@dataclass(frozen=True, slots=True)
class LeadCounters:
    """counted: attempts of the lead since its last conversation; number_counted: of its number;
    promise: counted attempts to keep the open promise; uncounted_today: dials of this (UTC) day
    that never rang; same_outcome_run: how many times in a row `last_outcome` came."""

    counted: int
    number_counted: int
    promise: int
    uncounted_today: int
    same_outcome_run: int
    last_outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class ClaimedLead:
    """A lead taken off the dial queue into `inflight`, state `claimed`; its attempt id is allocated.

    number: E.164 digits without the plus sign.
    """

    attempt: AttemptId
    lead: LeadId
    number_id: NumberId
    number: str
    campaign: CampaignId
    list: ListId
    temperature: Temperature
    priority: int
    due_at: datetime
    promised_agent: AgentId | None
    needs_agent: bool
    promise: PromiseId | None
    counters: LeadCounters


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A lead in flight whose engine is gone: what the rules must know to take its next step.

    counters: as they are before the attempt. rules: the document of its campaign, as in CampaignRow.
    """

    attempt: AttemptId
    temperature: Temperature
    needs_agent: bool
    promise: PromiseId | None
    counters: LeadCounters
    rules: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeftInWrapUp:
    """A conversation whose engine is gone and whose agent never said how it ended.

    behind.counters: as they were before the conversation's attempt."""

    lead: LeadId
    campaign: CampaignId
    agent: AgentId
    behind: LeftBehind


@dataclass(frozen=True, slots=True)
class IntentOrder:
    attempt: AttemptId
    agent: AgentId | None  # reserved beforehand


@dataclass(frozen=True, slots=True)
class Intent:
    """The gate's answer for one claimed lead. blocked_by: the rule that refused it, or None = dial.

    Rules: not_running, lease_lost, window, dnc, attempts, promise_attempts, uncounted, agent_busy, not_claimed.
    """

    attempt: AttemptId
    blocked_by: str | None
    at: datetime
    rules_version: int


@dataclass(frozen=True, slots=True)
class NextStep:
    """What becomes of the lead. state QUEUED needs due_at and priority; any other leaves the queue.

    conversation: reset the counted attempts of lead and number (somebody was talked to).
    """

    state: LeadState
    due_at: datetime | None = None
    priority: int | None = None
    agent: AgentId | None = None
    agent_until: datetime | None = None
    needs_agent: bool = False
    promise: PromiseId | None = None
    conversation: bool = False
    rule: str = ""  # which rule decided, for people


@dataclass(frozen=True, slots=True)
class AttemptFinal:
    """One finished attempt, as it is inserted, with what becomes of its lead."""

    attempt: AttemptId
    lead: LeadId
    number_id: NumberId
    campaign: CampaignId
    list: ListId
    temperature: Temperature
    agent: AgentId | None
    promise: PromiseId | None
    outcome: Outcome
    counted: bool
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    bridged_at: datetime | None
    ended_at: datetime
    sip_code: int | None
    q850: int | None
    hangup_by: HangupBy | None
    message_heard: bool | None
    trunk: str
    node: str
    node_incarnation: str
    engine: EngineId
    rules_version: int
    next: NextStep
    pacing: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disposition:
    """What the agent says of a conversation. due_at is needed by the codes that promise."""

    attempt: AttemptId
    lead: LeadId
    campaign: CampaignId
    agent: AgentId
    code: str
    at: datetime
    note: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentInterval:
    agent: AgentId
    shift: ShiftId
    campaign: CampaignId | None
    state: AgentState
    from_at: datetime
    to_at: datetime
    attempt: AttemptId | None


@dataclass(frozen=True, slots=True)
class LeadCard:
    """What an agent sees of a lead: personal data, never logged."""

    lead: LeadId
    name: str
    company: str
    city: str
    number: str
    extra: dict[str, str]


@dataclass(frozen=True, slots=True)
class RecordingRow:
    attempt: AttemptId
    campaign: CampaignId
    path: str
    bytes: int
    duration_ms: int
    sha256: builtins.bytes
