"""All live calls of this engine: who gets which event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from dialer.call import CallState
from dialer.call_actor import CallActor
from domain.events import CallEvent, ChannelEvent, ChannelVanished, NodeLost, PlaybackEnded
from domain.ids import AttemptId, CampaignId, attempt_of, attempt_of_playback
from domain.records import AttemptFinal

log = structlog.get_logger()

FinishedObserver = Callable[[CallActor, AttemptFinal], None]


class Calls:
    def __init__(self) -> None:
        self._live: dict[AttemptId, CallActor] = {}
        self._finished: list[FinishedObserver] = []
        self.late_events = 0  # of calls that are no longer known

    def observe_finished(self, observer: FinishedObserver) -> None:
        self._finished.append(observer)

    def add(self, actor: CallActor) -> None:
        """Before the order is given: the first events may come before the switch's reply."""
        self._live[actor.context.lead.attempt] = actor

    def call_finished(self, actor: CallActor, final: AttemptFinal) -> None:
        self._live.pop(final.attempt, None)
        for observer in self._finished:
            observer(actor, final)

    def deliver(self, attempt: AttemptId, event: CallEvent) -> None:
        actor = self._live.get(attempt)
        if actor is None:
            self.late_events += 1
        else:
            actor.deliver(event)

    def on_channel_event(self, event: ChannelEvent) -> bool:
        """Give the event to its call. False if it is not about a customer's leg."""
        attempt = attempt_of_playback(event.playback) if isinstance(event, PlaybackEnded) else attempt_of(event.channel)
        if attempt is None:
            return False
        self.deliver(attempt, event)
        return True

    def of(self, campaign: CampaignId) -> list[CallActor]:
        return [actor for actor in self._live.values() if actor.context.lead.campaign == campaign]

    def all(self) -> list[CallActor]:
        return list(self._live.values())

    def states(self, campaign: CampaignId) -> Counter[CallState]:
        return Counter(actor.call.state for actor in self.of(campaign))

    def lines_of(self, trunk: str) -> int:
        return sum(1 for actor in self._live.values() if actor.context.campaign.trunk == trunk)

    def __len__(self) -> int:
        return len(self._live)

    def node_lost(self, event: NodeLost) -> None:
        for actor in self.all():
            actor.deliver(event)

    def vanish_missing(self, present: set[str], event: ChannelVanished, known_before: float) -> None:
        """After a broken link: calls that were placed before the look-round and are not there have ended."""
        for actor in self.all():
            if actor.placed_at < known_before and actor.call.channel not in present:
                log.warning("call.vanished", attempt_id=actor.context.lead.attempt)
                actor.deliver(event)
