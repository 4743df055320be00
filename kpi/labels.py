"""The names of figures, denominators, outcomes and states, in the reader's language."""

from __future__ import annotations

from domain.i18n import _
from domain.outcome import LeadState, Outcome


def figure_label(key: str) -> str:
    """The name of a figure; a key nobody knows is its own name."""
    return {
        "dials": _("Dials"),
        "calls_handled": _("Calls handled"),
        "asr": _("Answered dials (ASR)"),
        "human_asr": _("Dials answered by a person"),
        "trunk_fault_rate": _("Trunk faults"),
        "abandon_rate": _("Abandoned, of persons"),
        "abandon_rate_of_answered": _("Abandoned, of answered"),
        "abandon_rate_of_dials": _("Abandoned, of dials"),
        "abandon_rate_estimated": _("Abandoned, machines estimated"),
        "answer_to_bridge_p50": _("Answer to agent, median"),
        "answer_to_bridge_p95": _("Answer to agent, 95 %"),
        "acd": _("Average talk (ACD)"),
        "acd_literal": _("Average call, unanswered included"),
        "aht": _("Average handle time (AHT)"),
        "attempts_per_contact": _("Attempts per contact"),
        "conversion": _("Conversion"),
        "leads_processed": _("Leads processed"),
        "answered_rate": _("Leads that answered"),
        "person_rate": _("Leads where a person answered"),
        "not_attempted": _("Leads not attempted"),
        "penetration": _("Penetration"),
        "decision_makers": _("Decision makers reached"),
        "on_target_rate": _("On target"),
        "no_result_rate": _("Without result"),
        "refused_rate": _("Refused"),
        "interested_rate": _("Interested"),
        "applications": _("Applications"),
        "sales": _("Sales"),
        "turnover": _("Base turnover"),
        "occupancy": _("Occupancy"),
        "idle_rate": _("Idle"),
        "average_wait": _("Agent's average wait"),
        "promises_kept": _("Promises kept"),
        "promises_broken": _("Promises broken or late"),
    }.get(key, key)


def denominator_label(of: str) -> str:
    """What a denominator counts."""
    return {
        "attempts": _("attempts"),
        "leads": _("leads processed"),
        "dials": _("dials"),
        "handled": _("handled calls"),
        "persons": _("answered by a person"),
        "persons_estimated": _("persons, estimated"),
        "connected": _("answered"),
        "conversations": _("conversations"),
        "accepted": _("leads accepted"),
        "leads_contact": _("leads contacted"),
        "leads_on_target": _("leads on target"),
        "working_seconds": _("seconds worked"),
        "talks": _("talks"),
        "promises_charged": _("promises due"),
    }.get(of, of)


def outcome_label(outcome: Outcome) -> str:
    """What the network did."""
    return {
        Outcome.ANSWERED: _("Talked to an agent"),
        Outcome.NO_ANSWER: _("No answer"),
        Outcome.BUSY: _("Busy"),
        Outcome.REJECTED: _("Declined"),
        Outcome.UNREACHABLE: _("Unreachable"),
        Outcome.INVALID_NUMBER: _("Number does not exist"),
        Outcome.BARRED: _("Barred by the route"),
        Outcome.TRUNK_FAIL: _("Trunk failed"),
        Outcome.NO_RESPONSE: _("No response from the network"),
        Outcome.CUSTOMER_HUNG_EARLY: _("Customer hung up at once"),
        Outcome.ABANDONED: _("Abandoned: no agent in time"),
        Outcome.AGENT_MISSED: _("Abandoned: the agent's line was lost"),
        Outcome.ENGINE_CANCEL: _("Cancelled by the dialler"),
        Outcome.NOT_PLACED: _("Not placed"),
        Outcome.BLOCKED_DNC: _("Blocked: do not call"),
        Outcome.NODE_LOST: _("Switch lost during the call"),
        Outcome.UNKNOWN: _("End not seen"),
    }[outcome]


def disposition_label(code: str | None, label: str) -> str:
    """What the agent said; label: English, as the table of kinds has it."""
    return _("No result recorded") if code is None else _(label) or code


def state_label(state: LeadState) -> str:
    """Where a lead stands."""
    return {
        LeadState.QUEUED: _("Queued"),
        LeadState.INFLIGHT: _("Being called"),
        LeadState.WRAPUP: _("In wrap-up"),
        LeadState.WON: _("Won"),
        LeadState.REFUSED: _("Refused"),
        LeadState.OFF_TARGET: _("Off target"),
        LeadState.EXHAUSTED: _("Attempts used up"),
        LeadState.DEAD: _("Dead number"),
        LeadState.DNC: _("Do not call"),
        LeadState.BLOCKED: _("Blocked"),
        LeadState.DONE: _("Done"),
    }[state]
