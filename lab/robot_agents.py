"""Robot agents at work: they see what a person at the desk would see and press what the script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from dialer.engine import Engine
from dialer.floor import AgentChange
from domain.clock import Clock
from domain.errors import DialerError
from domain.ids import AgentId
from domain.outcome import AgentState
from lab.robots import RobotTurn

#: What the robot does with a customer of this number, talked to for the n-th time (from 1).
Script = Callable[[str, int], RobotTurn]


class RobotAgents:
    """Plays every agent of an engine."""

    def __init__(self, engine: Engine, script: Script, clock: Clock) -> None:
        self._engine = engine
        self._script = script
        self._clock = clock
        self._talks: dict[str, int] = {}  # by number
        self._timers: dict[AgentId, asyncio.TimerHandle] = {}
        self.refused = 0  # keys that the engine would not take
        engine.floor.observe(self._changed)

    def _changed(self, change: AgentChange) -> None:
        timer = self._timers.pop(change.agent, None)
        if timer is not None:
            timer.cancel()
        if change.conversation is None:
            return
        number = change.conversation.lead.number
        if change.state is AgentState.TALKING:
            self._talks[number] = self._talks.get(number, 0) + 1
            turn = self._script(number, self._talks[number])
            if turn.hang_up_after_s is not None:
                self._later(change.agent, turn.hang_up_after_s, self._hang_up)
        elif change.state is AgentState.WRAPUP:
            turn = self._script(number, self._talks.get(number, 1))
            self._later(change.agent, turn.wrapup_s, lambda agent: self._record(agent, turn))

    def _later(self, agent: AgentId, seconds: float, act: Callable[[AgentId], None]) -> None:
        self._timers[agent] = asyncio.get_running_loop().call_later(seconds, act, agent)

    def _hang_up(self, agent: AgentId) -> None:
        self._engine.floor.hang_up_customer(agent)

    def _record(self, agent: AgentId, turn: RobotTurn) -> None:
        due_at = None if turn.promise_in_s is None else self._clock.now() + timedelta(seconds=turn.promise_in_s)
        try:
            self._engine.results.record(agent, turn.code, due_at=due_at)
        except DialerError:
            self.refused += 1
