"""What the engine and the use-cases need of the database. Every method is one round trip and one
transaction; every method may raise domain.errors.Unavailable."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from domain.disposition import DispositionKind
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ShiftId
from domain.outcome import LeadState
from domain.records import (
    AgentInterval,
    AgentRow,
    AttemptFinal,
    CampaignRow,
    ClaimedLead,
    Disposition,
    Intent,
    IntentOrder,
    LeadCard,
    LeftBehind,
    LeftInWrapUp,
    NextStep,
    RecordingRow,
)


class DialStore(Protocol):
    async def claim(
        self, campaign: CampaignId, engine: EngineId, limit: int, free_agents: Collection[AgentId]
    ) -> Sequence[ClaimedLead]:
        """Move up to `limit` due leads whose window is open from the queue to `inflight`, promises
        first, then hot, warm, cold. A personal promise is taken only while its agent is in
        `free_agents` or its `agent_until` has passed. A number already in flight stays queued."""
        ...

    async def promised_agents(self, campaign: CampaignId) -> Collection[AgentId]:
        """Agents with a promise of their own that is due and still theirs to keep: they take no other customer."""
        ...

    async def unclaim(self, attempts: Collection[AttemptId]) -> None:
        """Put claimed leads back to where they stood. Rows already of state `intent` are left alone."""
        ...

    async def release_claims(self, campaign: CampaignId, engine: EngineId, keep: Collection[AttemptId]) -> int:
        """Put this engine's claims that are not among `keep` back to where they stood; return how many.
        A claim whose answer was lost is known to nobody else."""
        ...

    async def intend(
        self,
        engine: EngineId,
        node: str,
        node_incarnation: str,
        max_counted: int,
        max_promise: int,
        max_uncounted_per_day: int,
        orders: Sequence[IntentOrder],
    ) -> Sequence[Intent]:
        """The single compliance gate, committed before anything is dialled. A refused lead leaves
        `inflight` in the same transaction: back to the queue (window, lease, state), or to its final
        state (dnc, attempts) with its BLOCKED row."""
        ...

    async def finish(self, finals: Sequence[AttemptFinal]) -> None:
        """Delete the in-flight rows, insert the attempts, update leads, numbers and promises, requeue.
        Safe to repeat: an attempt without an in-flight row is skipped."""
        ...

    async def record_disposition(self, disposition: Disposition, step: NextStep) -> None:
        """Insert the disposition, the promise or the do-not-call entry it brings, and the lead's step."""
        ...

    async def leftovers(self, engine: EngineId) -> Sequence[AttemptFinal]:
        """In-flight intents of engines that are gone, as attempts with outcome UNKNOWN, to be completed."""
        ...

    async def queue_depth(self, campaign: CampaignId) -> tuple[int, datetime | None]:
        """Leads due and open now, and when the next one becomes due (None: nothing is queued)."""
        ...

    async def lead_states(self, campaign: CampaignId) -> dict[LeadState, int]: ...

    async def lead_card(self, lead: LeadId) -> LeadCard: ...


class EngineStore(Protocol):
    async def start_engine(self, host: str) -> EngineId: ...

    async def end_engine(self, engine: EngineId) -> None: ...

    async def beat(self, engine: EngineId) -> bool:
        """Say that the engine lives, once a second. False: it was taken for dead and must not go on."""
        ...

    async def bury_engines(self, engine: EngineId, silent_s: float) -> Sequence[EngineId]:
        """End the engines that have not beaten for `silent_s` and lead no campaign; return them, and
        those that ended before and have rows in flight still. Nobody is buried by an engine whose
        own last beat is as old."""
        ...

    async def trunks(self) -> Sequence[str]:
        """The trunks of all campaigns, running or not."""
        ...

    async def left_behind(self, attempts: Collection[AttemptId]) -> Sequence[LeftBehind]:
        """Of these attempts, those in flight whose engines have ended."""
        ...

    async def left_in_wrapup(self) -> Sequence[LeftInWrapUp]:
        """Conversations of engines that have ended whose leads still wait for a disposition."""
        ...

    async def close_forgotten_shifts(self, engine: EngineId, mine: Collection[ShiftId]) -> int:
        """Close open shifts other than `mine` at the end of their last interval; return how many.
        None while another engine lives: they may be its own."""
        ...

    async def take_lease(self, campaign: CampaignId, engine: EngineId, seconds: float) -> bool:
        """Take or renew; False if another engine holds it."""
        ...

    async def running_campaigns(self) -> Sequence[CampaignRow]: ...

    async def campaign_agents(self, campaign: CampaignId) -> Sequence[AgentRow]: ...

    async def floor_plan(self) -> Sequence[tuple[AgentRow, frozenset[CampaignId]]]:
        """Every agent, what he wants (ready, paused, offline) and the campaigns he is assigned to."""
        ...

    async def disposition_kinds(self) -> dict[str, DispositionKind]: ...

    async def start_shift(self, agent: AgentId, at: datetime) -> ShiftId:
        """An open shift left by a crash is closed first."""
        ...

    async def end_shift(self, shift: ShiftId, at: datetime) -> None: ...

    async def record_intervals(self, intervals: Sequence[AgentInterval]) -> None: ...


class RecordingStore(Protocol):
    async def begin(self, attempt: AttemptId, campaign: CampaignId, path: str, at: datetime) -> None: ...

    async def stored(self, row: RecordingRow) -> None: ...

    async def lost(self, attempt: AttemptId) -> None: ...

    async def unfinished(self) -> Sequence[tuple[AttemptId, CampaignId, str]]: ...

    async def unrecorded(self, attempts: Sequence[AttemptId]) -> Sequence[tuple[AttemptId, CampaignId | None]]:
        """Those that are over, or unknown, and have no recording; with the campaign if there was a conversation."""
        ...
