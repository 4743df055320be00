"""What is going on in one campaign right now, as plain data for whoever shows it."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dialer.call import CallState
from dialer.call_actor import CallActor
from dialer.engine import Engine
from domain.clock import Clock
from domain.ids import AttemptId, CampaignId
from domain.outcome import AgentState, LeadState, Outcome
from domain.records import AttemptFinal
from domain.stores import DialStore

#: Events kept for the screen.
LAST_EVENTS = 8
#: Waits of which the median is told.
LAST_BRIDGES = 1000


@dataclass(frozen=True, slots=True)
class FinishedCall:
    at: datetime
    attempt: AttemptId
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AgentLine:
    name: str
    state: AgentState
    seconds: float  # in this state


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """bridge_ms: answer to both in one bridge, by the switch's clock, milliseconds: (median, p95)."""

    campaign: str
    state: str
    mode: str
    leads: dict[LeadState, int]
    due_now: int
    next_due: datetime | None
    lines: dict[CallState, int]
    agents: Sequence[AgentLine]
    outcomes: dict[Outcome, int]
    abandoned: int
    answered: int
    abandon_target: float
    abandon_limit: float
    reason: str
    bridge_ms: tuple[float, float] | None
    last: Sequence[FinishedCall]

    @property
    def accepted(self) -> int:
        return sum(self.leads.values())

    @property
    def finished(self) -> int:
        """Leads that will not be called again."""
        under_way = (LeadState.QUEUED, LeadState.INFLIGHT, LeadState.WRAPUP)
        return sum(count for state, count in self.leads.items() if state not in under_way)

    @property
    def attempts(self) -> int:
        return sum(self.outcomes.values())

    def agents_in(self, state: AgentState) -> int:
        return sum(1 for agent in self.agents if agent.state is state)

    @property
    def quiet(self) -> bool:
        """No call is up and nobody is wrapping one up."""
        return not self.lines and not any(self.agents_in(state) for state in
                                          (AgentState.RESERVED, AgentState.TALKING, AgentState.WRAPUP))  # fmt: skip


class StatusKeeper:
    """Follows an engine's events for one campaign and answers with a `LiveStatus`."""

    def __init__(self, engine: Engine, store: DialStore, campaign: CampaignId, clock: Clock) -> None:
        self._engine = engine
        self._store = store
        self._campaign = campaign
        self._clock = clock
        self._outcomes: Counter[Outcome] = Counter()
        self._bridge_ms: deque[float] = deque(maxlen=LAST_BRIDGES)
        self._last: deque[FinishedCall] = deque(maxlen=LAST_EVENTS)
        engine.calls.observe_finished(self._finished)

    def _finished(self, actor: CallActor, final: AttemptFinal) -> None:
        if final.campaign != self._campaign:
            return
        self._outcomes[final.outcome] += 1
        self._last.append(FinishedCall(final.ended_at, final.attempt, final.outcome))
        call = actor.call
        if call.answered_at is not None and call.bridged_at is not None:
            self._bridge_ms.append((call.bridged_at - call.answered_at).total_seconds() * 1000)

    async def status(self) -> LiveStatus | None:
        """None while the engine has not taken the campaign up. Two queries."""
        loop = self._engine.loops.get(self._campaign)
        if loop is None:
            return None
        leads = await self._store.lead_states(self._campaign)
        due_now, next_due = await self._store.queue_depth(self._campaign)
        now = self._clock.now()
        return LiveStatus(
            campaign=loop.row.name,
            state=loop.row.state,
            mode=loop.row.mode,
            leads=leads,
            due_now=due_now,
            next_due=next_due,
            lines=dict(self._engine.calls.states(self._campaign)),
            agents=[
                AgentLine(
                    self._engine.floor.row(agent.id).name, agent.state, max(0.0, (now - agent.since).total_seconds())
                )
                for agent in self._engine.floor.agents_of(self._campaign)
            ],
            outcomes=dict(self._outcomes),
            abandoned=loop.window.abandoned,
            answered=loop.window.answered,
            abandon_target=loop.rules.abandon_target,
            abandon_limit=loop.rules.abandon_limit,
            reason=loop.reason,
            bridge_ms=percentiles(self._bridge_ms),
            last=tuple(self._last),
        )


def percentiles(values: Sequence[float]) -> tuple[float, float] | None:
    """(median, 95th percentile), nearest rank; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    median, p95 = (ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.95))
    return median, p95
