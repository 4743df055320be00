"""PgKpiReader: facts for reports, from one snapshot each (domain.kpi.KpiReader)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from domain.errors import NotFound
from domain.i18n import _
from domain.ids import AgentId, AttemptId, CampaignId, LeadId, ListId, NumberId
from domain.kpi import (
    LEFT_WITHOUT_AGENT,
    NOT_A_PERSON,
    NOT_DIALLED,
    PROMISE_TOLERANCE,
    TRUNK_FAULTS,
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
from sql.catalog import load
from sql.errors import translated

_SQL = load("kpi")
_WHERE = "the dialler's database"
_PREFETCH = 1000

#: A report of a long period reads every attempt of it.
STATEMENT_TIMEOUT_S = 120.0
#: An export's reader may be a person on a slow line.
IDLE_TIMEOUT_S = 300.0


class PgKpiReader:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, campaign: CampaignId, period: Period, tolerance: timedelta = PROMISE_TOLERANCE) -> ReportRows:
        """Raises NotFound, Unavailable."""
        span = (campaign, period.start, period.end)
        with translated(_WHERE):
            async with self._pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
                await _lift_limits(connection)
                about = await connection.fetchrow(_SQL["kpi_campaign"], campaign)
                if about is None:
                    raise NotFound(_("There is no campaign {campaign}. List them first.").format(campaign=campaign))
                lists = await connection.fetch(_SQL["kpi_lists"], campaign)
                states = await connection.fetch(_SQL["kpi_lead_states"], campaign)
                calls = await connection.fetch(
                    _SQL["kpi_calls"], *span, NOT_A_PERSON, NOT_DIALLED, TRUNK_FAULTS, LEFT_WITHOUT_AGENT
                )
                results = await connection.fetch(_SQL["kpi_results"], *span)
                lead_results = await connection.fetch(_SQL["kpi_lead_results"], *span)
                agents = await connection.fetch(_SQL["kpi_agents"], *span)
                promises = await connection.fetchrow(_SQL["kpi_promises"], *span, tolerance.total_seconds())
        total = next(_calls(row) for row in calls if not row["by_list"] and not row["by_agent"])
        return ReportRows(
            campaign=campaign,
            name=about["name"],
            client=about["client"],
            accepted=sum(row["accepted"] for row in lists),
            calls=total,
            lists=_lists(lists, {row["list_id"]: _calls(row) for row in calls if row["by_list"]}),
            agents=_agents(agents, {row["agent_id"]: _calls(row) for row in calls if row["by_agent"]}),
            results=_results(results),
            lead_results=_results(lead_results),
            lead_states={LeadState(row["state"]): row["leads"] for row in states},
            promises=PromiseCounts(**promises),
        )

    async def live(self, campaign: CampaignId, hours: float) -> LiveCounts:
        """Raises Unavailable."""
        with translated(_WHERE):
            row = await self._pool.fetchrow(
                _SQL["kpi_live"], campaign, hours, NOT_A_PERSON, NOT_DIALLED, LEFT_WITHOUT_AGENT
            )
        return LiveCounts(**row)

    async def outcomes_since(self, campaign: CampaignId, since: datetime) -> dict[Outcome, int]:
        """Raises Unavailable."""
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["kpi_outcomes_since"], campaign, since)
        return {Outcome(row["outcome"]): row["number"] for row in rows}

    async def attempts(
        self, campaign: CampaignId, period: Period, *, numbers: bool = False
    ) -> AsyncGenerator[AttemptExport, None]:
        """Through a cursor of the server. Close it (`contextlib.aclosing`) if it is left before its end: it holds
        a connection. Raises Unavailable, also in the middle."""
        with translated(_WHERE):
            async with self._pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
                await _lift_limits(connection)
                cursor = connection.cursor(
                    _SQL["kpi_attempts"], campaign, period.start, period.end, numbers, prefetch=_PREFETCH
                )
                async for row in cursor:
                    yield _export(row)


_SNAPSHOT: Mapping[str, Any] = {"isolation": "repeatable_read", "readonly": True}


async def _lift_limits(connection: asyncpg.Connection) -> None:
    limits = (STATEMENT_TIMEOUT_S, IDLE_TIMEOUT_S)
    await connection.execute(_SQL["kpi_limits"], *(f"{seconds * 1000:.0f}" for seconds in limits))


_COUNTS = [field.name for field in fields(CallCounts)]


def _calls(row: Mapping[str, Any]) -> CallCounts:
    return CallCounts(**{name: row[name] for name in _COUNTS})


def _lists(rows: Iterable[Mapping[str, Any]], calls: Mapping[int, CallCounts]) -> list[ListCounts]:
    return [
        ListCounts(
            ListId(row["id"]),
            row["name"],
            Temperature(row["temperature"]),
            row["accepted"],
            calls.get(row["id"], CallCounts()),
        )
        for row in rows
    ]


def _agents(rows: Iterable[Mapping[str, Any]], calls: Mapping[int | None, CallCounts]) -> list[AgentCounts]:
    found = [
        AgentCounts(
            AgentId(row["id"]),
            row["name"],
            calls.get(row["id"], CallCounts()),
            AgentSeconds(**{field.name: row[field.name] for field in fields(AgentSeconds)}),
        )
        for row in rows
    ]
    if None in calls:
        found.append(AgentCounts(None, "", calls[None], AgentSeconds()))
    return found


def _results(rows: Iterable[Mapping[str, Any]]) -> list[OutcomeCount]:
    return [OutcomeCount(Outcome(row["outcome"]), row["code"], row["label"], row["number"]) for row in rows]


def _export(row: Mapping[str, Any]) -> AttemptExport:
    return AttemptExport(
        attempt=AttemptId(row["id"]),
        lead=LeadId(row["lead_id"]),
        number_id=NumberId(row["number_id"]),
        list=ListId(row["list_id"]),
        agent=AgentId(row["agent_id"]) if row["agent_id"] is not None else None,
        temperature=Temperature(row["temperature"]),
        outcome=Outcome(row["outcome"]),
        disposition=row["disposition"],
        counted=row["counted"],
        started_at=row["started_at"],
        ringing_at=row["ringing_at"],
        answered_at=row["answered_at"],
        bridged_at=row["bridged_at"],
        ended_at=row["ended_at"],
        talk_s=row["talk_s"],
        sip_code=row["sip_code"],
        q850=row["q850"],
        hangup_by=HangupBy(row["hangup_by"]) if row["hangup_by"] is not None else None,
        trunk=row["trunk"],
        rules_version=row["rules_version"],
        number=row["number"],
    )
