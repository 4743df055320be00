"""After a start or a broken link: compare what the rows say with what the switch shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import structlog

from campaigns.rules import CampaignRules, after_attempt
from domain.clock import Clock
from domain.errors import DialerError
from domain.ids import EngineId, agent_of, attempt_of
from domain.outcome import Outcome
from domain.ports import SwitchSnapshot, Telephony
from domain.records import AttemptFinal, CampaignRow, ClaimedLead, LeadCounters
from domain.stores import DialStore

log = structlog.get_logger()


async def close_strangers(telephony: Telephony, snapshot: SwitchSnapshot, known: Collection[str]) -> int:
    """Hang up customer and agent legs on the switch that no live call or shift of this engine owns.

    They were left by an engine that died. Returns how many.
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
    if strangers:
        log.warning("reconcile.strangers_hung_up", count=len(strangers))
    return len(strangers)


async def close_leftovers(store: DialStore, engine: EngineId, campaigns: Collection[CampaignRow], clock: Clock) -> int:
    """Close the in-flight rows of engines that are gone. Their calls' ends were not seen, so each is
    UNKNOWN and counted: nobody is called sooner or more often because an engine died."""
    leftovers = await store.leftovers(engine)
    rules = {row.id: CampaignRules.from_document(row.rules) for row in campaigns}
    finals = [_with_next_step(final, rules[final.campaign], clock) for final in leftovers if final.campaign in rules]
    if finals:
        await store.finish(finals)
        log.warning("reconcile.leftovers_closed", count=len(finals))
    return len(finals)


def _with_next_step(final: AttemptFinal, rules: CampaignRules, clock: Clock) -> AttemptFinal:
    # The counters are already those of the row; one more attempt is added by `finish`.
    nothing_known = LeadCounters(0, 0, 0, 0, 0, None)
    lead = ClaimedLead(
        attempt=final.attempt,
        lead=final.lead,
        number_id=final.number_id,
        number="",
        campaign=final.campaign,
        list=final.list,
        temperature=final.temperature,
        priority=3,
        due_at=final.started_at,
        promised_agent=None,
        needs_agent=False,
        promise=final.promise,
        counters=nothing_known,
    )
    step = after_attempt(rules, lead, Outcome.UNKNOWN, True, clock.now())
    return replace(final, next=step)
