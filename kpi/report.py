"""The report of a campaign over a period: figures with their denominators, by list, by agent, by result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

from domain.ids import AgentId, CampaignId, ListId
from domain.kpi import PROMISE_TOLERANCE, AgentSeconds, CallCounts, KpiReader, OutcomeCount, Period, PromiseCounts
from domain.outcome import LeadState, Outcome, Temperature
from kpi import formulas
from kpi.formulas import Figure


@dataclass(frozen=True, slots=True)
class DispositionShare:
    """disposition None: the agent said nothing, or nobody was talked to. label: English, for gettext."""

    disposition: str | None
    label: str
    share: Figure


@dataclass(frozen=True, slots=True)
class OutcomeShare:
    """The shares of the dispositions are of the same whole, so that they add up to that of the outcome."""

    outcome: Outcome
    share: Figure
    dispositions: Sequence[DispositionShare]


@dataclass(frozen=True, slots=True)
class ListReport:
    list: ListId
    name: str
    temperature: Temperature
    accepted: int
    calls: CallCounts
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class AgentReport:
    """agent None: attempts that no agent was named for."""

    agent: AgentId | None
    name: str
    calls: CallCounts
    seconds: AgentSeconds
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Report:
    """results: attempts; lead_results: leads, by how each of them ended in the period."""

    campaign: CampaignId
    name: str
    client: str
    period: Period
    accepted: int
    calls: CallCounts
    figures: Sequence[Figure]
    lists: Sequence[ListReport]
    agents: Sequence[AgentReport]
    results: Sequence[OutcomeShare]
    lead_results: Sequence[OutcomeShare]
    lead_states: dict[LeadState, int]
    promises: PromiseCounts
    promise_figures: Sequence[Figure]


async def build_report(
    reader: KpiReader, campaign: CampaignId, period: Period, tolerance: timedelta = PROMISE_TOLERANCE
) -> Report:
    """tolerance: how late a promise may be kept, where the campaign's rules are silent.

    Raises NotFound or Unavailable.
    """
    rows = await reader.read(campaign, period, tolerance)
    return Report(
        campaign=rows.campaign,
        name=rows.name,
        client=rows.client,
        period=period,
        accepted=rows.accepted,
        calls=rows.calls,
        figures=[
            *formulas.of_calls(rows.calls, rows.accepted),
            *formulas.of_time(total_seconds([agent.seconds for agent in rows.agents])),
        ],
        lists=[
            ListReport(
                one.list, one.name, one.temperature, one.accepted, one.calls, formulas.of_calls(one.calls, one.accepted)
            )
            for one in rows.lists
        ],
        agents=[
            AgentReport(
                one.agent,
                one.name,
                one.calls,
                one.seconds,
                [*formulas.of_calls(one.calls), *formulas.of_time(one.seconds)],
            )
            for one in rows.agents
        ],
        results=result_tree(rows.results, "attempts"),
        lead_results=result_tree(rows.lead_results, "leads"),
        lead_states=dict(sorted(rows.lead_states.items())),
        promises=rows.promises,
        promise_figures=formulas.of_promises(rows.promises),
    )


def result_tree(counts: Sequence[OutcomeCount], of: str) -> list[OutcomeShare]:
    """Outcomes, and under each its dispositions, the most frequent first; every share is of the grand total."""
    whole = sum(one.count for one in counts)
    by_outcome: dict[Outcome, list[OutcomeCount]] = {}
    for one in counts:
        by_outcome.setdefault(one.outcome, []).append(one)
    tree = [
        OutcomeShare(
            outcome,
            formulas.share(outcome.value, sum(one.count for one in parts), whole, of),
            [
                DispositionShare(
                    one.disposition, one.label, formulas.share(one.disposition or "", one.count, whole, of)
                )
                for one in sorted(parts, key=lambda one: (-one.count, one.disposition or ""))
            ],
        )
        for outcome, parts in by_outcome.items()
    ]
    return sorted(tree, key=lambda node: (-node.share.numerator, node.outcome))


def total_seconds(parts: Sequence[AgentSeconds]) -> AgentSeconds:
    """The time of several agents together."""
    return AgentSeconds(**{f.name: sum(getattr(part, f.name) for part in parts) for f in fields(AgentSeconds)})
