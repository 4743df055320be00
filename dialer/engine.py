"""The engine: one event pump, the live calls, the floor, and one pacing loop per running campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dialer.abandonment import LiveWindow
from dialer.call_actor import CallActor
from dialer.calls import Calls
from dialer.campaign_loop import CampaignLoop
from dialer.executor import Executor, Recorder
from dialer.floor import Floor
from dialer.reconcile import Takeover, close_strangers
from dialer.results import Results
from dialer.tasks import Tasks
from dialer.writer import Writer
from domain.bases import CampaignStore
from domain.clock import Clock
from domain.disposition import DispositionKind
from domain.errors import DialerError, Unavailable
from domain.events import ChannelVanished, LinkDown, LinkUp, NodeLost, StopAsked
from domain.i18n import _
from domain.ids import CampaignId, EngineId
from domain.outcome import AgentState
from domain.ports import Telephony, Trunks
from domain.records import AgentRow, AttemptFinal, CampaignRow
from domain.stores import DialStore, EngineStore

log = structlog.get_logger()

#: Between two looks at which campaigns run and which agents want to work, seconds.
LOOK_ROUND_S = 1.0
#: Calls that are up at the stop are given this long to be hung up and written, seconds.
STOP_S = 15.0


@dataclass(frozen=True, slots=True)
class EngineParts:
    telephony: Telephony
    trunks: Trunks
    dial_store: DialStore
    engine_store: EngineStore
    live_window: LiveWindow
    recorder: Recorder
    campaign_store: CampaignStore
    clock: Clock
    kinds: Mapping[str, DispositionKind]
    host: str
    node: str


class Engine:
    """`run` until `stop`. Everything happens on one event loop; nothing here blocks it."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._tasks = Tasks()
        self.writer = Writer(parts.dial_store, parts.engine_store)
        self.calls = Calls()
        self.floor = Floor(
            parts.telephony, parts.engine_store, self.writer, parts.clock, self._tasks, self.calls.deliver
        )
        self.executor = Executor(
            parts.telephony, self.floor, self.writer, parts.recorder, parts.clock, self._tasks, self.calls
        )
        self.results = Results(self.floor, self.writer, parts.clock, parts.kinds)
        self._takeover = Takeover(
            parts.telephony, parts.dial_store, parts.engine_store, parts.clock, self._known_channels
        )
        self._taken_over = False
        self.loops: dict[CampaignId, CampaignLoop] = {}
        self._incarnation: str | None = None
        self._linked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()  # a call ended, or an agent's state changed
        self.engine_id = EngineId(0)
        self.floor.observe(lambda _change: self._wake())
        self.calls.observe_finished(self._call_finished)

    # ---- life -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Raises what made the start impossible (database or switch away, access denied), and Unavailable
        for an engine that was silent for so long that another one has taken its place."""
        parts = self._parts
        self.engine_id = await parts.engine_store.start_engine(parts.host)
        log.info("engine.started", engine_id=self.engine_id)
        writing = asyncio.create_task(self.writer.run(), name="writer")
        pumping = asyncio.create_task(self._pump(), name="events")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            while not stopping.done():
                await self._look_round()
                await asyncio.wait((stopping, pumping), timeout=LOOK_ROUND_S, return_when=asyncio.FIRST_COMPLETED)
                if pumping.done():
                    # The switch has refused us for good: without its events nothing may be dialled.
                    pumping.result()
        finally:
            await self._close()
            self.writer.close()
            await writing
            for task in (pumping, stopping):
                task.cancel()
            await asyncio.wait((pumping, stopping))
            await self._tasks.close()
            await parts.engine_store.end_engine(self.engine_id)
            log.info("engine.stopped", engine_id=self.engine_id)

    def stop(self) -> None:
        """Ask for an orderly end: no new call, live calls hung up, every row written."""
        self._stopping.set()

    async def _close(self) -> None:
        for loop in self.loops.values():
            await loop.close()
        now = self._parts.clock.now()
        for actor in self.calls.all():
            actor.deliver(StopAsked(now))
        await self._wait_until(lambda: len(self.calls) == 0, STOP_S)
        for agent in self.floor.working():
            if self.floor.agent(agent).state is AgentState.WRAPUP:
                self.results.expire(agent)
            self.floor.sign_off(agent)
        await self._wait_until(lambda: not self.floor.working(), STOP_S)
        for loop in self.loops.values():
            await loop.disarm()

    async def _wait_until(self, done: Callable[[], bool], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("engine.stop_incomplete", calls=len(self.calls), agents=len(self.floor.working()))

    # ---- events from the switch ------------------------------------------------------------------

    async def _pump(self) -> None:
        telephony = self._parts.telephony
        while True:
            event = await telephony.next_event()
            match event:
                case LinkUp():
                    await self._link_up(event)
                case LinkDown():
                    log.warning("switch.link_down", reason=event.reason)
                    self._linked.clear()
                case _:
                    if not self.calls.on_channel_event(event):
                        self.floor.on_telephony(event)

    async def _link_up(self, event: LinkUp) -> None:
        parts = self._parts
        restarted = self._incarnation not in (None, event.incarnation)
        self._incarnation = event.incarnation
        log.info("switch.link_up", restarted=restarted)
        if restarted:
            self.calls.node_lost(NodeLost(parts.clock.now()))
            self.floor.lose_all_legs()
        asked_at = parts.clock.monotonic()
        try:
            snapshot = await parts.telephony.snapshot()
        except DialerError as error:
            log.warning("switch.snapshot_failed", error=type(error).__name__)
            return
        present = {channel.channel for channel in snapshot.channels}
        self.calls.vanish_missing(present, ChannelVanished(parts.clock.now()), asked_at)
        await close_strangers(parts.telephony, snapshot, self._known_channels())
        for loop in self.loops.values():
            loop.forget_gate()
        self._linked.set()
        self._wake()

    def _known_channels(self) -> set[str]:
        return {actor.call.channel for actor in self.calls.all()} | self.floor.channels()

    # ---- once a second ----------------------------------------------------------------------------

    async def _look_round(self) -> None:
        await self._take_over()
        if self._taken_over:
            await self._follow_plan()

    async def _take_over(self) -> None:
        """Before anything is dialled, and ever after, because whoever died just now is not silent yet."""
        alive = True
        try:
            # First the others, then the own sign of life: after an outage nobody judges by its old ones.
            if self._linked.is_set():
                await self._takeover.run(self.engine_id)
                self._taken_over = True
        except DialerError as error:
            log.warning("engine.takeover_failed", error=type(error).__name__)
        try:
            alive = await self._parts.engine_store.beat(self.engine_id)
        except DialerError as error:
            log.warning("engine.beat_failed", error=type(error).__name__)
        if not alive:
            text = _("Engine {engine} was silent for too long and another one has taken its place. Start it again.")
            raise Unavailable(text.format(engine=self.engine_id))

    async def _follow_plan(self) -> None:
        store = self._parts.engine_store
        try:
            await self._follow_campaigns(await store.running_campaigns())
            if self._linked.is_set():
                await self._follow_agents(await store.floor_plan())
        except DialerError as error:
            log.warning("engine.look_round_failed", error=type(error).__name__)

    async def _follow_campaigns(self, rows: Sequence[CampaignRow]) -> None:
        running = {row.id: row for row in rows}
        for campaign_id in [known for known in self.loops if known not in running]:
            loop = self.loops.pop(campaign_id)
            await loop.close()
            if all(other.row.trunk != loop.row.trunk for other in self.loops.values()):
                await loop.disarm()
        for campaign_id, row in running.items():
            present = self.loops.get(campaign_id)
            if present is not None:
                present.update(row)
            else:
                loop = CampaignLoop(
                    row, self.engine_id, self._parts, self.calls, self.floor, self.executor, self.incarnation
                )
                self.loops[campaign_id] = loop
                loop.start()

    async def _follow_agents(self, plan: Sequence[tuple[AgentRow, frozenset[CampaignId]]]) -> None:
        for row, campaigns in plan:
            match row.wanted:
                case "ready":
                    await self.floor.sign_on(row, campaigns)
                    self.floor.make_ready(row.id)
                case "paused":
                    await self.floor.sign_on(row, campaigns)
                    self.floor.pause(row.id)
                case _:
                    self.floor.sign_off(row.id)

    def incarnation(self) -> str:
        return self._incarnation or ""

    def _call_finished(self, _actor: CallActor, final: AttemptFinal) -> None:
        loop = self.loops.get(final.campaign)
        if loop is not None:
            loop.window.add(final)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        for loop in self.loops.values():
            loop.wake()
