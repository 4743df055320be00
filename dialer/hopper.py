"""Leads claimed a moment ahead of need, and which of them may go now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence

import structlog

from domain.errors import DialerError
from domain.events import AgentReserved
from domain.ids import AgentId, AttemptId, CampaignId, EngineId
from domain.records import ClaimedLead
from domain.stores import DialStore

log = structlog.get_logger()

#: An empty queue is asked again after this long, seconds.
EMPTY_S = 0.25
#: Between two looks for claims whose answer was lost, seconds.
TIDY_S = 30.0

Reserve = Callable[[ClaimedLead], AgentReserved | None]


class Hopper:
    """Ordinary leads wait for pacing's word; a lead that needs an agent beforehand (a personal promise, a
    call after an abandoned one) goes as soon as that agent is reserved, or back to the queue."""

    def __init__(self, store: DialStore, campaign: CampaignId, engine: EngineId) -> None:
        self._store = store
        self._campaign = campaign
        self._engine = engine
        self._ordinary: deque[ClaimedLead] = deque()
        self._with_agent: deque[ClaimedLead] = deque()
        self._claim_at = float("-inf")
        self._tidy_at = float("-inf")

    @property
    def ready(self) -> int:
        """Leads that wait for pacing's word."""
        return len(self._ordinary)

    async def fill(self, wanted: int, free_agents: Collection[AgentId], now: float) -> None:
        """Claim up to `wanted` leads in all. now: monotonic seconds. Raises Unavailable."""
        if now >= self._tidy_at:
            await self._release_all_but([lead.attempt for lead in (*self._ordinary, *self._with_agent)])
            self._tidy_at = now + TIDY_S
        missing = wanted - len(self._ordinary)
        if missing <= 0 or now < self._claim_at:
            return
        try:
            claimed = await self._store.claim(self._campaign, self._engine, missing, free_agents)
        except Exception:
            # A time-out is not a rollback: what was claimed without our knowledge goes back first.
            self._tidy_at = float("-inf")
            raise
        for lead in claimed:
            needs_agent = lead.promised_agent is not None or lead.needs_agent
            (self._with_agent if needs_agent else self._ordinary).append(lead)
        if len(claimed) < missing:
            self._claim_at = now + EMPTY_S

    def take(self, count: int) -> list[ClaimedLead]:
        """The first ordinary leads."""
        return [self._ordinary.popleft() for _ in range(min(count, len(self._ordinary)))]

    async def take_with_agents(
        self, limit: int, reserve: Reserve, now: float
    ) -> Sequence[tuple[ClaimedLead, AgentReserved]]:
        """Leads whose agent could be reserved; the others go back to their place. Raises Unavailable."""
        going: list[tuple[ClaimedLead, AgentReserved]] = []
        back: list[ClaimedLead] = []
        while self._with_agent:
            lead = self._with_agent.popleft()
            reserved = reserve(lead) if len(going) < limit else None
            if reserved is None:
                back.append(lead)
            else:
                going.append((lead, reserved))
        if back:
            self._claim_at = now + EMPTY_S
            await self._unclaim(back)
        return going

    async def return_all(self) -> None:
        """Nothing more will be dialled: every lead goes back to its place."""
        self._ordinary.clear()
        self._with_agent.clear()
        try:
            await self._release_all_but([])
        except DialerError as error:
            # They go back when the campaign is dialled again, or when this engine has ended.
            log.warning("hopper.not_returned", error=type(error).__name__)

    async def _release_all_but(self, known: Sequence[AttemptId]) -> None:
        released = await self._store.release_claims(self._campaign, self._engine, known)
        if released and known:
            log.warning("hopper.lost_claims_returned", campaign_id=self._campaign, count=released)

    async def _unclaim(self, leads: Sequence[ClaimedLead]) -> None:
        try:
            await self._store.unclaim([lead.attempt for lead in leads])
        except DialerError as error:
            self._tidy_at = float("-inf")
            log.warning("hopper.not_returned", count=len(leads), error=type(error).__name__)
