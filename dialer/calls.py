"""All live calls of this engine: who gets which event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from dialer.call import CallState
from dialer.call_actor import CallActor
from domain.events import (
    AnswerMissed,
    CallEvent,
    ChannelEnteredBridge,
    ChannelEvent,
    ChannelLeftBridge,
    ChannelVanished,
    NodeLost,
    PlaybackEnded,
)
from domain.ids import AttemptId, CampaignId, attempt_of, attempt_of_playback
from domain.ports import ChannelSnapshot
from domain.records import AttemptFinal

log = structlog.get_logger()

#: An order may be this long on its way to the switch before a look at it must show the call, seconds.
UNHEARD_S = 10.0

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
            try:
                observer(actor, final)
            except Exception:
                log.exception("call.observer_crashed", attempt_id=final.attempt)

    def knows(self, attempt: AttemptId) -> bool:
        return attempt in self._live

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

    def positions(self) -> dict[CallActor, CallState]:
        """Where every call stands, to be compared with a later look at the switch."""
        return {actor: actor.call.state for actor in self.all()}

    def compare(
        self, before: Mapping[CallActor, CallState], asked_at: float, seen: Mapping[str, ChannelSnapshot], now: datetime
    ) -> None:
        """Tell calls what they missed. before: their positions when the switch was asked, asked_at:
        monotonic seconds, seen: the channels that it showed. Who has moved on since is left alone."""
        for actor, state in before.items():
            if actor.call.state is state:
                event = _missed(actor, seen.get(actor.call.channel), asked_at, now)
                if event is not None:
                    log.warning("call.missed", attempt_id=actor.context.lead.attempt, what=type(event).__name__)
                    actor.deliver(event)


def _missed(actor: CallActor, seen: ChannelSnapshot | None, asked_at: float, now: datetime) -> CallEvent | None:
    call = actor.call
    if seen is None:
        unheard = call.state is CallState.PLACING and asked_at - actor.placed_at < UNHEARD_S
        return None if unheard or actor.ended else ChannelVanished(now)
    match call.state:
        case CallState.PLACING | CallState.RINGING if seen.up:
            return AnswerMissed(now)
        case CallState.BRIDGING if call.bridge is not None and seen.bridge == call.bridge:
            return ChannelEnteredBridge(call.channel, call.bridge, now)
        case CallState.TALKING if call.bridge is not None and seen.bridge != call.bridge:
            return ChannelLeftBridge(call.channel, call.bridge, now)
        case _:
            return None
