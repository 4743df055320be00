"""The abandonment window of one campaign: read from the rows now and then, counted along in between."""

from __future__ import annotations

from typing import Protocol

from domain.ids import CampaignId
from domain.kpi import LEFT_WITHOUT_AGENT, LiveCounts
from domain.outcome import Outcome
from domain.records import AttemptFinal

#: The window, hours.
WINDOW_H = 24.0
#: Between two readings of the rows, seconds: a day of attempts is many rows.
READ_EVERY_S = 30.0


class LiveWindow(Protocol):
    async def live(self, campaign: CampaignId, hours: float) -> LiveCounts:
        """What became of the campaign's calls of the last hours."""
        ...


class AbandonmentWindow:
    """answered counts persons: until the agents have said who was a machine, every handled call is one."""

    def __init__(self, rows: LiveWindow, campaign: CampaignId) -> None:
        self._rows = rows
        self._campaign = campaign
        self._read_at = float("-inf")
        self.abandoned = 0
        self.answered = 0

    async def refresh(self, now: float) -> None:
        """now: monotonic seconds. Raises Unavailable."""
        if now - self._read_at < READ_EVERY_S:
            return
        counts = await self._rows.live(self._campaign, WINDOW_H)
        self.abandoned, self.answered = counts.abandoned, counts.persons
        self._read_at = now

    def add(self, final: AttemptFinal) -> None:
        """A call has just ended."""
        if final.campaign != self._campaign or final.answered_at is None:
            return
        left_alone = final.bridged_at is None and final.outcome in LEFT_WITHOUT_AGENT
        self.abandoned += left_alone
        self.answered += left_alone or final.outcome is Outcome.ANSWERED
