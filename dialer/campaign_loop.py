"""One campaign's pacing loop: numbers in, a decision out, then claim, intent and launch.

The loop is the only place that places calls, and every call it places has passed the intent
statement, which is committed first.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from campaigns.rules import CampaignRules
from campaigns.service import REFRESH_HOURS_EVERY, refresh_hours
from dialer.abandonment import AbandonmentWindow, LiveWindow
from dialer.allow_list import forbidden_by
from dialer.call_actor import CallActor, CallContext
from dialer.calls import Calls
from dialer.executor import Executor, blocked, not_placed
from dialer.floor import Conversation, Floor
from dialer.hopper import Hopper
from dialer.limits import LaunchLog
from dialer.pacing_snapshot import pacing_snapshot
from domain.bases import CampaignStore
from domain.clock import Clock
from domain.errors import DialerError
from domain.events import AgentReserved, OriginateRefused
from domain.ids import EngineId
from domain.ports import Telephony, Trunks
from domain.records import AttemptFinal, CampaignRow, ClaimedLead, Intent, IntentOrder
from domain.stores import DialStore, EngineStore
from pacing.decide import decide, rate_window_s
from pacing.model import Decision

log = structlog.get_logger()

#: The lease's length, and the part of it in which the engine still trusts it, seconds.
LEASE_S = 5.0
TRUST_S = 4.0
#: Between two renewals, and between two looks at the abandonment window, seconds.
RENEW_S = 1.0
#: Two decisions are at least this far apart, so that a burst of events costs one of them, seconds.
TICK_GAP_S = 0.02
#: A tick comes at least this often, seconds.
TICK_S = 0.5
#: Why no call is placed while the trunk is known not to answer; the other reasons are pacing's.
TRUNK_UNREACHABLE = "trunk_unreachable"
#: Between two looks at which agents owe a call that they promised, seconds.
OWED_S = 0.5
#: Why a call with an agent reserved beforehand was placed; the other reasons are pacing's.
WITH_AGENT = "with_agent"
#: A tick that is under way at the close is given this long to end by itself, seconds.
CLOSE_S = 15.0
#: 0.18/s over the 1/0.18 s that one call takes must be one call, not a hair less.
_HAIR = 1e-9
#: Leads claimed ahead of need; small, so that rules and lists that change take effect at once.
CLAIM_AHEAD = 4


class LoopParts(Protocol):
    @property
    def telephony(self) -> Telephony: ...
    @property
    def trunks(self) -> Trunks: ...
    @property
    def dial_store(self) -> DialStore: ...
    @property
    def engine_store(self) -> EngineStore: ...
    @property
    def campaign_store(self) -> CampaignStore: ...
    @property
    def live_window(self) -> LiveWindow: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def node(self) -> str: ...


class CampaignLoop:
    def __init__(
        self,
        row: CampaignRow,
        engine: EngineId,
        parts: LoopParts,
        calls: Calls,
        floor: Floor,
        executor: Executor,
        incarnation: Callable[[], str],
    ) -> None:
        self.row = row
        self.rules = CampaignRules.from_document(row.rules)
        self.decision: Decision | None = None
        self.window = AbandonmentWindow(parts.live_window, row.id)
        self._engine = engine
        self._parts = parts
        self._calls = calls
        self._floor = floor
        self._executor = executor
        self._incarnation = incarnation
        self._hopper = Hopper(parts.dial_store, row.id, engine)
        self._doubtful: list[ClaimedLead] = []
        self._launches = LaunchLog()
        self._placed = 0
        self._woken = asyncio.Event()
        self._closing = False
        self._gate: str | None = None
        self._trunk_lost = False
        self._trusted_until = float("-inf")
        self._renew_at = float("-inf")
        self._owed_at = float("-inf")
        self._hours_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    # ---- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"campaign-{self.row.id}")

    def wake(self) -> None:
        """Something changed that a decision depends on."""
        self._woken.set()

    @property
    def reason(self) -> str:
        """Why calls are, or are not, being placed; "" before the first decision."""
        if self._trunk_lost:
            return TRUNK_UNREACHABLE
        return self.decision.reason if self.decision else ""

    def update(self, row: CampaignRow) -> None:
        """The campaign as the manager has it now. Raises BadInput if its rules cannot be read."""
        if row.trunk != self.row.trunk:
            self._gate = None
        if row.rules_version != self.row.rules_version:
            self.rules = CampaignRules.from_document(row.rules)
            log.info("campaign.rules_changed", campaign_id=row.id, rules_version=row.rules_version)
        self.row = row

    async def close(self) -> None:
        """No new call from now on; leads claimed ahead go back to the queue."""
        self._closing = True
        self.wake()
        if self._task is not None:
            # Not cancelled: an intent that is being committed must become a call, or its row.
            await asyncio.wait((self._task,), timeout=CLOSE_S)
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        self._floor.keep(self.row.id, ())
        try:
            await self._settle_doubtful()
        except DialerError:
            for lead in self._doubtful:
                self._executor.close_undialled(self._undialled(lead))
            self._doubtful.clear()
        await self._hopper.return_all()

    async def disarm(self) -> None:
        """Close this engine's outbound gate on the switch."""
        if self._gate is not None:
            try:
                await self._parts.telephony.disarm_trunk(self.row.trunk, int(self._engine))
            except DialerError as error:
                log.warning("gate.not_closed", error=type(error).__name__)
            self._gate = None

    def forget_gate(self) -> None:
        """The link to the switch was new: open the gate again before the next call."""
        self._gate = None

    # ---- the loop ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._closing:
            self._woken.clear()
            gap_s = TICK_GAP_S
            try:
                await self._tick()
            except DialerError as error:
                log.warning("campaign.tick_failed", campaign_id=self.row.id, error=type(error).__name__)
                gap_s = TICK_S
            except Exception:
                # One bad tick must not end the campaign: the next one starts from the rows again.
                log.exception("campaign.tick_crashed", campaign_id=self.row.id)
                gap_s = TICK_S
            await asyncio.sleep(gap_s)
            try:
                await asyncio.wait_for(self._woken.wait(), TICK_S)
            except TimeoutError:
                continue

    async def _tick(self) -> None:
        if not await self._may_dial():
            # Nobody is kept from other campaigns for promises that this one cannot dial.
            self._floor.keep(self.row.id, ())
            self._owed_at = float("-inf")
            return
        await self._settle_doubtful()
        await self._fill_hopper()
        await self._launch_promised()
        decision = self._decide()
        if decision.launch > 0:
            chosen = [(lead, None) for lead in self._hopper.take(decision.launch)]
            await self._intend_and_place(chosen, {"reason": decision.reason, **decision.details})

    async def _may_dial(self) -> bool:
        """Lease held and trusted, link up, gate open, trunk not known to be away."""
        clock = self._parts.clock
        now = clock.monotonic()
        if now >= self._renew_at:
            asked_at = now
            held = await self._parts.engine_store.take_lease(self.row.id, self._engine, LEASE_S)
            self._trusted_until = asked_at + TRUST_S if held else float("-inf")
            self._renew_at = clock.monotonic() + RENEW_S
            await self.window.refresh(clock.monotonic())
        if now >= self._hours_at:
            await refresh_hours(self._parts.campaign_store, clock, self.row)
            self._hours_at = now + REFRESH_HOURS_EVERY.total_seconds()
        if clock.monotonic() >= self._trusted_until or not self._parts.telephony.is_up:
            return False
        if self._gate is None:
            self._gate = await self._parts.telephony.arm_trunk(self.row.trunk, int(self._engine))
        # After the gate: the switch asks after a trunk only while some endpoint leads there.
        return self._trunk_answers()

    def _trunk_answers(self) -> bool:
        lost = self._parts.trunks.trunk_reachable(self.row.trunk) is False
        if lost is not self._trunk_lost:
            self._trunk_lost = lost
            if lost:
                log.warning("campaign.trunk_unreachable", campaign_id=self.row.id, trunk=self.row.trunk)
            else:
                log.info("campaign.trunk_reachable", campaign_id=self.row.id, trunk=self.row.trunk)
        return not lost

    async def _fill_hopper(self) -> None:
        now = self._parts.clock.monotonic()
        campaign = self.row.id
        if not self._floor.agents_of(campaign):
            return
        if now >= self._owed_at:
            self._floor.keep(campaign, await self._parts.dial_store.promised_agents(campaign))
            self._owed_at = now + OWED_S
        free = self._floor.free(campaign)
        await self._hopper.fill(math.ceil(len(free) * self.rules.lines_per_agent) + CLAIM_AHEAD, free, now)

    async def _launch_promised(self) -> None:
        """Calls with an agent of their own: they take nobody's place, so only lines and rate bound them."""
        now = self._parts.clock.monotonic()
        window_s = rate_window_s(self.rules.calls_per_second)
        by_rate = math.floor(self.rules.calls_per_second * window_s + _HAIR) - len(self._launches.ages(now, window_s))
        by_lines = self.rules.max_lines - self._calls.lines_of(self.row.trunk)
        limit = max(0, min(by_rate, by_lines))
        chosen = await self._hopper.take_with_agents(limit, self._reserve_beforehand, now)
        if chosen:
            await self._intend_and_place(chosen, {"reason": WITH_AGENT})

    def _decide(self) -> Decision:
        snapshot = pacing_snapshot(
            row=self.row,
            rules=self.rules,
            agents=self._floor.agents_of(self.row.id),
            kept=self._floor.kept(self.row.id),
            calls=self._calls.of(self.row.id),
            trunk_lines=self._calls.lines_of(self.row.trunk),
            launch_ages=self._launches.ages(self._parts.clock.monotonic(), rate_window_s(self.rules.calls_per_second)),
            leads_ready=self._hopper.ready,
            abandoned=self.window.abandoned,
            answered=self.window.answered,
            placed=self._placed,
            clock=self._parts.clock,
        )
        decision = decide(snapshot)
        if self.decision is None or decision.launch > 0 or decision.reason != self.decision.reason:
            log.debug("pacing.decided", campaign_id=self.row.id, launch=decision.launch, reason=decision.reason)
        self.decision = decision
        return decision

    def _reserve_beforehand(self, lead: ClaimedLead) -> AgentReserved | None:
        conversation = Conversation(lead, self.rules)
        if lead.promised_agent is not None:
            return self._floor.reserve_for(lead.promised_agent, conversation)
        kept = self._floor.kept(self.row.id)
        free = next((agent for agent in self._floor.free(self.row.id) if agent not in kept), None)
        return None if free is None else self._floor.reserve_for(free, conversation)

    async def _intend_and_place(
        self, chosen: Sequence[tuple[ClaimedLead, AgentReserved | None]], pacing: dict[str, Any]
    ) -> None:
        rules = self.rules
        node_incarnation = self._incarnation()
        chosen = self._permitted(chosen)
        if not chosen:
            return
        orders = [IntentOrder(lead.attempt, reserved.agent if reserved else None) for lead, reserved in chosen]
        try:
            intents = await self._parts.dial_store.intend(
                self._engine,
                self._parts.node,
                node_incarnation,
                rules.max_attempts,
                rules.max_promise_attempts,
                rules.max_uncounted_per_day,
                orders,
            )
        except BaseException:
            for _lead, reserved in chosen:
                self._release(reserved)
            self._doubtful.extend(lead for lead, _reserved in chosen)
            raise
        verdicts = {intent.attempt: intent for intent in intents}
        for lead, reserved in chosen:
            intent = verdicts.get(lead.attempt)
            if intent is None or intent.blocked_by is not None:
                log.info("intent.blocked", attempt_id=lead.attempt, rule=intent.blocked_by if intent else "missing")
                self._release(reserved)
            else:
                self._place(lead, intent, reserved, pacing, node_incarnation)

    def _permitted(
        self, chosen: Sequence[tuple[ClaimedLead, AgentReserved | None]]
    ) -> Sequence[tuple[ClaimedLead, AgentReserved | None]]:
        """Those whose numbers the rules, as they are now, allow; the others are called no more."""
        permitted: list[tuple[ClaimedLead, AgentReserved | None]] = []
        for lead, reserved in chosen:
            # An erased number has no digits: the intent statement ends its lead as do-not-call.
            rule = forbidden_by(self.rules, lead.number) if lead.number else None
            if rule is None:
                permitted.append((lead, reserved))
            else:
                log.warning("number.forbidden", attempt_id=lead.attempt, rule=rule)
                self._release(reserved)
                self._executor.close_undialled(blocked(self._undialled(lead), rule))
        return permitted

    def _release(self, reserved: AgentReserved | None) -> None:
        if reserved is not None:
            self._floor.release(reserved.agent, talked=False)

    def _place(
        self,
        lead: ClaimedLead,
        intent: Intent,
        reserved: AgentReserved | None,
        pacing: dict[str, Any],
        node_incarnation: str,
    ) -> None:
        context = CallContext(
            lead=lead,
            intent=intent,
            campaign=self.row,
            rules=self.rules,
            engine=self._engine,
            node=self._parts.node,
            node_incarnation=node_incarnation,
            pacing=pacing,
        )
        actor = CallActor(context, self._executor, self._parts.clock, reserved)
        self._calls.add(actor)
        # Between the commit and the order the lease may have run out, or the switch gone.
        now = self._parts.clock.monotonic()
        trusted = now < self._trusted_until and not self._closing
        if trusted and self._gate is not None and self._parts.telephony.is_up:
            self._launches.add(now)
            self._placed += 1
            self._executor.place(actor, self._gate)
        else:
            actor.deliver(OriginateRefused(self._parts.clock.now()))

    async def _settle_doubtful(self) -> None:
        """Leads whose intent was asked for without an answer: a time-out is not a rollback, so the rows
        are read by writing. Those still claimed go back; those with an intent were never dialled."""
        if not self._doubtful:
            return
        await self._parts.dial_store.unclaim([lead.attempt for lead in self._doubtful])
        await self._parts.dial_store.finish([self._undialled(lead) for lead in self._doubtful])
        self._doubtful.clear()

    def _undialled(self, lead: ClaimedLead) -> AttemptFinal:
        now = self._parts.clock.now()
        return not_placed(lead, now, self.row, self.rules, self._engine, self._parts.node, self._incarnation())
