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
from domain.errors import Unavailable
from domain.i18n import _
from recordings.pipeline import RecordingPipeline
from sql.campaigns import PgCampaignStore
from sql.dialing import PgDialStore
from sql.embedded import EmbeddedPostgres
from sql.engines import PgEngineStore
from sql.kpi import PgKpiReader
from sql.migrate import pending
from sql.pool import connect_pool
from sql.recordings import PgRecordingStore

#: Connections of one engine to PostgreSQL.
ENGINE_POOL = 8


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
async def database(settings: Settings) -> AsyncIterator[str]:
    """The DSN to work with: the given one, or that of a private server for as long as the block runs."""
    if settings.dsn is not None:
        yield settings.dsn.get_secret_value()
        return
    server = await asyncio.to_thread(EmbeddedPostgres.start, settings.data_dir)
    try:
        yield server.dsn()
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def connected(settings: Settings, *, name: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a database whose schema is up to date."""
    async with database(settings) as dsn:
        pool = await connect_pool(dsn, application_name=name, max_size=ENGINE_POOL)
        try:
            async with pool.acquire() as connection:
                if missing := await pending(connection):
                    raise Unavailable(
                        _("The database lacks {count} migrations. Run: dialer db migrate").format(count=len(missing))
                    )
            yield pool
        finally:
            await pool.close()


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
