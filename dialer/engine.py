"""The engine: one event pump, the live calls, the floor, and one pacing loop per running campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from dialer.abandonment import LiveWindow
from dialer.call_actor import CallActor
from dialer.calls import Calls
from dialer.campaign_loop import CampaignLoop
from dialer.executor import Executor, Recorder
from dialer.floor import Floor
from dialer.reconcile import Takeover
from dialer.results import NO_RESULT_IN_TIME, Results
from dialer.switch_check import SwitchCheck
from dialer.tasks import Tasks
from dialer.writer import Writer
from domain.bases import CampaignStore
from domain.clock import Clock
from domain.disposition import DispositionKind
from domain.errors import BadInput, DialerError, Unavailable
from domain.events import ChannelAnswered, ChannelProgress, LinkDown, LinkUp, NodeLost, StopAsked, TelephonyEvent
from domain.i18n import _
from domain.ids import CampaignId, EngineId, attempt_of
from domain.outcome import AgentState
from domain.ports import Telephony, Trunks
from domain.records import AgentRow, AttemptFinal, CampaignRow
from domain.stores import DialStore, EngineStore

log = structlog.get_logger()

#: Between two looks at which campaigns run and which agents want to work, seconds.
LOOK_ROUND_S = 0.5
#: Between two looks at what the switch shows, and before the next try after one that failed, seconds.
CHECK_S = 10.0
CHECK_AGAIN_S = 1.0
#: Calls that are up at the stop are given this long to be hung up and written, seconds.
STOP_S = 15.0
#: At the stop the database is given this long to take the last rows; the next engine closes the others, seconds.
WRITE_S = 20.0


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
        self._check = SwitchCheck(parts.telephony, self.calls, self.floor, parts.clock)
        self._takeover = Takeover(
            parts.telephony,
            parts.dial_store,
            parts.engine_store,
            parts.clock,
            self._check.known,
            self.floor.shifts,
            parts.kinds[NO_RESULT_IN_TIME],
        )
        self._taken_over = False
        self._links = 0
        self._check_due = asyncio.Event()
        self.loops: dict[CampaignId, CampaignLoop] = {}
        self._incarnation: str | None = None
        self._linked = asyncio.Event()  # and what the switch shows agrees with what is known here
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
        checking = asyncio.create_task(self._check_switch(), name="switch-check")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            while not stopping.done():
                await self._look_round()
                waiting = (stopping, pumping, writing)
                await asyncio.wait(waiting, timeout=LOOK_ROUND_S, return_when=asyncio.FIRST_COMPLETED)
                # The switch has refused us for good: without its events nothing may be dialled.
                for vital in (pumping, writing):
                    if vital.done():
                        vital.result()
        finally:
            await self._close()
            self.writer.close()
            await asyncio.wait((writing,), timeout=WRITE_S)
            if not writing.done():
                log.error("engine.rows_not_written", backlog=self.writer.backlog)
            for task in (pumping, checking, stopping, writing):
                task.cancel()
            await asyncio.wait((pumping, checking, stopping, writing))
            await self._tasks.close()
            await parts.engine_store.end_engine(self.engine_id)
            log.info("engine.stopped", engine_id=self.engine_id)

    def stop(self) -> None:
        """Ask for an orderly end: no new call, live calls hung up, every row written."""
        self._stopping.set()

    async def _close(self) -> None:
        await asyncio.gather(*(loop.close() for loop in self.loops.values()))
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
        while True:
            event = await self._parts.telephony.next_event()
            try:
                self._take(event)
            except Exception:
                # One event that nobody understood must not silence all the others.
                log.exception("event.crashed", kind=type(event).__name__)

    def _take(self, event: TelephonyEvent) -> None:
        match event:
            case LinkUp():
                self._link_up(event)
            case LinkDown():
                log.warning("switch.link_down", reason=event.reason)
                self._linked.clear()
            case ChannelProgress() | ChannelAnswered() if self._is_stranger(event.channel):
                # An order that was given up for lost has been carried out after all.
                log.warning("call.stranger", channel=event.channel)
                self._tasks.spawn(self._parts.telephony.hang_up(event.channel), name="hang-up-stranger")
            case _:
                if not self.calls.on_channel_event(event):
                    self.floor.on_telephony(event)

    def _is_stranger(self, channel: str) -> bool:
        attempt = attempt_of(channel)
        return attempt is not None and not self.calls.knows(attempt)

    def _link_up(self, event: LinkUp) -> None:
        restarted = self._incarnation not in (None, event.incarnation)
        self._incarnation = event.incarnation
        log.info("switch.link_up", restarted=restarted)
        if restarted:
            self.calls.node_lost(NodeLost(self._parts.clock.now()))
            self.floor.lose_all_legs()
        for loop in self.loops.values():
            loop.forget_gate()
        self._links += 1
        self._check_due.set()

    async def _check_switch(self) -> None:
        while True:
            self._check_due.clear()
            link = self._links
            if self._parts.telephony.is_up:
                try:
                    await self._check.run()
                    if link == self._links and link > 0:
                        self._linked.set()
                        self._wake()
                except DialerError as error:
                    log.warning("switch.check_failed", error=type(error).__name__)
                except Exception:
                    log.exception("switch.check_crashed")
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S if self._linked.is_set() else CHECK_AGAIN_S):
                    await self._check_due.wait()

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
        except Exception:
            log.exception("engine.look_round_crashed")

    async def _follow_campaigns(self, rows: Sequence[CampaignRow]) -> None:
        running = {row.id: row for row in rows}
        for campaign_id in [known for known in self.loops if known not in running]:
            loop = self.loops.pop(campaign_id)
            await loop.close()
            if all(other.row.trunk != loop.row.trunk for other in self.loops.values()):
                await loop.disarm()
        for campaign_id, row in running.items():
            try:
                self._follow_campaign(row)
            except BadInput as error:
                # The others go on; this one dials by the rules that it had, or not at all.
                log.error("campaign.rules_unreadable", campaign_id=campaign_id, error=str(error))

    def _follow_campaign(self, row: CampaignRow) -> None:
        present = self.loops.get(row.id)
        if present is not None:
            present.update(row)
        else:
            loop = CampaignLoop(
                row, self.engine_id, self._parts, self.calls, self.floor, self.executor, self.incarnation
            )
            self.loops[row.id] = loop
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
