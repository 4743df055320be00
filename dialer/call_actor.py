"""One live call: its facts, its state machine, its timers. Events are handled strictly one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from campaigns.rules import CampaignRules
from dialer.call import Call, CallState, on_event
from domain.clock import Clock
from domain.commands import CancelTimer, Command, StartTimer, TimerKind
from domain.events import AgentReserved, CallEvent, EndTimeout, NoAgentInTime, Overdue, StopAsked
from domain.ids import EngineId, customer_channel
from domain.records import CampaignRow, ClaimedLead, Intent

log = structlog.get_logger()

#: Beyond its ring time-out a call is given this long to end by itself, seconds.
OVERDUE_GRACE_S = 8.0


@dataclass(frozen=True, slots=True)
class CallContext:
    """What was decided before the call was placed, and is written with it."""

    lead: ClaimedLead
    intent: Intent
    campaign: CampaignRow
    rules: CampaignRules
    engine: EngineId
    node: str
    node_incarnation: str
    pacing: dict[str, Any]


class Performer(Protocol):
    def perform(self, actor: CallActor, command: Command) -> None: ...


class CallActor:
    """Feeds events to the state machine and hands its commands to the performer.

    An event that is delivered while another is being handled waits its turn, so that a command
    whose result is known at once (an agent is free) never re-enters the machine.
    """

    def __init__(
        self, context: CallContext, performer: Performer, clock: Clock, reserved: AgentReserved | None
    ) -> None:
        self.context = context
        self.call = Call(
            channel=customer_channel(context.lead.attempt),
            no_agent_limit_s=context.rules.no_agent_limit_s,
            agent=reserved.agent if reserved else None,
            bridge=reserved.bridge if reserved else None,
        )
        self.placed_at = clock.monotonic()
        self._performer = performer
        self._clock = clock
        self._inbox: deque[CallEvent] = deque()
        self._handling = False
        self._crashed = False
        self._timers: dict[TimerKind, asyncio.TimerHandle] = {}
        self._start_timer(TimerKind.OVERDUE, context.rules.ring_timeout_s + OVERDUE_GRACE_S)

    @property
    def ended(self) -> bool:
        return self.call.state is CallState.ENDED

    def deliver(self, event: CallEvent) -> None:
        self._inbox.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._inbox:
                self.call, commands = on_event(self.call, self._inbox.popleft())
                for command in commands:
                    self._perform(command)
        finally:
            self._handling = False

    def _perform(self, command: Command) -> None:
        try:
            match command:
                case StartTimer(kind=kind, seconds=seconds):
                    self._start_timer(kind, seconds)
                case CancelTimer(kind=kind):
                    self._cancel_timer(kind)
                case _:
                    self._performer.perform(self, command)
        except Exception:
            # The other commands of the step are carried out all the same, and the call comes to an end.
            log.exception("call.command_crashed", attempt_id=self.context.lead.attempt, command=type(command).__name__)
            if not self._crashed:
                self._crashed = True
                self._inbox.append(StopAsked(self._clock.now()))

    def _start_timer(self, kind: TimerKind, seconds: float) -> None:
        self._cancel_timer(kind)
        self._timers[kind] = asyncio.get_running_loop().call_later(seconds, self._timer_fired, kind)

    def _cancel_timer(self, kind: TimerKind) -> None:
        timer = self._timers.pop(kind, None)
        if timer is not None:
            timer.cancel()

    def _timer_fired(self, kind: TimerKind) -> None:
        self._timers.pop(kind, None)
        now = self._clock.now()
        events: dict[TimerKind, CallEvent] = {
            TimerKind.NO_AGENT: NoAgentInTime(now),
            TimerKind.OVERDUE: Overdue(now),
            TimerKind.END: EndTimeout(now),
        }
        self.deliver(events[kind])
