"""The floor: every agent's shift, legs and reservations. The shell around agents.agent and agents.pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import structlog

from agents import agent as machine
from agents.agent import Agent, AgentCommand, AgentEvent
from agents.pool import AgentPool
from campaigns.rules import CampaignRules
from dialer.tasks import Tasks
from dialer.writer import ShiftToClose, Writer
from domain.clock import Clock
from domain.errors import DialerError
from domain.events import (
    AgentHungUp,
    AgentLegLost,
    AgentReserved,
    CallEvent,
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    TelephonyEvent,
)
from domain.ids import AgentId, AttemptId, CampaignId, ShiftId, agent_of
from domain.outcome import AgentState
from domain.ports import ChannelSnapshot, OriginateOrder, Telephony
from domain.records import AgentRow, ClaimedLead
from domain.stores import EngineStore

log = structlog.get_logger()

#: Seconds for an agent's telephone to answer the leg of his shift.
LEG_RING_S = 20
#: A leg that is not up so long after its order never will be, seconds.
LEG_UP_S = LEG_RING_S + 5
#: A telephone that could not be reached is tried again after the first wait; it doubles up to the second, seconds.
REDIAL_S = (1.0, 30.0)
#: An agent whose leg is lost in these can say no more how the conversation ended.
_OWES_RESULT = (AgentState.TALKING, AgentState.WRAPUP)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the floor must know of the customer an agent talks to, or has just talked to."""

    lead: ClaimedLead
    rules: CampaignRules


@dataclass(frozen=True, slots=True)
class AgentChange:
    """Told to whoever shows or plays the agent: the new state, and the customer it is about."""

    agent: AgentId
    state: AgentState
    at: datetime
    conversation: Conversation | None


Observer = Callable[[AgentChange], None]
Deliver = Callable[[AttemptId, CallEvent], None]
WrapUpExpired = Callable[[AgentId], None]
ResultMissing = Callable[[AgentId, Conversation], None]


class Floor:
    """Single-threaded; every method runs to its end without waiting for the network or the database,
    except `sign_on`, which needs a shift number."""

    def __init__(
        self, telephony: Telephony, store: EngineStore, writer: Writer, clock: Clock, tasks: Tasks, deliver: Deliver
    ) -> None:
        self._telephony = telephony
        self._store = store
        self._writer = writer
        self._clock = clock
        self._tasks = tasks
        self._deliver = deliver
        self._agents: dict[AgentId, Agent] = {}
        self._rows: dict[AgentId, AgentRow] = {}
        self._pool = AgentPool()
        self._conversations: dict[AgentId, Conversation] = {}
        self._waiting: dict[AttemptId, Conversation] = {}
        self._observers: list[Observer] = []
        self._wrapup_timers: dict[AgentId, asyncio.TimerHandle] = {}
        self._redial: dict[AgentId, tuple[float, float]] = {}  # not before (monotonic), and the next wait
        self.on_wrapup_expired: WrapUpExpired | None = None
        self.on_result_missing: ResultMissing | None = None  # the agent is gone and said nothing of the customer

    # ---- shifts --------------------------------------------------------------------------------

    def observe(self, observer: Observer) -> None:
        self._observers.append(observer)

    async def sign_on(self, row: AgentRow, campaigns: Collection[CampaignId]) -> None:
        """Start an agent's shift: dial his leg and keep it up."""
        present = self._agents.get(row.id)
        if present is not None and present.state is not AgentState.OFFLINE:
            self._pool.assign(row.id, campaigns)
            return
        if self._clock.monotonic() < self._redial.get(row.id, (0.0, 0.0))[0]:
            return
        now = self._clock.now()
        shift = await self._store.start_shift(row.id, now)
        self._rows[row.id] = row
        self._pool.assign(row.id, campaigns)
        self._agents[row.id] = Agent(row.id, shift, AgentState.OFFLINE, now)
        self._apply(row.id, machine.ShiftStarted(now))

    def sign_off(self, agent: AgentId) -> None:
        self._redial.pop(agent, None)
        self._apply(agent, machine.ShiftEnded(self._clock.now()))

    def pause(self, agent: AgentId) -> None:
        self._apply(agent, machine.PauseAsked(self._clock.now()))

    def make_ready(self, agent: AgentId) -> None:
        self._apply(agent, machine.ReadyAsked(self._clock.now()))

    def wrapped_up(self, agent: AgentId) -> None:
        self._apply(agent, machine.WrapUpDone(self._clock.now()))

    def lose_all_legs(self) -> None:
        """The switch was restarted: every leg is gone."""
        for agent in list(self._agents):
            self._apply(agent, machine.LegEnded(self._clock.now()))

    # ---- reservations (called by the call side) ----------------------------------------------------

    def request(self, conversation: Conversation) -> AgentReserved | None:
        """The longest-idle agent, or None: then one is delivered as soon as he is free."""
        lead = conversation.lead
        agent = self._pool.take_for(lead.attempt, lead.campaign)
        if agent is None:
            self._waiting[lead.attempt] = conversation
            return None
        return self._reserve(agent, conversation)

    def reserve_for(self, agent: AgentId, conversation: Conversation) -> AgentReserved | None:
        """Reserve this very agent before the call is placed; None if he is not free."""
        return self._reserve(agent, conversation) if self._pool.take(agent) else None

    def keep(self, campaign: CampaignId, agents: Collection[AgentId]) -> None:
        """These agents owe calls that they promised; until those are placed they take no other customer."""
        for agent in self._pool.keep(campaign, agents):
            self._became_free(agent)

    def kept(self, campaign: CampaignId) -> set[AgentId]:
        return {agent for agent in self._pool.assigned(campaign) if self._pool.is_kept(agent)}

    def withdraw(self, attempt: AttemptId) -> None:
        """The customer no longer waits for an agent."""
        self._pool.withdraw(attempt)
        self._waiting.pop(attempt, None)

    def conversation_began(self, agent: AgentId) -> None:
        self._apply(agent, machine.CustomerIn(self._clock.now()))

    def release(self, agent: AgentId, *, talked: bool) -> None:
        self._apply(agent, machine.CustomerGone(talked, self._clock.now()))

    def hang_up_customer(self, agent: AgentId) -> None:
        """The agent ends the conversation."""
        present = self._agents.get(agent)
        if present is not None and present.state is AgentState.TALKING and present.attempt is not None:
            self._deliver(present.attempt, AgentHungUp(self._clock.now()))

    # ---- what others may ask -------------------------------------------------------------------------

    def agents_of(self, campaign: CampaignId) -> list[Agent]:
        return [self._agents[agent] for agent in self._pool.assigned(campaign) if agent in self._agents]

    def free(self, campaign: CampaignId) -> list[AgentId]:
        return self._pool.free(campaign)

    def conversation(self, agent: AgentId) -> Conversation | None:
        return self._conversations.get(agent)

    def agent(self, agent: AgentId) -> Agent:
        return self._agents[agent]

    def row(self, agent: AgentId) -> AgentRow:
        return self._rows[agent]

    def names(self) -> set[str]:
        """Legs and bridges of the shifts that are on."""
        return {name for agent in self.present().values() for name in (agent.channel, agent.bridge)}

    def shifts(self) -> list[ShiftId]:
        return [agent.shift for agent in self.present().values()]

    def present(self) -> dict[AgentId, Agent]:
        return {agent.id: agent for agent in self._agents.values() if agent.state is not AgentState.OFFLINE}

    def working(self) -> list[AgentId]:
        return list(self.present())

    # ---- events from the switch ---------------------------------------------------------------------

    def on_telephony(self, event: TelephonyEvent) -> None:
        """An event of an agent's leg."""
        channel = getattr(event, "channel", None)
        found = agent_of(channel) if isinstance(channel, str) else None
        if found is None:
            return
        agent, shift = found
        present = self._agents.get(agent)
        if present is None or present.shift != shift:
            return
        match event:
            case ChannelAnswered():
                self._tasks.spawn(self._join_own_bridge(present), name="agent-leg-bridge")
            case ChannelEnteredBridge(bridge=bridge) if bridge == present.bridge:
                self._apply(agent, machine.LegUp(event.at))
            case ChannelEnded():
                if present.state is not AgentState.OFFLINE:
                    log.warning("agent.leg_lost", agent_id=agent, cause=event.cause, state=present.state)
                self._apply(agent, machine.LegEnded(event.at))
            case _:
                pass

    def compare(self, before: Mapping[AgentId, Agent], seen: Mapping[str, ChannelSnapshot], now: datetime) -> None:
        """Tell shifts what they missed. before: the floor when the switch was asked; seen: the channels it showed."""
        for agent, then in before.items():
            present = self._agents[agent]
            if present.shift != then.shift:
                continue
            leg = seen.get(present.channel)
            joined = leg is not None and leg.bridge == present.bridge
            match present.state:
                case AgentState.OFFLINE:
                    continue
                case AgentState.CONNECTING if joined:
                    self._apply(agent, machine.LegUp(now))
                case AgentState.CONNECTING:
                    if (now - present.since).total_seconds() > LEG_UP_S:
                        self._apply(agent, machine.LegEnded(now))
                case _:
                    if not joined and then.state is not AgentState.CONNECTING:
                        log.warning("agent.leg_vanished", agent_id=agent, state=present.state)
                        self._apply(agent, machine.LegEnded(now))

    # ---- the machine and its commands ---------------------------------------------------------------

    def _apply(self, agent_id: AgentId, event: AgentEvent) -> None:
        present = self._agents.get(agent_id)
        if present is None:
            return
        moved, commands = machine.on_event(present, event)
        self._agents[agent_id] = moved
        if moved.state is not AgentState.READY:
            self._pool.set_busy(agent_id)
        changed = moved.state is not present.state
        ended = self._conversations.pop(agent_id, None) if changed and moved.attempt is None else None
        if changed and present.state is AgentState.CONNECTING:
            self._note_leg(agent_id, event)
        for command in commands:
            self._perform(present, command)
        owed = isinstance(event, machine.LegEnded) and present.state in _OWES_RESULT
        if owed and ended is not None and self.on_result_missing is not None:
            self.on_result_missing(agent_id, ended)
        # BecameFree may already have given the agent his next customer, who was then announced.
        if changed and self._agents[agent_id] is moved:
            self._announce(moved)

    def _announce(self, agent: Agent) -> None:
        change = AgentChange(agent.id, agent.state, agent.since, self._conversations.get(agent.id))
        for observer in self._observers:
            try:
                observer(change)
            except Exception:
                # Whoever looks on must not stop what he looks at.
                log.exception("agent.observer_crashed", agent_id=agent.id)

    def _note_leg(self, agent: AgentId, event: AgentEvent) -> None:
        """A telephone that does not come up is not rung every second."""
        _until, wait = self._redial.pop(agent, (0.0, REDIAL_S[0]))
        if isinstance(event, machine.LegEnded | machine.LegRefused):
            self._redial[agent] = (self._clock.monotonic() + wait, min(2 * wait, REDIAL_S[1]))

    def _perform(self, before: Agent, command: AgentCommand) -> None:
        match command:
            case machine.DialLeg():
                self._tasks.spawn(self._dial_leg(before), name="agent-leg")
            case machine.DropLeg():
                self._tasks.spawn(self._drop_leg(before), name="agent-leg-drop")
            case machine.BecameFree():
                self._became_free(before.id)
            case machine.TellCallLegLost(attempt=attempt):
                self._deliver(attempt, AgentLegLost(self._clock.now()))
            case machine.StartWrapUp():
                self._start_wrapup(before.id)
            case machine.StopWrapUp():
                self._stop_wrapup(before.id)
            case machine.WriteInterval(interval=interval):
                self._writer.put(interval)
            case machine.CloseShift(at=at):
                self._close_shift(before, at)
            case _:
                assert_never(command)

    def _reserve(self, agent: AgentId, conversation: Conversation) -> AgentReserved:
        lead = conversation.lead
        now = self._clock.now()
        self._conversations[agent] = conversation
        self._apply(agent, machine.Reserved(lead.attempt, lead.campaign, now))
        reserved = self._agents[agent]
        return AgentReserved(agent, reserved.channel, reserved.bridge, now)

    def _became_free(self, agent: AgentId) -> None:
        attempt = self._pool.set_free(agent)
        if attempt is not None:
            self._deliver(attempt, self._reserve(agent, self._waiting.pop(attempt)))

    def _start_wrapup(self, agent: AgentId) -> None:
        limit_s = self._conversations[agent].rules.wrapup_limit_s
        timer = asyncio.get_running_loop().call_later(limit_s, self._wrapup_expired, agent)
        self._wrapup_timers[agent] = timer

    def _wrapup_expired(self, agent: AgentId) -> None:
        if self.on_wrapup_expired is not None:
            self.on_wrapup_expired(agent)

    def _stop_wrapup(self, agent: AgentId) -> None:
        timer = self._wrapup_timers.pop(agent, None)
        if timer is not None:
            timer.cancel()

    def _close_shift(self, agent: Agent, at: datetime) -> None:
        self._pool.forget(agent.id)
        self._writer.put(ShiftToClose(agent.shift, at))

    # ---- the leg ---------------------------------------------------------------------------------------

    async def _dial_leg(self, agent: Agent) -> None:
        row = self._rows[agent.id]
        order = OriginateOrder(
            channel=agent.channel,
            endpoint=f"PJSIP/{row.endpoint}",
            ring_timeout_s=LEG_RING_S,
            absolute_timeout_s=0,
            caller_id="",
            role="agent",
        )
        try:
            await self._telephony.create_bridge(agent.bridge)
            await self._telephony.originate(order)
        except DialerError as error:
            log.warning("agent.leg_refused", agent_id=agent.id, error=type(error).__name__)
            self._leg_failed(agent, machine.LegRefused(self._clock.now()))

    async def _join_own_bridge(self, agent: Agent) -> None:
        try:
            await self._telephony.add_to_bridge(agent.bridge, agent.channel)
        except DialerError as error:
            log.warning("agent.bridge_failed", agent_id=agent.id, error=type(error).__name__)
            self._leg_failed(agent, machine.LegEnded(self._clock.now()))

    def _leg_failed(self, agent: Agent, event: AgentEvent) -> None:
        if self._agents[agent.id].shift == agent.shift:
            self._apply(agent.id, event)

    async def _drop_leg(self, agent: Agent) -> None:
        try:
            await self._telephony.hang_up(agent.channel)
        finally:
            await self._telephony.destroy_bridge(agent.bridge)
