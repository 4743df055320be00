"""What an agent may say of a conversation: one row of the table of disposition kinds."""

from __future__ import annotations

from dataclasses import dataclass

from domain.outcome import LeadState


@dataclass(frozen=True, slots=True)
class DispositionKind:
    """The flags drive rules and KPIs; the code is only a name.

    promise: needs a due time. lead_state: the lead's final state; None: the rules decide (retry or promise).
    """

    code: str
    label: str
    contact: bool
    decision_maker: bool
    on_target: bool
    goal: bool
    sale: bool
    refused: bool
    promise: bool
    dnc: bool
    lead_state: LeadState | None


#: The one promise that belongs to the agent who made it.
PERSONAL_PROMISE = "CALLBACK_PERSONAL"
