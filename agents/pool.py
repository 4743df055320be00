"""Who takes the next customer: the agent idle longest; which customer goes first: who waits longest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from domain.ids import AgentId, AttemptId, CampaignId


@dataclass(slots=True)
class AgentPool:
    """Free agents and waiting customers, in memory. Both orders are insertion orders."""

    _campaigns: dict[AgentId, frozenset[CampaignId]] = field(default_factory=dict)
    _free: dict[AgentId, None] = field(default_factory=dict)
    _waiting: dict[AttemptId, CampaignId] = field(default_factory=dict)
    _kept: dict[CampaignId, frozenset[AgentId]] = field(default_factory=dict)

    def assign(self, agent: AgentId, campaigns: Collection[CampaignId]) -> None:
        self._campaigns[agent] = frozenset(campaigns)

    def assigned(self, campaign: CampaignId) -> list[AgentId]:
        return [agent for agent, campaigns in self._campaigns.items() if campaign in campaigns]

    def keep(self, campaign: CampaignId, agents: Collection[AgentId]) -> list[AgentId]:
        """These agents owe calls that they promised: nobody but `take` gets them. Returns those who owe
        nothing any more and are free, to be set free anew."""
        before = self._kept.get(campaign, frozenset())
        self._kept[campaign] = frozenset(agents)
        return [agent for agent in before if agent in self._free and not self.is_kept(agent)]

    def is_kept(self, agent: AgentId) -> bool:
        return any(agent in agents for agents in self._kept.values())

    def set_free(self, agent: AgentId) -> AttemptId | None:
        """The agent is ready. Returns the customer who waited longest for one like him, to be reserved."""
        kept = self.is_kept(agent)
        for attempt, campaign in () if kept else tuple(self._waiting.items()):
            if campaign in self._campaigns.get(agent, frozenset()):
                del self._waiting[attempt]
                self._free.pop(agent, None)
                return attempt
        self._free.setdefault(agent, None)
        return None

    def set_busy(self, agent: AgentId) -> None:
        self._free.pop(agent, None)

    def take_for(self, attempt: AttemptId, campaign: CampaignId) -> AgentId | None:
        """The longest-idle agent of the campaign; with none free the customer waits in line."""
        for agent in self.free(campaign):
            if not self.is_kept(agent):
                del self._free[agent]
                return agent
        self._waiting[attempt] = campaign
        return None

    def take(self, agent: AgentId) -> bool:
        """Take this very agent, if he is free."""
        if agent not in self._free:
            return False
        del self._free[agent]
        return True

    def withdraw(self, attempt: AttemptId) -> None:
        self._waiting.pop(attempt, None)

    def free(self, campaign: CampaignId) -> list[AgentId]:
        """Free agents of a campaign, longest idle first."""
        return [agent for agent in self._free if campaign in self._campaigns.get(agent, frozenset())]

    def waiting(self, campaign: CampaignId) -> int:
        return sum(1 for waits_for in self._waiting.values() if waits_for == campaign)

    def forget(self, agent: AgentId) -> None:
        """The agent's shift is over."""
        self._campaigns.pop(agent, None)
        self._free.pop(agent, None)
