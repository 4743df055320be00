from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacing.decide import decide, rate_window_s
from pacing.model import Agent, AgentPhase, Call, CallPhase, Mode, Reason, Snapshot

pytestmark = pytest.mark.property

_any_mode = st.sampled_from(Mode)
_seconds = st.floats(0, 7200)
_agent = st.builds(Agent, st.sampled_from(AgentPhase), _seconds)
_call = st.builds(Call, st.sampled_from(CallPhase), _seconds, st.booleans())


@st.composite
def _snapshots(draw: st.DrawFn, modes: st.SearchStrategy[Mode] = _any_mode) -> Snapshot:
    answered = draw(st.integers(0, 5000))
    limit = draw(st.floats(0, 0.1))
    return Snapshot(
        mode=draw(modes),
        agents=tuple(draw(st.lists(_agent, max_size=30))),
        calls=tuple(draw(st.lists(_call, max_size=30))),
        lines_per_agent=draw(st.floats(1, 10)),
        max_lines=draw(st.integers(0, 200)),
        lines_in_use=draw(st.integers(0, 200)),
        calls_per_second=draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.5, 10.0, 500.0])),
        launches_ago_s=tuple(draw(st.lists(st.floats(0, 12), max_size=30))),
        leads_ready=draw(st.integers(0, 100)),
        answered_by_person=answered,
        abandoned=draw(st.integers(0, min(answered, 200))),
        abandon_target=draw(st.floats(0, limit)),
        abandon_limit=limit,
        min_sample=draw(st.integers(0, 200)),
        placed=draw(st.integers(0, 10**9)),
    )


def _idle(snapshot: Snapshot) -> int:
    return sum(agent.phase is AgentPhase.IDLE for agent in snapshot.agents)


def _outstanding(snapshot: Snapshot) -> int:
    return sum(not call.reserved for call in snapshot.calls)


def _unguarded(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, answered_by_person=0, abandoned=0, abandon_target=1.0, abandon_limit=1.0, min_sample=1)


@given(_snapshots())
def test_never_negative_and_never_above_a_cap(snapshot: Snapshot) -> None:
    launch = decide(snapshot).launch
    assert launch >= 0
    assert launch <= snapshot.leads_ready
    assert launch == 0 or launch + snapshot.lines_in_use <= snapshot.max_lines
    window = rate_window_s(snapshot.calls_per_second)
    recent = sum(ago < window for ago in snapshot.launches_ago_s)
    assert launch == 0 or launch + recent <= snapshot.calls_per_second * window + 1e-6


@given(_snapshots())
def test_never_more_lines_than_the_ratio_rounded_up(snapshot: Snapshot) -> None:
    launch = decide(snapshot).launch
    ratio = snapshot.lines_per_agent if snapshot.mode is Mode.POWER else 1.0
    assert launch == 0 or launch + _outstanding(snapshot) <= math.ceil(ratio * _idle(snapshot) + 1e-6)


@given(_snapshots(st.just(Mode.PROGRESSIVE)))
def test_progressive_never_has_more_calls_out_than_idle_agents(snapshot: Snapshot) -> None:
    launch = decide(snapshot).launch
    assert launch == 0 or launch + _outstanding(snapshot) <= _idle(snapshot)


@given(_snapshots())
def test_more_idle_agents_never_mean_fewer_calls(snapshot: Snapshot) -> None:
    more = replace(snapshot, agents=(*snapshot.agents, Agent(AgentPhase.IDLE, 0.0)))
    assert decide(more).launch >= decide(snapshot).launch


@given(_snapshots(), st.sampled_from(CallPhase))
def test_one_more_call_out_never_means_more_calls(snapshot: Snapshot, phase: CallPhase) -> None:
    more = replace(snapshot, calls=(*snapshot.calls, Call(phase, 0.0)))
    assert decide(more).launch <= decide(snapshot).launch


@given(_snapshots())
def test_the_guard_only_lowers(snapshot: Snapshot) -> None:
    assert decide(snapshot).launch <= decide(_unguarded(snapshot)).launch


@given(_snapshots(), st.integers(1, 50))
def test_more_abandonments_never_mean_more_calls(snapshot: Snapshot, more: int) -> None:
    worse = replace(snapshot, abandoned=min(snapshot.answered_by_person, snapshot.abandoned + more))
    assert decide(worse).launch <= decide(snapshot).launch


@given(_snapshots(st.just(Mode.POWER)))
def test_at_the_limit_power_is_progressive(snapshot: Snapshot) -> None:
    at_limit = replace(snapshot, answered_by_person=1000, abandoned=200, abandon_limit=0.1, min_sample=50)
    progressive = replace(_unguarded(snapshot), mode=Mode.PROGRESSIVE)
    assert decide(at_limit).launch == decide(progressive).launch


@given(_snapshots())
def test_without_anybody_present_nothing_is_placed(snapshot: Snapshot) -> None:
    paused = tuple(Agent(AgentPhase.PAUSED, agent.elapsed_s) for agent in snapshot.agents)
    decision = decide(replace(snapshot, agents=paused))
    assert (decision.launch, decision.reason) == (0, Reason.NO_AGENTS)


@given(_snapshots(), st.randoms(use_true_random=False))
def test_deterministic_and_blind_to_order(snapshot: Snapshot, shuffler: object) -> None:
    agents, calls = list(snapshot.agents), list(snapshot.calls)
    shuffler.shuffle(agents)  # type: ignore[attr-defined]
    shuffler.shuffle(calls)  # type: ignore[attr-defined]
    assert decide(replace(snapshot, agents=tuple(agents), calls=tuple(calls))) == decide(snapshot)


@given(_snapshots())
def test_the_reason_agrees_with_the_number(snapshot: Snapshot) -> None:
    decision = decide(snapshot)
    assert (decision.launch > 0) == (decision.reason is Reason.LAUNCHED)
    assert decision.details["launch"] == decision.launch
    assert all(math.isfinite(number) for number in decision.details.values())
