"""A small report, and a reader that gives it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.ids import AgentId, AttemptId, CampaignId, LeadId, ListId, NumberId
from domain.kpi import (
    PROMISE_TOLERANCE,
    AgentCounts,
    AgentSeconds,
    AttemptExport,
    CallCounts,
    ListCounts,
    LiveCounts,
    OutcomeCount,
    Period,
    PromiseCounts,
    ReportRows,
)
from domain.outcome import HangupBy, LeadState, Outcome, Temperature

CAMPAIGN = CampaignId(7)
PERIOD = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))

CALLS = CallCounts(
    attempts=10, dialled=9, counted=8, connected=5, handled=4, machines=1, abandoned=1, goals=2, talk_s=400.0,
    wrapup_s=40.0, connected_s=410.0, wait_p50_s=0.25, wait_p95_s=1.5, leads=8, leads_counted=7, leads_connected=5,
    leads_person=4, leads_contact=3, leads_decision_maker=2, leads_on_target=3, leads_refused=1, leads_goal=2,
)  # fmt: skip

ROWS = ReportRows(
    campaign=CAMPAIGN,
    name="=Spring",
    client="Client",
    accepted=12,
    calls=CALLS,
    lists=[ListCounts(ListId(1), "+list", Temperature.COLD, 12, CALLS)],
    agents=[
        AgentCounts(AgentId(3), "@Ann", CALLS, AgentSeconds(ready=100, talking=400, wrapup=40, talks=4)),
        AgentCounts(None, "", CallCounts(), AgentSeconds()),
    ],
    results=[
        OutcomeCount(Outcome.ANSWERED, "SALE", "Sale", 2),
        OutcomeCount(Outcome.ANSWERED, "MACHINE_AGENT", "Answering machine", 2),
        OutcomeCount(Outcome.NO_ANSWER, None, "", 5),
        OutcomeCount(Outcome.ABANDONED, None, "", 1),
    ],
    lead_results=[OutcomeCount(Outcome.NO_ANSWER, "SALE", "Sale", 8)],
    lead_states={LeadState.WON: 2, LeadState.QUEUED: 10},
    promises=PromiseCounts(kept=3, broken=1, moved=1),
)

START = datetime(2026, 3, 1, 9, 0, 0, 250000, tzinfo=UTC)
ATTEMPT = AttemptExport(
    attempt=AttemptId(11), lead=LeadId(12), number_id=NumberId(13), list=ListId(1), agent=AgentId(3),
    temperature=Temperature.COLD, outcome=Outcome.ANSWERED, disposition="SALE", counted=True, started_at=START,
    ringing_at=None, answered_at=START + timedelta(seconds=5), bridged_at=START + timedelta(seconds=5.5),
    ended_at=START + timedelta(seconds=66), talk_s=60.5, sip_code=None, q850=16, hangup_by=HangupBy.AGENT, trunk="-t",
    rules_version=2, number="70000000013",
)  # fmt: skip


@dataclass
class Reader:
    """closed: the stream of attempts was given back."""

    rows: ReportRows = ROWS
    found: Sequence[AttemptExport] = (ATTEMPT,)
    closed: bool = False
    asked: list[bool] = field(default_factory=list)

    async def read(self, campaign: CampaignId, period: Period, tolerance: timedelta = PROMISE_TOLERANCE) -> ReportRows:
        return self.rows

    async def live(self, campaign: CampaignId, hours: float) -> LiveCounts:
        return LiveCounts(0, 0, 0, 0)

    async def outcomes_since(self, campaign: CampaignId, since: datetime) -> dict[Outcome, int]:
        return {}

    async def attempts(
        self, campaign: CampaignId, period: Period, *, numbers: bool = False
    ) -> AsyncGenerator[AttemptExport, None]:
        self.asked.append(numbers)
        try:
            for attempt in self.found:
                yield attempt
        finally:
            self.closed = True
