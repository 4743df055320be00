from __future__ import annotations

from typing import Any

import pytest

from pacing.decide import decide, rate_window_s
from pacing.model import Agent, AgentPhase, Call, CallPhase, InvalidSnapshot, Reason
from tests.unit.pacing.snapshots import agents, calls, power, progressive

pytestmark = pytest.mark.unit


class TestProgressive:
    @pytest.mark.parametrize(
        ("idle", "under_way", "launch", "reason"),
        [
            (1, {}, 1, Reason.LAUNCHED),
            (5, {}, 5, Reason.LAUNCHED),
            (5, {"dialling": 1, "ringing": 2}, 2, Reason.LAUNCHED),
            (5, {"dialling": 2, "ringing": 3}, 0, Reason.ENOUGH_RINGING),
            (5, {"ringing": 9}, 0, Reason.ENOUGH_RINGING),
            (5, {"waiting": 2, "ringing": 1}, 2, Reason.LAUNCHED),
            (2, {"waiting": 2}, 0, Reason.ALL_AGENTS_BUSY),
            (2, {"waiting": 7}, 0, Reason.ALL_AGENTS_BUSY),
            (0, {}, 0, Reason.ALL_AGENTS_BUSY),
        ],
    )
    def test_one_call_per_idle_agent_not_yet_covered(
        self, idle: int, under_way: dict[str, int], launch: int, reason: Reason
    ) -> None:
        decision = decide(progressive(agents=agents(idle=idle, talking=1), calls=calls(**under_way)))
        assert (decision.launch, decision.reason) == (launch, reason)

    def test_only_idle_agents_count(self) -> None:
        decision = decide(progressive(agents=agents(reserved=1, talking=2, wrapup=3, paused=4)))
        assert (decision.launch, decision.reason) == (0, Reason.ALL_AGENTS_BUSY)

    def test_a_call_with_its_own_agent_covers_nobody_else(self) -> None:
        promised = Call(CallPhase.RINGING, 3.0, reserved=True)
        decision = decide(progressive(agents=agents(idle=2, reserved=1), calls=(promised,)))
        assert decision.launch == 2
        assert decision.details["reserved_calls"] == 1

    @pytest.mark.parametrize("nobody", [{}, {"paused": 6}])
    def test_nobody_to_talk_means_no_call(self, nobody: dict[str, int]) -> None:
        decision = decide(progressive(agents=agents(**nobody)))
        assert (decision.launch, decision.reason) == (0, Reason.NO_AGENTS)


class TestPower:
    @pytest.mark.parametrize(
        ("ratio", "idle", "under_way", "launch"),
        [
            (3.0, 2, {}, 6),
            (3.0, 2, {"dialling": 1, "ringing": 3}, 2),
            (3.0, 2, {"waiting": 1}, 3),
            (3.0, 2, {"waiting": 2}, 0),
            (1.5, 2, {}, 3),
            (1.16, 25, {}, 29),
            (1.0, 4, {"ringing": 1}, 3),
        ],
    )
    def test_lines_per_idle_agent(self, ratio: float, idle: int, under_way: dict[str, int], launch: int) -> None:
        assert decide(power(ratio, agents=agents(idle=idle), calls=calls(**under_way))).launch == launch

    def test_a_fraction_is_dropped_without_a_count_of_calls(self) -> None:
        assert decide(power(1.9, agents=agents(idle=1))).launch == 1

    @pytest.mark.parametrize(("ratio", "idle"), [(1.5, 1), (1.2, 1), (2.75, 3), (1.9, 1)])
    def test_a_fraction_is_kept_on_average(self, ratio: float, idle: int) -> None:
        launched = [decide(power(ratio, agents=agents(idle=idle), placed=n)).launch for n in range(2000)]
        assert sum(launched) / len(launched) == pytest.approx(ratio * idle, abs=0.01)
        assert set(launched) <= {int(ratio * idle), int(ratio * idle) + 1}

    def test_talking_agents_are_not_dialled_for(self) -> None:
        decision = decide(power(3.0, agents=agents(talking=5, wrapup=2)))
        assert (decision.launch, decision.reason) == (0, Reason.ALL_AGENTS_BUSY)


class TestCaps:
    @pytest.mark.parametrize(
        ("different", "launch", "reason"),
        [
            ({"leads_ready": 3}, 3, Reason.LAUNCHED),
            ({"leads_ready": 0}, 0, Reason.NO_LEADS),
            ({"max_lines": 10, "lines_in_use": 6}, 4, Reason.LAUNCHED),
            ({"max_lines": 10, "lines_in_use": 10}, 0, Reason.LINES_CAP),
            ({"max_lines": 10, "lines_in_use": 14}, 0, Reason.LINES_CAP),
            ({"max_lines": 0}, 0, Reason.LINES_CAP),
            ({"calls_per_second": 5.0, "launches_ago_s": (0.0, 0.2, 0.999)}, 2, Reason.LAUNCHED),
            ({"calls_per_second": 5.0, "launches_ago_s": (1.0, 1.5)}, 5, Reason.LAUNCHED),
            ({"calls_per_second": 3.0, "launches_ago_s": (0.1,) * 4}, 0, Reason.CPS_CAP),
            ({"calls_per_second": 0.0}, 0, Reason.CPS_CAP),
            ({"calls_per_second": 0.18}, 1, Reason.LAUNCHED),
            ({"calls_per_second": 0.1}, 1, Reason.LAUNCHED),
            ({"calls_per_second": 0.1, "launches_ago_s": (9.9,)}, 0, Reason.CPS_CAP),
            ({"calls_per_second": 0.1, "launches_ago_s": (10.0,)}, 1, Reason.LAUNCHED),
        ],
    )
    def test_each_cap_binds_and_is_named(self, different: dict[str, Any], launch: int, reason: Reason) -> None:
        decision = decide(power(2.0, agents=agents(idle=10), **different))
        assert (decision.launch, decision.reason) == (launch, reason)

    def test_a_second_of_ticks_never_launches_more_than_the_rate(self) -> None:
        """Ticks of 10 ms, every one of them hungry: in any second at most five launches."""
        launched: list[float] = []
        for tick in range(500):
            now = tick / 100
            ages = tuple(now - at for at in launched)
            launched += [now] * decide(
                power(3.0, agents=agents(idle=50), calls_per_second=5.0, launches_ago_s=ages)
            ).launch
        assert len(launched) == 25
        assert all(sum(at <= other < at + 0.999 for other in launched) <= 5 for at in launched)

    @pytest.mark.parametrize(("rate", "window"), [(10.0, 1.0), (1.0, 1.0), (0.5, 2.0), (0.1, 10.0), (0.0, 1.0)])
    def test_a_rate_below_one_is_counted_over_a_longer_window(self, rate: float, window: float) -> None:
        assert rate_window_s(rate) == window


class TestGuard:
    @pytest.mark.parametrize(
        ("answered", "abandoned", "launch"),
        [
            (0, 0, 30),
            (49, 1, 30),  # 1 of a sample of 50 is 2 %: at the target, not above it
            (49, 2, 10),  # 2 of 50 is 4 %
            (33, 0, 30),
            (1000, 20, 30),
            (1000, 21, 10),  # above the target
            (1000, 30, 10),  # at the limit
            (1000, 900, 10),
            (50, 1, 10),  # 2 of 51 would pass the limit
            (66, 1, 30),  # 2 of 67 would not
            (10, 10, 10),
        ],
    )
    def test_lowers_power_to_one_for_one(self, answered: int, abandoned: int, launch: int) -> None:
        decision = decide(power(3.0, agents=agents(idle=10), answered_by_person=answered, abandoned=abandoned))
        assert decision.launch == launch

    @pytest.mark.parametrize(
        ("abandoned", "reason", "code"), [(21, Reason.GUARD_PROGRESSIVE, 1), (30, Reason.GUARD_STOP, 2)]
    )
    def test_surplus_is_not_replaced_and_the_reason_is_told(self, abandoned: int, reason: Reason, code: int) -> None:
        decision = decide(
            power(3.0, agents=agents(idle=4), calls=calls(ringing=5), answered_by_person=1000, abandoned=abandoned)
        )
        assert (decision.launch, decision.reason) == (0, reason)
        assert decision.details["guard"] == code
        assert decision.details["wanted"] == 7

    def test_progressive_goes_on_at_the_limit(self) -> None:
        decision = decide(progressive(agents=agents(idle=4), answered_by_person=1000, abandoned=40))
        assert (decision.launch, decision.reason) == (4, Reason.LAUNCHED)

    @pytest.mark.parametrize("answered", [0, 10, 500])
    def test_a_limit_of_nothing_allows_progressive_only(self, answered: int) -> None:
        decision = decide(
            power(3.0, agents=agents(idle=4), answered_by_person=answered, abandon_target=0.0, abandon_limit=0.0)
        )
        assert decision.launch == 4

    def test_at_the_limit_is_not_below_it(self) -> None:
        """Target and limit may be one number: 2 of a sample of 50 is at 4 %."""
        decision = decide(
            power(
                3.0,
                agents=agents(idle=4),
                answered_by_person=10,
                abandoned=2,
                abandon_target=0.04,
                abandon_limit=0.04,
            )
        )
        assert (decision.launch, decision.details["guard"]) == (4, 2)


class TestDetails:
    def test_details_are_the_numbers_of_the_decision(self) -> None:
        decision = decide(
            power(
                2.0,
                agents=agents(idle=3, talking=4, paused=1),
                calls=calls(dialling=1, ringing=2, waiting=1),
                lines_in_use=8,
                max_lines=20,
                launches_ago_s=(0.5,),
                answered_by_person=400,
                abandoned=4,
            )
        )
        assert decision.details == {
            "agents": 8,
            "present": 7,
            "idle": 3,
            "waiting": 1,
            "dialling": 1,
            "ringing": 2,
            "reserved_calls": 0,
            "wanted": 1,
            "guarded": 1,
            "launch": 1,
            "lines_free": 12,
            "rate_free": 99,
            "leads_ready": 100,
            "lines_per_agent": 2.0,
            "answered": 400,
            "abandoned": 4,
            "abandon_rate": 0.01,
            "guard": 0,
        }

    def test_reason_codes_are_stable(self) -> None:
        assert {str(reason) for reason in Reason} == {
            "launched",
            "no_agents",
            "all_agents_busy",
            "enough_ringing",
            "no_leads",
            "lines_cap",
            "cps_cap",
            "guard_progressive",
            "guard_stop",
        }


class TestInvalid:
    @pytest.mark.parametrize(
        "different",
        [
            {"max_lines": -1},
            {"lines_in_use": -1},
            {"leads_ready": -3},
            {"calls_per_second": float("nan")},
            {"calls_per_second": float("inf")},
            {"lines_per_agent": 0.99},
            {"lines_per_agent": float("nan")},
            {"abandon_target": 0.04},
            {"abandon_target": -0.01},
            {"abandoned": 1},
            {"abandoned": -1},
            {"min_sample": -1},
            {"launches_ago_s": (0.5, -0.1)},
            {"placed": -1},
        ],
    )
    def test_a_number_that_cannot_be_is_refused_by_name(self, different: dict[str, Any]) -> None:
        with pytest.raises(InvalidSnapshot) as refused:
            progressive(**different)
        assert any(name in str(refused.value) for name in (*different, "abandon_limit", "answered_by_person"))

    def test_times_cannot_be_negative(self) -> None:
        with pytest.raises(InvalidSnapshot, match="elapsed_s"):
            Agent(AgentPhase.IDLE, -1.0)
        with pytest.raises(InvalidSnapshot, match="age_s"):
            Call(CallPhase.RINGING, float("nan"))
