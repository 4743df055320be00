"""PgEngineStore: engines, leases, shifts and agents' time (domain.stores.EngineStore)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.disposition import DispositionKind
from domain.errors import NotFound
from domain.i18n import _
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, PromiseId, ShiftId
from domain.outcome import AgentState, LeadState, Outcome, Temperature
from domain.records import AgentInterval, AgentRow, CampaignRow, LeadCounters, LeftBehind, LeftInWrapUp
from sql.catalog import load
from sql.errors import translated

_SQL = load("engines")
_WHERE = "the dialler's database"


@dataclass(frozen=True, slots=True)
class EngineSign:
    """An engine's last sign of life, by the database's clock."""

    engine: EngineId
    host: str
    started_at: datetime
    seen_at: datetime


class PgEngineStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def start_engine(self, host: str) -> EngineId:
        with translated(_WHERE):
            return EngineId(await self._pool.fetchval(_SQL["start_engine"], host))

    async def end_engine(self, engine: EngineId) -> None:
        """Its leases are free from now on."""
        with translated(_WHERE):
            await self._pool.execute(_SQL["end_engine"], engine)

    async def beat(self, engine: EngineId) -> bool:
        with translated(_WHERE):
            return await self._pool.fetchval(_SQL["beat"], engine) is not None

    async def living_engines(self, silent_s: float) -> Sequence[EngineSign]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["living_engines"], silent_s)
        return [EngineSign(EngineId(row["id"]), row["host"], row["started_at"], row["seen_at"]) for row in rows]

    async def bury_engines(self, engine: EngineId, silent_s: float) -> Sequence[EngineId]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["bury_engines"], engine, silent_s)
        return [EngineId(row["id"]) for row in rows]

    async def trunks(self) -> Sequence[str]:
        with translated(_WHERE):
            return [row["trunk"] for row in await self._pool.fetch(_SQL["trunks"])]

    async def left_behind(self, attempts: Collection[AttemptId]) -> Sequence[LeftBehind]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["left_behind"], list(attempts))
        return [left_behind(row) for row in rows]

    async def left_in_wrapup(self) -> Sequence[LeftInWrapUp]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["left_in_wrapup"])
        return [
            LeftInWrapUp(
                LeadId(row["lead_id"]), CampaignId(row["campaign_id"]), AgentId(row["agent_id"]), left_behind(row)
            )
            for row in rows
        ]

    async def close_forgotten_shifts(self, engine: EngineId, mine: Collection[ShiftId]) -> int:
        with translated(_WHERE):
            return len(await self._pool.fetch(_SQL["close_forgotten_shifts"], engine, list(mine)))

    async def take_lease(self, campaign: CampaignId, engine: EngineId, seconds: float) -> bool:
        """False, too, for an engine that has ended. Raises NotFound if there is no such campaign."""
        try:
            with translated(_WHERE):
                return await self._pool.fetchval(_SQL["take_lease"], campaign, engine, seconds) is not None
        except asyncpg.ForeignKeyViolationError:
            raise NotFound(_("There is no campaign {campaign}.").format(campaign=campaign)) from None

    async def running_campaigns(self) -> Sequence[CampaignRow]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["running_campaigns"])
        return [campaign_row(row) for row in rows]

    async def campaign_agents(self, campaign: CampaignId) -> Sequence[AgentRow]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["campaign_agents"], campaign)
        return [agent_row(row) for row in rows]

    async def floor_plan(self) -> Sequence[tuple[AgentRow, frozenset[CampaignId]]]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["floor_plan"])
        return [(agent_row(row), frozenset(CampaignId(id) for id in row["campaigns"])) for row in rows]

    async def disposition_kinds(self) -> dict[str, DispositionKind]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["disposition_kinds"])
        return {row["code"]: disposition_kind(row) for row in rows}

    async def start_shift(self, agent: AgentId, at: datetime) -> ShiftId:
        """Raises NotFound if there is no such agent."""
        try:
            with translated(_WHERE):
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute(_SQL["close_forgotten_shift"], agent, at)
                    return ShiftId(await connection.fetchval(_SQL["start_shift"], agent, at))
        except asyncpg.ForeignKeyViolationError:
            raise NotFound(_("There is no agent {agent}.").format(agent=agent)) from None

    async def end_shift(self, shift: ShiftId, at: datetime) -> None:
        """A shift that has ended stays as it is."""
        with translated(_WHERE):
            await self._pool.execute(_SQL["end_shift"], shift, at)

    async def record_intervals(self, intervals: Sequence[AgentInterval]) -> None:
        """Safe to repeat. Being offline is not time spent: such intervals are not kept."""
        documents = [
            {
                "agent_id": interval.agent,
                "shift_id": interval.shift,
                "campaign_id": interval.campaign,
                "state": interval.state,
                "from_at": interval.from_at.isoformat(),
                "to_at": interval.to_at.isoformat(),
                "attempt_id": interval.attempt,
            }
            for interval in intervals
            if interval.state is not AgentState.OFFLINE
        ]
        with translated(_WHERE):
            await self._pool.execute(_SQL["record_intervals"], documents)


def campaign_row(row: asyncpg.Record) -> CampaignRow:
    return CampaignRow(
        id=CampaignId(row["id"]),
        client_id=row["client_id"],
        client=row["client"],
        name=row["name"],
        state=row["state"],
        mode=row["mode"],
        trunk=row["trunk"],
        caller_id=row["caller_id"],
        rules=row["rules"],
        rules_version=row["rules_version"],
        abandon_message=row["abandon_message"],
    )


def left_behind(row: asyncpg.Record) -> LeftBehind:
    return LeftBehind(
        attempt=AttemptId(row["attempt_id"]),
        temperature=Temperature(row["temperature"]),
        needs_agent=row["needs_agent"],
        promise=None if row["promise_id"] is None else PromiseId(row["promise_id"]),
        counters=LeadCounters(
            counted=row["counted_attempts"],
            number_counted=row["number_counted"],
            promise=row["promise_attempts"],
            uncounted_today=row["uncounted_today"],
            same_outcome_run=row["same_outcome_run"],
            last_outcome=None if row["last_outcome"] is None else Outcome(row["last_outcome"]),
        ),
        rules=row["rules"],
    )


def agent_row(row: asyncpg.Record) -> AgentRow:
    return AgentRow(AgentId(row["id"]), row["login"], row["name"], row["endpoint"], row["wanted"])


def disposition_kind(row: asyncpg.Record) -> DispositionKind:
    return DispositionKind(
        code=row["code"],
        label=row["label"],
        contact=row["contact"],
        decision_maker=row["decision_maker"],
        on_target=row["on_target"],
        goal=row["goal"],
        sale=row["sale"],
        refused=row["refused"],
        promise=row["promise"],
        dnc=row["dnc"],
        lead_state=LeadState(row["lead_state"]) if row["lead_state"] else None,
    )
