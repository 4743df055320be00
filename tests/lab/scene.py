"""A running engine on the lab, with a campaign of chosen numbers and robot agents who record results."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from campaigns.presets import preset
from dialer.floor import AgentChange
from dialer.settings import Settings, read_settings
from dialer.wiring import Running, running_engine
from domain.ids import LeadId
from domain.outcome import AgentState
from domain.records import AttemptFinal
from lab.network import Lab
from tests.builders import Campaign, make_campaign

_serial = itertools.count(10_000)


def number(behaviour: str) -> int:
    """A mobile number whose last four digits tell the network what to do."""
    return int(f"79{next(_serial):05d}{behaviour}")


@dataclass(slots=True)
class Scene:
    running: Running
    campaign: Campaign
    pool: asyncpg.Pool
    archive: Path
    leads: list[LeadId]
    finals: list[AttemptFinal] = field(default_factory=list)
    changes: list[AgentChange] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def follow(self, result: str) -> None:
        engine = self.running.engine

        def finished(_actor: object, final: AttemptFinal) -> None:
            self.finals.append(final)
            self._news.set()

        def changed(change: AgentChange) -> None:
            self.changes.append(change)
            self._news.set()
            if change.state is AgentState.WRAPUP and result:
                # Not from inside the change itself: a person presses a key some time later.
                asyncio.get_running_loop().call_soon(engine.results.record, change.agent, result)

        engine.calls.observe_finished(finished)
        engine.floor.observe(changed)

    async def until(self, done: Callable[[], bool], seconds: float = 30) -> None:
        """Looks again after each of the engine's events, and now and then for what has none."""
        async with asyncio.timeout(seconds):
            while not done():
                self._news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.05)

    async def attempts(self) -> list[asyncpg.Record]:
        await self.running.engine.writer.drain()
        return list(
            await self.pool.fetch("SELECT * FROM attempt WHERE campaign_id = $1 ORDER BY started_at", self.campaign.id)
        )

    async def sign_on(self, count: int) -> None:
        await self.pool.execute(
            "UPDATE agent SET wanted = 'ready' WHERE id IN (SELECT id FROM agent ORDER BY id LIMIT $1)", count
        )
        await self.until(lambda: self.in_state(AgentState.READY) >= count)

    def in_state(self, state: AgentState) -> int:
        return sum(agent.state is state for agent in self.running.engine.floor.agents_of(self.campaign.id))


def settings_for(lab: Lab, folder: Path, dsn: str, **overrides: Any) -> Settings:
    return read_settings(
        **{
            "data_dir": folder,
            "dsn": dsn,
            "ari_url": lab.ari.base_url,
            "ari_user": lab.ari.user,
            "ari_secret": lab.ari.secret,
            "ari_app": lab.ari.app,
            "ami_host": lab.ami.host,
            "ami_port": lab.ami.port,
            "ami_user": lab.ami.user,
            "ami_secret": lab.ami.secret,
            "spool_dir": lab.spool_switch / "monitor",
            "recordings_dir": folder / "recordings",
            "lab_trunks": lab.trunk,
            "node": "lab",
            **overrides,
        }
    )


@asynccontextmanager
async def scene(
    lab: Lab,
    folder: Path,
    dsn: str,
    pool: asyncpg.Pool,
    behaviours: Sequence[str],
    *,
    agents: int = 1,
    mode: str = "progressive",
    rules: dict[str, Any] | None = None,
    result: str = "NOT_INTERESTED",
    sign_on: bool = True,
    settings: dict[str, Any] | None = None,
) -> AsyncIterator[Scene]:
    document = preset("lab", {"wrapup_limit_s": 2, **(rules or {})}).to_document()
    campaign = await make_campaign(pool, mode=mode, trunk=lab.trunk, rules=document)
    await pool.execute("UPDATE campaign SET abandon_message = $2 WHERE id = $1", campaign.id, lab.message_media)
    leads = [await campaign.lead(number=number(behaviour)) for behaviour in behaviours]
    for endpoint in lab.agent_endpoints[:agents]:
        agent = await pool.fetchval(
            """INSERT INTO agent (login, name, endpoint, wanted) VALUES ($1, $1, $1, $2)
               ON CONFLICT (login) DO UPDATE SET wanted = excluded.wanted RETURNING id""",
            endpoint,
            "ready" if sign_on else "offline",
        )
        await pool.execute("INSERT INTO campaign_agent VALUES ($1, $2)", campaign.id, agent)
    async with running_engine(settings_for(lab, folder, dsn, **(settings or {})), pool) as running:
        stage = Scene(running, campaign, pool, folder / "recordings", leads)
        stage.follow(result)
        engine = asyncio.create_task(running.engine.run())
        try:
            yield stage
        finally:
            running.engine.stop()
            await engine
