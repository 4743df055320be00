"""PgCampaignStore: clients, campaigns, lists and agents, for whoever administers them (domain.bases.CampaignStore)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from domain.bases import NewCampaign
from domain.calendar import Interval
from domain.disposition import DispositionKind
from domain.errors import AlreadyExists, BadInput, NotFound
from domain.i18n import _
from domain.ids import AgentId, CampaignId, ListId
from domain.kpi import LiveCounts
from domain.outcome import LeadState, Outcome, Temperature
from domain.records import AgentRow, CampaignRow
from sql.bases import set_hours, zone_set_id
from sql.catalog import load
from sql.dialing import PgDialStore
from sql.engines import agent_row, campaign_row, disposition_kind
from sql.errors import translated
from sql.kpi import PgKpiReader

_SQL = load("campaigns")
_KINDS = load("engines")["disposition_kinds"]
_WHERE = "the dialler's database"
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """finished: leads that will not be called again; blocked and waiting ones are not."""

    row: CampaignRow
    leads: int
    finished: int
    agents: int
    attempts: int


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """leads by state; outcomes: attempts by outcome, of the whole campaign; window: its last hours, with the
    abandoned calls and the persons who answered; due: leads that can be dialled now; next_due: when there
    is another one (None: nothing is queued)."""

    row: CampaignRow
    leads: dict[LeadState, int]
    outcomes: dict[Outcome, int]
    window: LiveCounts
    due: int
    next_due: datetime | None


class PgCampaignStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    # ---- clients and campaigns ---------------------------------------------------------------------

    async def create_client(self, name: str) -> int:
        """Raises AlreadyExists, BadInput (no name)."""
        with translated(_WHERE), _checked(_("A client needs a name.")):
            made = await self._pool.fetchval(_SQL["make_client"], name)
        if made is None:
            raise AlreadyExists(_("There is a client {name} already.").format(name=name))
        return int(made)

    async def create(self, campaign: NewCampaign) -> CampaignId:
        """State draft; the client is made if there is none of that name. Raises AlreadyExists, BadInput."""
        with translated(_WHERE), _checked(_("A campaign needs a client, a name and a mode: progressive or power.")):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_SQL["make_client"], campaign.client)
                client = await connection.fetchval(_SQL["client_by_name"], campaign.client)
                made = await connection.fetchval(
                    _SQL["make_campaign"],
                    client,
                    campaign.name,
                    campaign.mode,
                    campaign.trunk,
                    campaign.caller_id,
                    campaign.rules,
                    campaign.abandon_message,
                )
                if made is None:
                    raise AlreadyExists(
                        _("There is a campaign {name} already. Choose another name.").format(name=campaign.name)
                    )
        return CampaignId(made)

    async def by_name(self, name: str) -> CampaignRow:
        with translated(_WHERE):
            row = await self._pool.fetchrow(_SQL["campaign_by_name"], name)
        if row is None:
            raise NotFound(_("There is no campaign {name}. List them: dialer campaign list").format(name=name))
        return campaign_row(row)

    async def summaries(self) -> Sequence[CampaignSummary]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["campaigns"])
        return [
            CampaignSummary(campaign_row(row), row["leads"], row["finished"], row["agents"], row["attempts"])
            for row in rows
        ]

    async def set_state(self, campaign: CampaignId, state: str) -> None:
        """state: draft, running, paused or finished. Raises NotFound, BadInput."""
        with translated(_WHERE), _checked(_("A campaign is draft, running, paused or finished.")):
            known = await self._pool.fetchval(_SQL["set_state"], campaign, state)
        _found(known, campaign)

    async def set_rules(self, campaign: CampaignId, rules: dict[str, Any]) -> int:
        """The new version. Raises NotFound."""
        with translated(_WHERE):
            version = await self._pool.fetchval(_SQL["set_rules"], campaign, rules)
        _found(version, campaign)
        return int(version)

    async def set_abandon_message(self, campaign: CampaignId, message: str | None) -> None:
        """message: the recording's name for the switch. Raises NotFound."""
        with translated(_WHERE):
            known = await self._pool.fetchval(_SQL["set_abandon_message"], campaign, message)
        _found(known, campaign)

    async def status(self, campaign: str, window_hours: float) -> CampaignStatus:
        """Raises NotFound."""
        row = await self.by_name(campaign)
        dialing, kpi = PgDialStore(self._pool), PgKpiReader(self._pool)
        due, next_due = await dialing.queue_depth(row.id)
        return CampaignStatus(
            row=row,
            leads=await dialing.lead_states(row.id),
            outcomes=await kpi.outcomes_since(row.id, _EVER),
            window=await kpi.live(row.id, window_hours),
            due=due,
            next_due=next_due,
        )

    # ---- lists, zones, hours, dispositions ---------------------------------------------------------

    async def ensure_list(self, campaign: CampaignId, name: str, temperature: Temperature) -> ListId:
        """The list of that name, made if there is none. Raises BadInput if it has another temperature, NotFound."""
        try:
            with translated(_WHERE):
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute(_SQL["make_list"], campaign, name, temperature)
                    row = await connection.fetchrow(_SQL["list_by_name"], campaign, name)
        except asyncpg.ForeignKeyViolationError:
            raise NotFound(_("There is no campaign {campaign}.").format(campaign=campaign)) from None
        if row["temperature"] != temperature:
            raise BadInput(
                _("The list {name} is {temperature} already. Choose another name.").format(
                    name=name, temperature=row["temperature"]
                )
            )
        return ListId(row["id"])

    async def zone_sets(self, campaign: CampaignId) -> Sequence[tuple[str, ...]]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["zone_sets"], campaign)
        return [tuple(row["zones"]) for row in rows]

    async def set_hours(
        self, campaign: CampaignId, zones: Sequence[str], since: datetime, intervals: Sequence[Interval]
    ) -> None:
        """Raises NotFound, or BadInput for an interval that does not close after it opens."""
        try:
            with translated(_WHERE), _checked(_("An interval of calling hours must close after it opens.")):
                async with self._pool.acquire() as connection, connection.transaction():
                    zone_set = await zone_set_id(connection, zones)
                    await set_hours(connection, campaign, zone_set, since, intervals)
        except asyncpg.ForeignKeyViolationError:
            raise NotFound(_("There is no campaign {campaign}.").format(campaign=campaign)) from None

    async def disposition_kinds(self) -> Sequence[DispositionKind]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_KINDS)
        return [disposition_kind(row) for row in rows]

    # ---- agents --------------------------------------------------------------------------------------

    async def create_agent(self, login: str, name: str, endpoint: str) -> AgentId:
        """Raises AlreadyExists if the login or the endpoint is taken, BadInput."""
        with translated(_WHERE), _checked(_("An agent needs a login.")):
            made = await self._pool.fetchval(_SQL["make_agent"], login, name, endpoint)
        if made is None:
            raise AlreadyExists(_("The login {login} or its endpoint is taken already.").format(login=login))
        return AgentId(made)

    async def agents(self) -> Sequence[AgentRow]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["agents"])
        return [agent_row(row) for row in rows]

    async def agents_by_login(self, logins: Collection[str]) -> Sequence[AgentRow]:
        """Raises NotFound, naming the logins that nobody has."""
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["agents_by_login"], sorted(set(logins)))
        if missing := sorted(set(logins) - {row["login"] for row in rows}):
            raise NotFound(
                _("There is no agent {logins}. List them: dialer agent list").format(logins=", ".join(missing))
            )
        return [agent_row(row) for row in rows]

    async def set_wanted(self, agent: AgentId, wanted: str) -> None:
        """wanted: ready, paused or offline; the engine follows. Raises NotFound, BadInput."""
        with translated(_WHERE), _checked(_("An agent may ask to be ready, paused or offline.")):
            known = await self._pool.fetchval(_SQL["set_wanted"], agent, wanted)
        if known is None:
            raise NotFound(_("There is no agent {agent}.").format(agent=agent))

    async def assign_agents(self, campaign: CampaignId, agents: Collection[AgentId]) -> None:
        """Besides those who work in the campaign already. Raises NotFound."""
        try:
            with translated(_WHERE):
                await self._pool.execute(_SQL["assign_agents"], campaign, list(agents))
        except asyncpg.ForeignKeyViolationError:
            raise NotFound(_("There is no such campaign, or one of the agents is unknown.")) from None

    async def withdraw_agents(self, campaign: CampaignId, agents: Collection[AgentId]) -> None:
        with translated(_WHERE):
            await self._pool.execute(_SQL["withdraw_agents"], campaign, list(agents))


@contextmanager
def _checked(message: str) -> Iterator[None]:
    """A violated CHECK is a wrong word of the caller's: BadInput with this message."""
    try:
        yield
    except asyncpg.CheckViolationError:
        raise BadInput(message) from None


def _found(known: object, campaign: CampaignId) -> None:
    if known is None:
        raise NotFound(_("There is no campaign {campaign}.").format(campaign=campaign))
