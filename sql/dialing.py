"""PgDialStore: the dial queue, calls in flight, and what becomes of leads (domain.stores.DialStore)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from domain.disposition import PERSONAL_PROMISE
from domain.errors import AlreadyExists, BadInput, NotFound
from domain.i18n import _
from domain.ids import AgentId, AttemptId, CampaignId, EngineId, LeadId, ListId, NumberId, PromiseId
from domain.outcome import LeadState, Outcome, Temperature
from domain.records import (
    AttemptFinal,
    ClaimedLead,
    Disposition,
    Intent,
    IntentOrder,
    LeadCard,
    LeadCounters,
    NextStep,
)
from sql.catalog import load
from sql.errors import translated

_SQL = load("dialing")
_WHERE = "the dialler's database"

#: For a campaign whose rules name none, seconds.
PROMISE_TOLERANCE_S = 900.0
#: Proposed for a call whose end nobody saw; whoever asked for the leftovers applies the campaign's rules.
LEFTOVER_RETRY_S = 3600.0


class PgDialStore:
    """promise_tolerance_s: a promise counts as kept if it was tried within so many seconds of its due time;
    a campaign's own rule `promise_tolerance_s` goes before it."""

    def __init__(self, pool: asyncpg.Pool, *, promise_tolerance_s: float = PROMISE_TOLERANCE_S) -> None:
        self._pool = pool
        self._promise_tolerance_s = promise_tolerance_s

    async def claim(
        self, campaign: CampaignId, engine: EngineId, limit: int, free_agents: Collection[AgentId]
    ) -> Sequence[ClaimedLead]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["claim"], campaign, engine, limit, list(free_agents))
        return [_claimed(row) for row in rows]

    async def promised_agents(self, campaign: CampaignId) -> Collection[AgentId]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["promised_agents"], campaign)
        return frozenset(AgentId(row["agent_id"]) for row in rows)

    async def unclaim(self, attempts: Collection[AttemptId]) -> None:
        with translated(_WHERE):
            await self._pool.execute(_SQL["unclaim"], list(attempts))

    async def release_claims(self, campaign: CampaignId, engine: EngineId, keep: Collection[AttemptId]) -> int:
        with translated(_WHERE):
            return int(await self._pool.fetchval(_SQL["release_claims"], campaign, engine, list(keep)))

    async def intend(
        self,
        engine: EngineId,
        node: str,
        node_incarnation: str,
        max_counted: int,
        max_promise: int,
        max_uncounted_per_day: int,
        orders: Sequence[IntentOrder],
    ) -> Sequence[Intent]:
        """One answer per order, in their order. Besides the rules of Intent.blocked_by: agent_busy, for an
        order whose reserved agent already has a call."""
        with translated(_WHERE):
            rows = await self._pool.fetch(
                _SQL["intend"],
                engine,
                node,
                node_incarnation,
                max_counted,
                max_promise,
                max_uncounted_per_day,
                [order.attempt for order in orders],
                [order.agent for order in orders],
            )
        return [
            Intent(AttemptId(row["attempt_id"]), row["blocked_by"], row["at"], row["rules_version"]) for row in rows
        ]

    async def finish(self, finals: Sequence[AttemptFinal]) -> None:
        """Raises BadInput for finals that contradict themselves; all the others are written."""
        if not finals:
            return
        try:
            await self._finish(finals)
        except asyncpg.IntegrityConstraintViolationError:
            if len(finals) == 1:
                raise BadInput(
                    _("Attempt {attempt} ({outcome}) contradicts itself and was not written.").format(
                        attempt=finals[0].attempt, outcome=finals[0].outcome
                    )
                ) from None
            await self._finish_one_by_one(finals)

    async def _finish_one_by_one(self, finals: Sequence[AttemptFinal]) -> None:
        refused: list[str] = []
        for final in finals:
            try:
                await self.finish([final])
            except BadInput:
                refused.append(str(final.attempt))
        if refused:
            raise BadInput(
                _("Attempts that contradict themselves were not written: {attempts}.").format(
                    attempts=", ".join(refused)
                )
            )

    async def _finish(self, finals: Sequence[AttemptFinal]) -> None:
        with translated(_WHERE):
            await self._pool.execute(
                _SQL["finish"], [_final_document(final) for final in finals], self._promise_tolerance_s
            )

    async def record_disposition(self, disposition: Disposition, step: NextStep) -> None:
        """Raises AlreadyExists (the attempt has its disposition), BadInput (unknown code, a missing or needless
        due time, a lead that cannot be queued) or NotFound (no such lead)."""
        try:
            with translated(_WHERE):
                async with self._pool.acquire() as connection, connection.transaction():
                    await _record_disposition(connection, disposition, step)
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                _("Attempt {attempt} has its disposition already.").format(attempt=disposition.attempt)
            ) from None
        except asyncpg.ForeignKeyViolationError:
            raise NotFound(_("There is no lead {lead}.").format(lead=disposition.lead)) from None

    async def leftovers(self, engine: EngineId) -> Sequence[AttemptFinal]:
        """Claims that gone engines never used go back to the queue on the way. The step is only proposed."""
        with translated(_WHERE):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_SQL["release_stale"], engine)
                rows = await connection.fetch(_SQL["leftovers"], engine)
        return [_leftover(row) for row in rows]

    async def queue_depth(self, campaign: CampaignId) -> tuple[int, datetime | None]:
        with translated(_WHERE):
            row = await self._pool.fetchrow(_SQL["queue_depth"], campaign)
        return row["due"], row["next_at"]

    async def lead_states(self, campaign: CampaignId) -> dict[LeadState, int]:
        with translated(_WHERE):
            rows = await self._pool.fetch(_SQL["lead_states"], campaign)
        return {LeadState(row["state"]): row["leads"] for row in rows}

    async def lead_card(self, lead: LeadId) -> LeadCard:
        """Raises NotFound."""
        with translated(_WHERE):
            row = await self._pool.fetchrow(_SQL["lead_card"], lead)
        if row is None:
            raise NotFound(_("There is no lead {lead}.").format(lead=lead))
        return LeadCard(lead, row["name"], row["company"], row["city"], row["number"], row["extra"])


async def _record_disposition(connection: asyncpg.Connection, said: Disposition, step: NextStep) -> None:
    kind = await connection.fetchrow(_SQL["disposition_kind"], said.code)
    if kind is None:
        raise BadInput(_("There is no disposition {code}.").format(code=said.code))
    if kind["promise"] and said.due_at is None:
        raise BadInput(_("The disposition {code} needs the time of the promised call.").format(code=said.code))
    if said.due_at is not None and not kind["promise"]:
        raise BadInput(_("The disposition {code} promises no call: leave out its time.").format(code=said.code))
    await connection.execute(
        _SQL["insert_disposition"],
        said.attempt,
        said.lead,
        said.campaign,
        said.agent,
        said.code,
        said.note,
        said.at,
    )
    promise = await _settle_promise(connection, said, step)
    lead = await connection.fetchrow(
        _SQL["step_lead"], said.lead, step.state, step.conversation, said.due_at is not None
    )
    if step.conversation:
        await connection.execute(_SQL["reset_number"], lead["number_id"])
    if kind["dnc"]:
        await connection.execute(_SQL["never_call"], lead["number_id"], said.campaign, said.code, said.agent)
    await connection.execute(_SQL["leave_queue"], said.lead)
    if step.state is LeadState.QUEUED:
        if lead["zone_set_id"] is None or step.due_at is None or step.priority is None:
            raise BadInput(
                _("Lead {lead} cannot be queued: its time zone, due time or priority is unknown.").format(
                    lead=said.lead
                )
            )
        await connection.execute(
            _SQL["enqueue"],
            said.campaign,
            lead["zone_set_id"],
            step.priority,
            step.due_at,
            said.lead,
            lead["number_id"],
            step.agent,
            step.agent_until,
            step.needs_agent,
            promise,
        )


async def _settle_promise(connection: asyncpg.Connection, said: Disposition, step: NextStep) -> PromiseId | None:
    """The open promise's end, and the new one's id; without a new one, the promise that the step goes on with."""
    if said.due_at is None:
        if step.state is not LeadState.QUEUED:
            await connection.execute(_SQL["close_promise"], said.lead, "cancelled", said.at)
        return step.promise
    await connection.execute(_SQL["close_promise"], said.lead, "moved", said.at)
    made = await connection.fetchval(
        _SQL["make_promise"],
        said.lead,
        said.campaign,
        said.agent if said.code == PERSONAL_PROMISE else None,
        said.agent,
        said.attempt,
        said.due_at,
        said.at,
    )
    return PromiseId(made)


def _claimed(row: asyncpg.Record) -> ClaimedLead:
    return ClaimedLead(
        attempt=AttemptId(row["attempt_id"]),
        lead=LeadId(row["lead_id"]),
        number_id=NumberId(row["number_id"]),
        number=row["number"],
        campaign=CampaignId(row["campaign_id"]),
        list=ListId(row["list_id"]),
        temperature=Temperature(row["temperature"]),
        priority=row["priority"],
        due_at=row["due_at"],
        promised_agent=None if row["promised_agent_id"] is None else AgentId(row["promised_agent_id"]),
        needs_agent=row["needs_agent"],
        promise=None if row["promise_id"] is None else PromiseId(row["promise_id"]),
        counters=LeadCounters(
            counted=row["counted_attempts"],
            number_counted=row["number_counted"],
            promise=row["promise_attempts"],
            uncounted_today=row["uncounted_today"],
            same_outcome_run=row["same_outcome_run"],
            last_outcome=None if row["last_outcome"] is None else Outcome(row["last_outcome"]),
        ),
    )


def _leftover(row: asyncpg.Record) -> AttemptFinal:
    return AttemptFinal(
        attempt=AttemptId(row["attempt_id"]),
        lead=LeadId(row["lead_id"]),
        number_id=NumberId(row["number_id"]),
        campaign=CampaignId(row["campaign_id"]),
        list=ListId(row["list_id"]),
        temperature=Temperature(row["temperature"]),
        agent=None if row["agent_id"] is None else AgentId(row["agent_id"]),
        promise=None if row["promise_id"] is None else PromiseId(row["promise_id"]),
        outcome=Outcome.UNKNOWN,
        counted=True,  # it may have rung: better one call too few
        started_at=row["intent_at"],
        ringing_at=None,
        answered_at=None,
        bridged_at=None,
        ended_at=row["now"],
        sip_code=None,
        q850=None,
        hangup_by=None,
        message_heard=None,
        trunk=row["trunk"],
        node=row["node"],
        node_incarnation=row["node_incarnation"],
        engine=EngineId(row["engine_id"]),
        rules_version=row["rules_version"],
        next=NextStep(
            LeadState.QUEUED,
            due_at=row["now"] + timedelta(seconds=LEFTOVER_RETRY_S),
            priority=row["priority"],
            needs_agent=row["needs_agent"],
            promise=None if row["promise_id"] is None else PromiseId(row["promise_id"]),
            rule="its end was not seen",
        ),
    )


def _final_document(final: AttemptFinal) -> dict[str, Any]:
    step = final.next
    return {
        "attempt_id": final.attempt,
        "temperature": final.temperature,
        "agent_id": final.agent,
        "outcome": final.outcome,
        "counted": final.counted,
        "started_at": final.started_at.isoformat(),
        "ringing_at": _text(final.ringing_at),
        "answered_at": _text(final.answered_at),
        "bridged_at": _text(final.bridged_at),
        "ended_at": final.ended_at.isoformat(),
        "sip_code": final.sip_code,
        "q850": final.q850,
        "hangup_by": final.hangup_by,
        "message_heard": final.message_heard,
        "trunk": final.trunk,
        "node": final.node,
        "node_incarnation": final.node_incarnation,
        "engine_id": final.engine,
        "rules_version": final.rules_version,
        "pacing": final.pacing,
        "next_state": step.state,
        "next_due_at": _text(step.due_at),
        "next_priority": step.priority,
        "next_agent_id": step.agent,
        "next_agent_until": _text(step.agent_until),
        "next_needs_agent": step.needs_agent,
        "next_promise_id": step.promise,
        "conversation": step.conversation,
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
