"""Performs what calls ask for. Nothing here waits: work that talks to the switch runs beside the call,
and its result returns to the call as an event."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, assert_never

import structlog

from campaigns.rules import CampaignRules, after_attempt
from dialer.call import CallState
from dialer.call_actor import CallActor
from dialer.floor import Conversation, Floor
from dialer.tasks import Tasks
from dialer.writer import Writer
from domain.clock import Clock
from domain.commands import (
    BridgeCustomer,
    CancelTimer,
    Command,
    ConversationBegan,
    FinishAttempt,
    HangUp,
    PlayMessage,
    ReleaseAgent,
    RequestAgent,
    StartTimer,
    WithdrawRequest,
)
from domain.errors import DialerError, InDoubt, TelephonyError, Unavailable
from domain.events import BridgeFailed, CallEvent, OriginateRefused, PlaybackEnded
from domain.ids import AttemptId, CampaignId, EngineId, message_playback
from domain.outcome import HangupBy, LeadState, Outcome
from domain.ports import OriginateOrder, Telephony
from domain.records import AttemptFinal, CampaignRow, ClaimedLead, NextStep

log = structlog.get_logger()

#: Seconds after an unanswered originate order before its absence counts as proof: bytes that are
#: already in the switch's socket may still dial.
QUIET_S = 3.0
#: Between two tries of what the switch did not take although the call needs it, seconds.
RETRY_S = 1.0
#: The longest conversation, seconds: the dead man's switch of a bridged call.
LONGEST_CALL_S = 4 * 3600


class Recorder(Protocol):
    def start(self, attempt: AttemptId, campaign: CampaignId, channel: str) -> None: ...

    def finish(self, attempt: AttemptId) -> None: ...

    def discard(self, channel: str) -> None: ...


class FinishedCalls(Protocol):
    def call_finished(self, actor: CallActor, final: AttemptFinal) -> None: ...


class Executor:
    def __init__(
        self,
        telephony: Telephony,
        floor: Floor,
        writer: Writer,
        recorder: Recorder,
        clock: Clock,
        tasks: Tasks,
        finished: FinishedCalls,
    ) -> None:
        self._telephony = telephony
        self._floor = floor
        self._writer = writer
        self._recorder = recorder
        self._clock = clock
        self._tasks = tasks
        self._finished = finished

    def place(self, actor: CallActor, endpoint: str) -> None:
        """Order the call. It has its intent already, so the order is given at most once."""
        self._tasks.spawn(self._originate(actor, endpoint), name="originate")

    def close_undialled(self, final: AttemptFinal) -> None:
        """Write the row of a lead that was claimed, or had its intent, and certainly was not dialled."""
        self._writer.put(final)

    def perform(self, actor: CallActor, command: Command) -> None:
        match command:
            case RequestAgent():
                reserved = self._floor.request(Conversation(actor.context.lead, actor.context.rules))
                if reserved is not None:
                    actor.deliver(reserved)
            case WithdrawRequest():
                self._floor.withdraw(actor.context.lead.attempt)
            case BridgeCustomer(bridge=bridge):
                self._spawn(self._bridge(actor, bridge), actor, BridgeFailed(self._clock.now()))
            case ConversationBegan(agent=agent):
                self._floor.conversation_began(agent)
                lead = actor.context.lead
                self._recorder.start(lead.attempt, lead.campaign, actor.call.channel)
                self._tasks.spawn(self._bound_length(actor), name="bound-length")
            case ReleaseAgent(agent=agent, talked=talked):
                self._floor.release(agent, talked=talked)
            case PlayMessage():
                playback = message_playback(actor.context.lead.attempt)
                failed = PlaybackEnded(playback, heard=False, at=self._clock.now())
                self._spawn(self._play_message(actor, playback), actor, failed)
            case HangUp():
                self._tasks.spawn(self._hang_up(actor), name="hang-up")
            case FinishAttempt():
                self._finish(actor)
            case StartTimer() | CancelTimer():
                raise AssertionError("timers belong to the actor")
            case _:
                assert_never(command)

    def _spawn(self, work: Coroutine[Any, Any, None], actor: CallActor, failed: CallEvent) -> None:
        """A task that crashes, in whatever way, is told to its call: the call must not wait for it."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                actor.deliver(failed)

        self._tasks.spawn(work, name=type(failed).__name__).add_done_callback(ended)

    # ---- the switch ------------------------------------------------------------------------------

    async def _originate(self, actor: CallActor, endpoint: str) -> None:
        context = actor.context
        order = OriginateOrder(
            channel=actor.call.channel,
            endpoint=f"PJSIP/{context.lead.number}@{endpoint}",
            ring_timeout_s=context.rules.ring_timeout_s,
            absolute_timeout_s=context.rules.ring_timeout_s + 15,
            caller_id=context.campaign.caller_id,
            role="customer",
            record=True,
        )
        try:
            await self._telephony.originate(order)
        except InDoubt:
            log.warning("originate.in_doubt", attempt_id=context.lead.attempt)
            await self._settle_doubt(actor)
        except (TelephonyError, Unavailable) as error:
            log.warning("originate.refused", attempt_id=context.lead.attempt, error=type(error).__name__)
            actor.deliver(OriginateRefused(self._clock.now()))
        except Exception:
            log.exception("originate.crashed", attempt_id=context.lead.attempt)
            await self._settle_doubt(actor)

    async def _settle_doubt(self, actor: CallActor) -> None:
        """The order may have been carried out or not: only the switch knows, and it is asked, not told again."""
        await asyncio.sleep(QUIET_S)
        try:
            snapshot = await self._telephony.snapshot()
        except DialerError:
            return  # the link is down; the look-round after its return settles it
        if actor.call.channel not in {channel.channel for channel in snapshot.channels}:
            actor.deliver(OriginateRefused(self._clock.now()))

    async def _bridge(self, actor: CallActor, bridge: str) -> None:
        try:
            await self._telephony.add_to_bridge(bridge, actor.call.channel)
        except DialerError as error:
            log.warning("bridge.failed", attempt_id=actor.context.lead.attempt, error=type(error).__name__)
            actor.deliver(BridgeFailed(self._clock.now()))

    async def _bound_length(self, actor: CallActor) -> None:
        # Until it is done the dead man's switch of an unanswered call would cut the conversation.
        while actor.call.state is CallState.TALKING:
            try:
                await self._telephony.set_variable(actor.call.channel, "TIMEOUT(absolute)", str(LONGEST_CALL_S))
                return
            except (InDoubt, Unavailable) as error:
                log.debug("call.not_bounded", attempt_id=actor.context.lead.attempt, error=type(error).__name__)
            except TelephonyError:
                return  # the call is over already
            await asyncio.sleep(RETRY_S)

    async def _play_message(self, actor: CallActor, playback: str) -> None:
        attempt = actor.context.lead.attempt
        media = actor.context.campaign.abandon_message
        try:
            if media is None:
                raise TelephonyError
            await self._telephony.play(actor.call.channel, playback, media)
        except DialerError as error:
            log.warning("message.not_played", attempt_id=attempt, error=type(error).__name__)
            actor.deliver(PlaybackEnded(playback, heard=False, at=self._clock.now()))

    async def _hang_up(self, actor: CallActor) -> None:
        while not actor.ended:
            try:
                await self._telephony.hang_up(actor.call.channel)
                return
            except DialerError as error:
                log.warning("hangup.failed", attempt_id=actor.context.lead.attempt, error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    # ---- the end -----------------------------------------------------------------------------------

    def _finish(self, actor: CallActor) -> None:
        final = attempt_final(actor, self._clock.now())
        self._writer.put(final)
        self._finished.call_finished(actor, final)
        if actor.call.bridged_at is not None:
            self._recorder.finish(final.attempt)
        elif actor.call.answered_at is not None:
            # The switch recorded from the answer on, and there was no conversation.
            self._recorder.discard(actor.call.channel)


def attempt_final(actor: CallActor, now: datetime) -> AttemptFinal:
    """The row of a call that has ended."""
    call, context = actor.call, actor.context
    lead = context.lead
    assert call.outcome is not None
    assert call.ended_at is not None
    started_at = context.intent.at
    times = _in_order(started_at, call.ringing_at, call.answered_at, call.bridged_at, call.ended_at)
    ringing_at, answered_at, bridged_at, ended_at = times
    assert ended_at is not None
    return AttemptFinal(
        attempt=lead.attempt,
        lead=lead.lead,
        number_id=lead.number_id,
        campaign=lead.campaign,
        list=lead.list,
        temperature=lead.temperature,
        agent=call.talked_to,
        promise=lead.promise,
        outcome=call.outcome,
        counted=call.counted,
        started_at=started_at,
        ringing_at=ringing_at,
        answered_at=answered_at,
        bridged_at=bridged_at,
        ended_at=ended_at,
        sip_code=call.sip_code,
        q850=call.q850,
        hangup_by=call.hangup_by,
        message_heard=call.message_heard if call.message_played else None,
        trunk=context.campaign.trunk,
        node=context.node,
        node_incarnation=context.node_incarnation,
        engine=context.engine,
        rules_version=context.intent.rules_version,
        next=after_attempt(context.rules, lead, call.outcome, call.counted, now),
        pacing=context.pacing,
    )


def not_placed(
    lead: ClaimedLead,
    now: datetime,
    campaign: CampaignRow,
    rules: CampaignRules,
    engine: EngineId,
    node: str,
    node_incarnation: str,
) -> AttemptFinal:
    """The row of an intent that certainly never became an order to the switch."""
    return AttemptFinal(
        attempt=lead.attempt,
        lead=lead.lead,
        number_id=lead.number_id,
        campaign=lead.campaign,
        list=lead.list,
        temperature=lead.temperature,
        agent=None,
        promise=lead.promise,
        outcome=Outcome.NOT_PLACED,
        counted=False,
        started_at=now,
        ringing_at=None,
        answered_at=None,
        bridged_at=None,
        ended_at=now,
        sip_code=None,
        q850=None,
        hangup_by=HangupBy.ENGINE,
        message_heard=None,
        trunk=campaign.trunk,
        node=node,
        node_incarnation=node_incarnation,
        engine=engine,
        rules_version=campaign.rules_version,
        next=after_attempt(rules, lead, Outcome.NOT_PLACED, False, now),
    )


def blocked(final: AttemptFinal, rule: str) -> AttemptFinal:
    """The same for a number that a rule forbids: its lead is not called any more."""
    return replace(final, next=NextStep(LeadState.BLOCKED, rule=rule), pacing={"blocked_by": rule})


def _in_order(start: datetime, *times: datetime | None) -> list[datetime | None]:
    """The switch stamps whole milliseconds and the database microseconds: no time before the one before it."""
    ordered: list[datetime | None] = []
    latest = start
    for at in times:
        if at is not None:
            latest = max(latest, at)
        ordered.append(latest if at is not None else None)
    return ordered
