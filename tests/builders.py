"""Rows for tests, written straight into the tables: a campaign that may ring, with agents and leads."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ListId, NumberId, PromiseId
from domain.outcome import PRIORITY, LeadState, Outcome, Temperature
from domain.records import AttemptFinal, ClaimedLead, NextStep

_serial = itertools.count(1)

#: Far enough from every real subscriber: Russian numbers of an unused area code.
FIRST_NUMBER = 7_000_000_0000


def next_number() -> int:
    return FIRST_NUMBER + next(_serial)


async def now(pool: asyncpg.Pool) -> datetime:
    """The database's time."""
    at: datetime = await pool.fetchval("SELECT app_now()")
    return at


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign with one list of each temperature and a base; all of its zone sets are open by default."""

    pool: asyncpg.Pool
    id: CampaignId
    client: int
    base: int
    lists: dict[Temperature, ListId]

    async def open(self, zone_set: int, opens: datetime, closes: datetime) -> None:
        await self.pool.execute("INSERT INTO open_interval VALUES ($1, $2, $3, $4)", self.id, zone_set, opens, closes)

    async def close_window(self) -> None:
        await self.pool.execute("DELETE FROM open_interval WHERE campaign_id = $1", self.id)

    async def lead(
        self,
        temperature: Temperature = Temperature.COLD,
        *,
        zone_set: int = 1,
        due_at: datetime | None = None,
        number: int | None = None,
        queued: bool = True,
    ) -> LeadId:
        """A lead, due since a minute ago unless said otherwise."""
        number_id = await self.pool.fetchval(
            """INSERT INTO number (e164) VALUES ($1) ON CONFLICT (e164) DO UPDATE SET e164 = excluded.e164
               RETURNING id""",
            number or next_number(),
        )
        person = await self.pool.fetchval(
            """INSERT INTO person (client_id, number_id, name, company, city) VALUES ($1, $2, 'Anna', 'Rosa', 'Tver')
               ON CONFLICT (client_id, number_id) DO UPDATE SET name = excluded.name RETURNING id""",
            self.client,
            number_id,
        )
        priority = PRIORITY[temperature]
        lead = await self.pool.fetchval(
            """INSERT INTO lead (campaign_id, list_id, base_id, person_id, number_id, zone_set_id, state, priority)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id""",
            self.id,
            self.lists[temperature],
            self.base,
            person,
            number_id,
            zone_set,
            "queued" if queued else "wrapup",
            priority,
        )
        if queued:
            await self.pool.execute(
                """INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id)
                   VALUES ($1, $2, $3, $4, $5, $6)""",
                self.id,
                zone_set,
                priority,
                due_at or await now(self.pool) - timedelta(minutes=1),
                lead,
                number_id,
            )
        return LeadId(lead)

    async def promise(
        self, lead: LeadId, made_by: AgentId, due_at: datetime, *, personal: bool = False, tolerance_s: float = 900
    ) -> PromiseId:
        """Make of a queued lead one that was promised a call at due_at."""
        promise = await self.pool.fetchval(
            """INSERT INTO promise (lead_id, campaign_id, agent_id, made_by, attempt_id, due_at)
               VALUES ($1, $2, $3, $4, 1, $5) RETURNING id""",
            lead,
            self.id,
            made_by if personal else None,
            made_by,
            due_at,
        )
        await self.pool.execute(
            """UPDATE dial_queue SET priority = 0, due_at = $2, promise_id = $3, agent_id = $4, agent_until = $5
               WHERE lead_id = $1""",
            lead,
            due_at,
            promise,
            made_by if personal else None,
            due_at + timedelta(seconds=tolerance_s) if personal else None,
        )
        return PromiseId(promise)


async def make_campaign(
    pool: asyncpg.Pool,
    *,
    name: str | None = None,
    state: str = "running",
    mode: str = "progressive",
    trunk: str = "lab",
    rules: dict[str, Any] | None = None,
    zone_sets: int = 1,
) -> Campaign:
    """A running campaign whose windows are open from an hour ago until tomorrow, with zone sets 1..zone_sets."""
    name = name or f"campaign {next(_serial)}"
    client = await pool.fetchval("INSERT INTO client (name) VALUES ($1) RETURNING id", f"client of {name}")
    campaign = await pool.fetchval(
        """INSERT INTO campaign (client_id, name, state, mode, trunk, rules) VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING id""",
        client,
        name,
        state,
        mode,
        trunk,
        rules or {},
    )
    base = await pool.fetchval(
        """INSERT INTO base (campaign_id, file_name, content_sha256, encoding, separator, mapping, row_count,
                             accepted_count, zone_unknown_count, loaded_by)
           VALUES ($1, 'base.csv', $2, 'utf-8', ',', '{}', 0, 0, 0, 'tests') RETURNING id""",
        campaign,
        bytes(32),
    )
    lists = {
        temperature: ListId(
            await pool.fetchval(
                "INSERT INTO list (campaign_id, name, temperature) VALUES ($1, $2, $2) RETURNING id",
                campaign,
                temperature.value,
            )
        )
        for temperature in Temperature
    }
    at = await now(pool)
    for zone_set in range(1, zone_sets + 1):
        await pool.execute(
            """INSERT INTO zone_set (id, zones) OVERRIDING SYSTEM VALUE VALUES ($1, $2) ON CONFLICT DO NOTHING""",
            zone_set,
            [f"Etc/GMT-{zone_set}"],
        )
        await pool.execute(
            "INSERT INTO open_interval VALUES ($1, $2, $3, $4)",
            campaign,
            zone_set,
            at - timedelta(hours=1),
            at + timedelta(days=1),
        )
    return Campaign(pool, CampaignId(campaign), client, base, lists)


async def make_agent(pool: asyncpg.Pool, campaign: Campaign | None = None) -> AgentId:
    serial = next(_serial)
    agent = await pool.fetchval(
        "INSERT INTO agent (login, name, endpoint) VALUES ($1, $1, $1) RETURNING id", f"agent{serial}"
    )
    if campaign is not None:
        await pool.execute("INSERT INTO campaign_agent VALUES ($1, $2)", campaign.id, agent)
    return AgentId(agent)


async def make_engine(pool: asyncpg.Pool, *leased: Campaign, seconds: float = 300) -> EngineId:
    """An engine that holds the leases of these campaigns."""
    engine = await pool.fetchval("INSERT INTO engine (id, host) VALUES (nextval('engine_epoch'), 'here') RETURNING id")
    for campaign in leased:
        await pool.execute(
            """INSERT INTO campaign_lease VALUES ($1, $2, app_now() + make_interval(secs => $3))
               ON CONFLICT (campaign_id) DO UPDATE SET engine_id = $2, lease_until = excluded.lease_until""",
            campaign.id,
            engine,
            seconds,
        )
    return EngineId(engine)


def make_final(claimed: ClaimedLead, engine: EngineId, started_at: datetime, **changes: Any) -> AttemptFinal:
    """The end of a claimed lead's attempt: it rang for twenty seconds, nobody answered, again in an hour."""
    final = AttemptFinal(
        attempt=AttemptId(claimed.attempt),
        lead=claimed.lead,
        number_id=NumberId(claimed.number_id),
        campaign=claimed.campaign,
        list=claimed.list,
        temperature=claimed.temperature,
        agent=None,
        promise=claimed.promise,
        outcome=Outcome.NO_ANSWER,
        counted=True,
        started_at=started_at,
        ringing_at=started_at + timedelta(seconds=1),
        answered_at=None,
        bridged_at=None,
        ended_at=started_at + timedelta(seconds=21),
        sip_code=None,
        q850=19,
        hangup_by=None,
        message_heard=None,
        trunk="lab",
        node="node1",
        node_incarnation="2026-01-01T00:00:00Z",
        engine=engine,
        rules_version=1,
        next=NextStep(
            LeadState.QUEUED,
            due_at=started_at + timedelta(hours=1),
            priority=PRIORITY[claimed.temperature],
            promise=claimed.promise,
        ),
    )
    if not changes.get("counted", True):
        final = replace(final, ringing_at=None)
    return replace(final, **changes)


def at(hour: int, minute: int = 0) -> datetime:
    """A moment of a fixed Tuesday, UTC."""
    return datetime(2026, 3, 3, hour, minute, tzinfo=UTC)
