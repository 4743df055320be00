"""The composition root: adapters are put behind the ports here, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from ami.client import AmiClient
from ami.settings import AmiSettings
from ami.watch import AmiWatch
from ari.settings import AriSettings
from ari.telephony import AriTelephony
from dialer.engine import Engine, EngineParts
from dialer.settings import Settings
from dialer.switch_watch import SwitchWatch
from domain.clock import Clock, SystemClock
from recordings.pipeline import RecordingPipeline
from sql import access
from sql.campaigns import PgCampaignStore
from sql.dialing import PgDialStore
from sql.engines import PgEngineStore
from sql.kpi import PgKpiReader
from sql.recordings import PgRecordingStore


@dataclass(frozen=True, slots=True)
class Running:
    """An engine and what it runs on, for whoever shows or drives it."""

    engine: Engine
    pool: asyncpg.Pool
    recordings: RecordingPipeline
    telephony: AriTelephony
    switch: SwitchWatch
    clock: Clock = field(default_factory=SystemClock)


@asynccontextmanager
async def connected(settings: Settings, *, name: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a database whose schema is up to date: the given one, or that of a private server."""
    async with access.connected(settings.database(), settings.data_dir, name=name) as pool:
        yield pool


@asynccontextmanager
async def running_engine(settings: Settings, pool: asyncpg.Pool) -> AsyncIterator[Running]:
    """Everything `dialer run` needs, connected; the engine itself is run by the caller."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        ami = AmiClient(AmiSettings(settings.ami_host, settings.ami_port, settings.ami_user, settings.ami_password()))
        await ami.start()
        stack.push_async_callback(ami.close)
        news = AmiWatch(ami)
        await news.start()
        stack.push_async_callback(news.close)
        switch = SwitchWatch(news)
        watching = asyncio.create_task(switch.run(), name="switch-watch")
        stack.push_async_callback(_ended, watching)
        telephony = AriTelephony(
            AriSettings(settings.ari_url, settings.ari_user, settings.ari_password(), settings.ari_app)
        )
        await telephony.start()
        stack.push_async_callback(telephony.close)
        recordings = await stack.enter_async_context(
            RecordingPipeline(
                PgRecordingStore(pool),
                settings.spool_dir,
                settings.archive(),
                clock=clock,
            )
        )
        await recordings.repair()
        engine_store = PgEngineStore(pool)
        parts = EngineParts(
            telephony=telephony,
            trunks=switch,
            dial_store=PgDialStore(pool),
            engine_store=engine_store,
            live_window=PgKpiReader(pool),
            recorder=recordings,
            campaign_store=PgCampaignStore(pool),
            clock=clock,
            kinds=await engine_store.disposition_kinds(),
            host=socket.gethostname(),
            node=settings.node,
        )
        yield Running(Engine(parts), pool, recordings, telephony, switch, clock)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
