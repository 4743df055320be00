"""The counts every law starts from."""

from __future__ import annotations

from dataclasses import dataclass

from pacing.model import AgentPhase, CallPhase, Snapshot


@dataclass(frozen=True, slots=True)
class Counts:
    """present: agents not paused. free: idle agents left once every waiting call has taken one,
    never negative. under_way: calls dialling or ringing. Calls with a reserved agent of their own
    are in none of the call counts."""

    agents: int
    present: int
    idle: int
    waiting: int
    dialling: int
    ringing: int
    reserved_calls: int

    @property
    def free(self) -> int:
        return max(0, self.idle - self.waiting)

    @property
    def under_way(self) -> int:
        return self.dialling + self.ringing


def count(snapshot: Snapshot) -> Counts:
    phases = [agent.phase for agent in snapshot.agents]
    calls = [call.phase for call in snapshot.calls if not call.reserved]
    return Counts(
        agents=len(phases),
        present=len(phases) - phases.count(AgentPhase.PAUSED),
        idle=phases.count(AgentPhase.IDLE),
        waiting=calls.count(CallPhase.WAITING),
        dialling=calls.count(CallPhase.DIALLING),
        ringing=calls.count(CallPhase.RINGING),
        reserved_calls=len(snapshot.calls) - len(calls),
    )
