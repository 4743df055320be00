"""Every figure of the reports, one function each.

A figure carries what it was divided from: a percentage nobody can check is worth nothing. Where the
denominator is zero the figure is undefined, and None, never 0.

A(x) is the number of attempts with property x, N(x) the number of distinct leads with such an attempt.
The catalogue ids (K01...) are those of docs/kpi.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from domain.kpi import AgentSeconds, CallCounts, PromiseCounts


class Unit(StrEnum):
    COUNT = "count"
    SHARE = "share"  # 0..1
    SECONDS = "seconds"
    RATIO = "ratio"  # things per thing
    MONEY = "money"  # of whatever currency the cost was given in


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its proof.

    key: stable name; catalogue: id in docs/kpi.md; value: None if undefined; of: stable name of what
    the denominator counts. A count has no denominator. For a percentile, numerator / denominator is the
    share of the observations that lie at or below the value.
    """

    key: str
    catalogue: str
    unit: Unit
    value: float | None
    numerator: float
    denominator: float | None
    of: str

    def __str__(self) -> str:
        if self.value is None:
            return f"- ({self.numerator:g} / 0 {self.of})"
        shown = f"{self.value:.2%}" if self.unit is Unit.SHARE else f"{self.value:g}"
        return shown if self.denominator is None else f"{shown} ({self.numerator:g} / {self.denominator:g} {self.of})"


def _count(key: str, catalogue: str, number: float) -> Figure:
    return Figure(key, catalogue, Unit.COUNT, number, number, None, "")


def _quotient(key: str, catalogue: str, unit: Unit, numerator: float, denominator: float, of: str) -> Figure:
    value = numerator / denominator if denominator > 0 else None
    return Figure(key, catalogue, unit, value, numerator, denominator, of)


def share(key: str, numerator: float, denominator: float, of: str, catalogue: str = "") -> Figure:
    """numerator / denominator, a share, for a breakdown; `of` names the whole."""
    return _quotient(key, catalogue, Unit.SHARE, numerator, denominator, of)


def wilson(figure: Figure, z: float = 1.959964) -> tuple[float, float] | None:
    """Wilson's score interval of a share, both ends in 0..1; None where the share is undefined.

    z: quantile of the normal distribution (1.96: 95 %). Small samples deserve no ranking without it.
    """
    n = figure.denominator
    if figure.value is None or n is None:
        return None
    p = figure.value
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (centre - half) / whole), min(1.0, (centre + half) / whole)


# ---- the line: A-sets --------------------------------------------------------------------------


def dials(c: CallCounts) -> Figure:
    """K17. A(dialled): attempts sent to the trunk. Unit: count. No denominator."""
    return _count("dials", "K17", c.dialled)


def calls_handled(c: CallCounts) -> Figure:
    """K35. A(bridged): calls that an agent took. Unit: count. No denominator."""
    return _count("calls_handled", "K35", c.handled)


def asr(c: CallCounts) -> Figure:
    """K33. Answer seizure ratio: A(connected) / A(dialled). Unit: share. Denominator: dials."""
    return _quotient("asr", "K33", Unit.SHARE, c.connected, c.dialled, "dials")


def human_asr(c: CallCounts) -> Figure:
    """K33h. A(answered by a person) / A(dialled). Unit: share. Denominator: dials."""
    return _quotient("human_asr", "K33h", Unit.SHARE, c.persons, c.dialled, "dials")


def acd_literal(c: CallCounts) -> Figure:
    """K34l. Sum of answered time / A(dialled), unanswered dials as zeros. Unit: seconds. Denominator: dials."""
    return _quotient("acd_literal", "K34l", Unit.SECONDS, c.connected_s, c.dialled, "dials")


def acd(c: CallCounts) -> Figure:
    """K34. Average call duration: sum of talk / A(bridged). Unit: seconds. Denominator: handled calls."""
    return _quotient("acd", "K34", Unit.SECONDS, c.talk_s, c.handled, "handled")


def aht(c: CallCounts) -> Figure:
    """K38. Average handle time: (talk incl. hold + wrap-up) / A(bridged). Unit: seconds. Denominator: handled calls."""
    return _quotient("aht", "K38", Unit.SECONDS, c.talk_s + c.wrapup_s, c.handled, "handled")


def abandon_rate(c: CallCounts) -> Figure:
    """E01. A(abandoned) / A(answered by a person): the rate that the law limits. Unit: share. Denominator: persons."""
    return _quotient("abandon_rate", "E01", Unit.SHARE, c.abandoned, c.persons, "persons")


def abandon_rate_of_answered(c: CallCounts) -> Figure:
    """E01a. A(abandoned) / A(connected), machines included. Unit: share. Denominator: answered calls."""
    return _quotient("abandon_rate_of_answered", "E01a", Unit.SHARE, c.abandoned, c.connected, "connected")


def abandon_rate_of_dials(c: CallCounts) -> Figure:
    """E01d. A(abandoned) / A(dialled). Unit: share. Denominator: dials."""
    return _quotient("abandon_rate_of_dials", "E01d", Unit.SHARE, c.abandoned, c.dialled, "dials")


def abandon_rate_estimated(c: CallCounts) -> Figure:
    """E01e. The same rate, with machines among the abandoned estimated from those that agents met.

    D abandoned, H conversations, M machines met by agents: D' = D - D*M / (H + M); rate = D' / (H + D').
    The form that Ofcom's guidance allows. Unit: share. Denominator: H + D', persons as estimated.
    Undefined if agents met nobody.
    """
    met = c.handled
    if met == 0:
        return Figure("abandon_rate_estimated", "E01e", Unit.SHARE, None, float(c.abandoned), 0.0, "persons_estimated")
    estimated = c.abandoned - c.abandoned * c.machines / met
    whole = c.conversations + estimated
    return _quotient("abandon_rate_estimated", "E01e", Unit.SHARE, estimated, whole, "persons_estimated")


def _wait_percentile(key: str, catalogue: str, p: float, value: float | None, handled: int) -> Figure:
    within = math.ceil(p * handled)
    return Figure(key, catalogue, Unit.SECONDS, value if handled else None, within, handled, "handled")


def answer_to_bridge_p50(c: CallCounts) -> Figure:
    """E02. Median (nearest rank) of bridged_at - answered_at. Unit: seconds. Denominator: handled calls."""
    return _wait_percentile("answer_to_bridge_p50", "E02", 0.50, c.wait_p50_s, c.handled)


def answer_to_bridge_p95(c: CallCounts) -> Figure:
    """E03. 95th percentile (nearest rank) of bridged_at - answered_at. Unit: seconds. Denominator: handled calls."""
    return _wait_percentile("answer_to_bridge_p95", "E03", 0.95, c.wait_p95_s, c.handled)


def trunk_fault_rate(c: CallCounts) -> Figure:
    """E04. A(trunk, route or carrier failed) / A(dialled). Unit: share. Denominator: dials."""
    return _quotient("trunk_fault_rate", "E04", Unit.SHARE, c.trunk_faults, c.dialled, "dials")


def attempts_per_contact(c: CallCounts) -> Figure:
    """E05. A(counted) / N(contact). Unit: ratio. Denominator: leads with a contact."""
    return _quotient("attempts_per_contact", "E05", Unit.RATIO, c.counted, c.leads_contact, "leads_contact")


def conversion(c: CallCounts) -> Figure:
    """K36. A(goal) / A(conversation). Unit: share. Denominator: conversations (bridged, a person)."""
    return _quotient("conversion", "K36", Unit.SHARE, c.goals, c.conversations, "conversations")


# ---- the base: N-sets --------------------------------------------------------------------------


def leads_processed(c: CallCounts) -> Figure:
    """K11n. N: leads with an attempt. Unit: count. No denominator."""
    return _count("leads_processed", "K11n", c.leads)


def answered_rate(c: CallCounts) -> Figure:
    """K33n. N(connected) / N: what the base calls its answer rate. Unit: share. Denominator: leads processed."""
    return _quotient("answered_rate", "K33n", Unit.SHARE, c.leads_connected, c.leads, "leads")


def person_rate(c: CallCounts) -> Figure:
    """K33hn. N(answered by a person) / N. Unit: share. Denominator: leads processed."""
    return _quotient("person_rate", "K33hn", Unit.SHARE, c.leads_person, c.leads, "leads")


def not_attempted(c: CallCounts, accepted: int) -> Figure:
    """E06. Accepted leads - N: nobody has tried them in the period. Unit: count. No denominator."""
    return _count("not_attempted", "E06", accepted - c.leads)


def penetration(c: CallCounts, accepted: int) -> Figure:
    """E07. N(counted attempt) / accepted leads. Unit: share. Denominator: accepted leads."""
    return _quotient("penetration", "E07", Unit.SHARE, c.leads_counted, accepted, "accepted")


def applications(c: CallCounts) -> Figure:
    """K01. N(goal). Unit: count. No denominator."""
    return _count("applications", "K01", c.leads_goal)


def sales(c: CallCounts) -> Figure:
    """K02. N(sale). Unit: count. No denominator."""
    return _count("sales", "K02", c.leads_sale)


def turnover(c: CallCounts) -> Figure:
    """K03. Base turnover: N(goal) / N. Unit: share. Denominator: leads processed."""
    return _quotient("turnover", "K03", Unit.SHARE, c.leads_goal, c.leads, "leads")


def on_target_rate(c: CallCounts) -> Figure:
    """K10. N(on target) / N. Unit: share. Denominator: leads processed."""
    return _quotient("on_target_rate", "K10", Unit.SHARE, c.leads_on_target, c.leads, "leads")


def no_result_rate(c: CallCounts) -> Figure:
    """K11. (N - N(on target)) / N. Unit: share. Denominator: leads processed."""
    return _quotient("no_result_rate", "K11", Unit.SHARE, c.leads - c.leads_on_target, c.leads, "leads")


def refused_rate(c: CallCounts) -> Figure:
    """K12. N(on target, refused) / N(on target). Unit: share. Denominator: leads on target."""
    return _quotient("refused_rate", "K12", Unit.SHARE, c.leads_refused, c.leads_on_target, "leads_on_target")


def interested_rate(c: CallCounts) -> Figure:
    """K13. (N(on target) - N(on target, refused)) / N(on target). Unit: share. Denominator: leads on target."""
    interested = c.leads_on_target - c.leads_refused
    return _quotient("interested_rate", "K13", Unit.SHARE, interested, c.leads_on_target, "leads_on_target")


def decision_makers(c: CallCounts) -> Figure:
    """K18. N(decision maker reached). Unit: count. No denominator."""
    return _count("decision_makers", "K18", c.leads_decision_maker)


# ---- people, promises, money -----------------------------------------------------------------


def occupancy(s: AgentSeconds) -> Figure:
    """E08. (talk + hold + wrap-up) / (logged in - paused). Unit: share. Denominator: working seconds."""
    return _quotient("occupancy", "E08", Unit.SHARE, s.talking + s.wrapup, s.logged_in - s.paused, "working_seconds")


def idle_rate(s: AgentSeconds) -> Figure:
    """E09. (ready + reserved) / (logged in - paused). Unit: share. Denominator: working seconds."""
    return _quotient("idle_rate", "E09", Unit.SHARE, s.ready + s.reserved, s.logged_in - s.paused, "working_seconds")


def average_wait(s: AgentSeconds) -> Figure:
    """E10. (ready + reserved) / talks begun: an agent's wait for a customer. Unit: seconds. Denominator: talks."""
    return _quotient("average_wait", "E10", Unit.SECONDS, s.ready + s.reserved, s.talks, "talks")


def promises_kept(p: PromiseCounts) -> Figure:
    """K05k. Kept within the tolerance / charged. Unit: share. Denominator: promises charged."""
    return _quotient("promises_kept", "K05k", Unit.SHARE, p.kept, p.charged, "promises_charged")


def promises_broken(p: PromiseCounts) -> Figure:
    """K05. (broken + kept late) / (due - moved - cancelled), without those that nobody could keep
    because no engine ran. Unit: share. Denominator: promises charged."""
    return _quotient("promises_broken", "K05", Unit.SHARE, p.broken + p.kept_late, p.charged, "promises_charged")


def per_agent_day(key: str, count: float, agents: int, days: int) -> Figure:
    """K35d. A count / (agents * days on which they called). Unit: ratio. Denominator: agent-days."""
    return _quotient(key, "K35d", Unit.RATIO, count, agents * days, "agent_days")


def delivery_rate(delivered: int, collected: int) -> Figure:
    """K14. Offers delivered / addresses collected. Unit: share. Denominator: addresses collected."""
    return _quotient("delivery_rate", "K14", Unit.SHARE, delivered, collected, "addresses")


def deal_rate(deals: int, source: int, of: str) -> Figure:
    """K08. Deals / whatever they grew from, which `of` must name. Unit: share. Denominator: `of`."""
    return _quotient("deal_rate", "K08", Unit.SHARE, deals, source, of)


def cost_per(cost: float, count: int, of: str) -> Figure:
    """K15. Cost / count of whatever `of` names. Unit: money. Denominator: `of`."""
    return _quotient("cost_per", "K15", Unit.MONEY, cost, count, of)


def of_calls(c: CallCounts, accepted: int | None = None) -> list[Figure]:
    """The figures of a set of calls; those of the base's coverage only if it is known how much was accepted."""
    line = [f(c) for f in _CALL_FIGURES]
    return line if accepted is None else [*line, not_attempted(c, accepted), penetration(c, accepted)]


def of_time(s: AgentSeconds) -> list[Figure]:
    """The figures of agents' time."""
    return [occupancy(s), idle_rate(s), average_wait(s)]


def of_promises(p: PromiseCounts) -> list[Figure]:
    """The figures of promises."""
    return [promises_kept(p), promises_broken(p)]


_CALL_FIGURES = (
    dials, calls_handled, asr, human_asr, trunk_fault_rate,
    abandon_rate, abandon_rate_of_answered, abandon_rate_of_dials, abandon_rate_estimated,
    answer_to_bridge_p50, answer_to_bridge_p95, acd, acd_literal, aht,
    attempts_per_contact, conversion,
    leads_processed, answered_rate, person_rate, decision_makers,
    on_target_rate, no_result_rate, refused_rate, interested_rate,
    applications, sales, turnover,
)  # fmt: skip
