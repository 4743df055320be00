"""Turns the engine's live objects into the plain numbers that pacing decides on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agents.agent import Agent
from campaigns.rules import CampaignRules
from dialer.call import CallState
from dialer.call_actor import CallActor
from domain.clock import Clock
from domain.ids import AgentId
from domain.outcome import AgentState
from domain.records import CampaignRow
from pacing import model

#: Answered calls below which a single abandonment says little.
MIN_SAMPLE = 50

_AGENT_PHASE = {
    AgentState.READY: model.AgentPhase.IDLE,
    AgentState.RESERVED: model.AgentPhase.RESERVED,
    AgentState.TALKING: model.AgentPhase.TALKING,
    AgentState.WRAPUP: model.AgentPhase.WRAPUP,
    AgentState.PAUSED: model.AgentPhase.PAUSED,
}
_CALL_PHASE = {
    CallState.PLACING: model.CallPhase.DIALLING,
    CallState.RINGING: model.CallPhase.RINGING,
    CallState.WAITING: model.CallPhase.WAITING,
}


def _phase(agent: Agent, kept: Collection[AgentId]) -> model.AgentPhase:
    phase = _AGENT_PHASE[agent.state]
    return model.AgentPhase.RESERVED if phase is model.AgentPhase.IDLE and agent.id in kept else phase


def pacing_snapshot(
    *,
    row: CampaignRow,
    rules: CampaignRules,
    agents: Sequence[Agent],
    kept: Collection[AgentId],
    calls: Sequence[CallActor],
    trunk_lines: int,
    launch_ages: tuple[float, ...],
    leads_ready: int,
    abandoned: int,
    answered: int,
    placed: int,
    clock: Clock,
) -> model.Snapshot:
    """One campaign at this moment. Agents whose telephone is not up yet do not count; those who are kept for
    a promise count as reserved."""
    now, monotonic = clock.now(), clock.monotonic()
    return model.Snapshot(
        mode=model.Mode(row.mode),
        agents=tuple(
            model.Agent(_phase(agent, kept), max(0.0, (now - agent.since).total_seconds()))
            for agent in agents
            if agent.state in _AGENT_PHASE
        ),
        calls=tuple(
            model.Call(
                _CALL_PHASE[actor.call.state],
                max(0.0, monotonic - actor.placed_at),
                reserved=actor.call.agent is not None,
            )
            for actor in calls
            if actor.call.state in _CALL_PHASE
        ),
        lines_per_agent=rules.lines_per_agent,
        max_lines=rules.max_lines,
        lines_in_use=trunk_lines,
        calls_per_second=rules.calls_per_second,
        launches_ago_s=launch_ages,
        leads_ready=leads_ready,
        answered_by_person=max(answered, abandoned),
        abandoned=abandoned,
        abandon_target=rules.abandon_target,
        abandon_limit=rules.abandon_limit,
        min_sample=MIN_SAMPLE,
        placed=placed,
    )
