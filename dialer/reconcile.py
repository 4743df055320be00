"""After a start or a broken link: compare what the rows say with what the switch shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from campaigns.rules import CampaignRules, after_attempt, after_disposition
from domain.clock import Clock
from domain.disposition import DispositionKind
from domain.errors import AlreadyExists, BadInput, DialerError
from domain.ids import CampaignId, EngineId, ShiftId, agent_of, attempt_of, is_agent_bridge
from domain.outcome import Outcome
from domain.ports import SwitchSnapshot, Telephony
from domain.records import AttemptFinal, Disposition, LeftBehind
from domain.stores import DialStore, EngineStore

log = structlog.get_logger()

#: An engine that has not said for so long that it lives is gone, if it leads no campaign either, seconds.
SILENT_S = 5.0
#: An order that the switch accepted before the gate was closed is seen there by then, seconds
#: (docs/adr/0007: 62 ms is the worst measured).
SETTLE_S = 1.0


class Takeover:
    """Ends what engines that are gone left behind: their gates, their calls, their rows, in this order.

    Until its row is closed a lead in flight cannot be dialled by anybody, so the rows come last:
    when no late order can leave any more and no call is up.
    """

    def __init__(
        self,
        telephony: Telephony,
        dial_store: DialStore,
        engine_store: EngineStore,
        clock: Clock,
        known: Callable[[], Collection[str]],
        shifts: Callable[[], Collection[ShiftId]],
        no_result: DispositionKind,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """known: channels and bridges of this engine's calls and shifts, asked after the switch was looked at.
        shifts: its own. no_result: what is said of a conversation whose agent can no longer say it."""
        self._telephony = telephony
        self._dial_store = dial_store
        self._engine_store = engine_store
        self._clock = clock
        self._known = known
        self._shifts = shifts
        self._no_result = no_result
        # At the start too: whoever took over last may have died before he was done.
        self._loose_ends = True
        self._sleep = sleep

    async def run(self, engine: EngineId) -> Sequence[EngineId]:
        """The engines that were taken over from. Raises DialerError if it could not be done; run it again then."""
        gone = await self._engine_store.bury_engines(engine, SILENT_S)
        if gone:
            log.warning("takeover.began", engines=list(gone))
            self._loose_ends = True
            await self._end_calls(engine, gone)
        if self._loose_ends:
            await close_wrapups(self._dial_store, self._engine_store, self._no_result, self._clock)
            closed = await self._engine_store.close_forgotten_shifts(engine, self._shifts())
            if closed:
                log.warning("reconcile.shifts_closed", count=closed)
            self._loose_ends = False
        return gone

    async def _end_calls(self, engine: EngineId, gone: Sequence[EngineId]) -> None:
        for trunk in await self._engine_store.trunks():
            for other in gone:
                await self._telephony.disarm_trunk(trunk, int(other))
        await self._sleep(SETTLE_S)
        snapshot = await self._telephony.snapshot()
        await close_strangers(self._telephony, snapshot, self._known())
        await close_leftovers(self._dial_store, self._engine_store, engine, self._clock)


async def close_strangers(telephony: Telephony, snapshot: SwitchSnapshot, known: Collection[str]) -> int:
    """Hang up customer and agent legs, and remove agents' bridges, that no live call or shift of this engine owns.

    They were left by an engine that died, or by an order whose answer was lost. Returns how many legs.
    """
    strangers = [
        channel.channel
        for channel in snapshot.channels
        if channel.channel not in known and (attempt_of(channel.channel) or agent_of(channel.channel))
    ]
    for channel in strangers:
        try:
            await telephony.hang_up(channel)
        except DialerError as error:
            log.warning("reconcile.hangup_failed", error=type(error).__name__)
    for bridge in snapshot.bridges:
        if bridge not in known and is_agent_bridge(bridge):
            try:
                await telephony.destroy_bridge(bridge)
            except DialerError as error:
                log.warning("reconcile.bridge_not_removed", error=type(error).__name__)
    if strangers:
        log.warning("reconcile.strangers_hung_up", count=len(strangers))
    return len(strangers)


async def close_leftovers(dial_store: DialStore, engine_store: EngineStore, engine: EngineId, clock: Clock) -> int:
    """Close the in-flight rows of engines that have ended, of whatever campaign. Their calls' ends were
    not seen, so each is UNKNOWN and counted: nobody is called sooner or more often because an engine died."""
    finals = {final.attempt: final for final in await dial_store.leftovers(engine)}
    leads = await engine_store.left_behind(list(finals)) if finals else []
    closed = [_with_next_step(finals[lead.attempt], lead, clock) for lead in leads]
    if closed:
        await dial_store.finish(closed)
        log.warning("reconcile.leftovers_closed", count=len(closed))
    return len(closed)


async def close_wrapups(
    dial_store: DialStore, engine_store: EngineStore, no_result: DispositionKind, clock: Clock
) -> int:
    """Say of conversations whose engine is gone that no result came in time: their leads wait for one otherwise."""
    left = await engine_store.left_in_wrapup()
    for talk in left:
        now = clock.now()
        behind = talk.behind
        step = after_disposition(_rules(talk.campaign, behind), behind, no_result, None, talk.agent, now)
        said = Disposition(behind.attempt, talk.lead, talk.campaign, talk.agent, no_result.code, now)
        with suppress(AlreadyExists):
            await dial_store.record_disposition(said, step)
    if left:
        log.warning("reconcile.wrapups_closed", count=len(left))
    return len(left)


def _rules(campaign: CampaignId, lead: LeftBehind) -> CampaignRules:
    try:
        return CampaignRules.from_document(lead.rules)
    except BadInput:
        log.warning("reconcile.rules_unreadable", campaign_id=campaign)
        return CampaignRules.from_document({})


def _with_next_step(final: AttemptFinal, lead: LeftBehind, clock: Clock) -> AttemptFinal:
    try:
        rules = CampaignRules.from_document(lead.rules)
    except BadInput:
        # One campaign's unreadable rules must not hold up the others: the step that the store proposed stays.
        log.warning("reconcile.rules_unreadable", campaign_id=final.campaign)
        return final
    return replace(final, next=after_attempt(rules, lead, Outcome.UNKNOWN, final.counted, clock.now()))
