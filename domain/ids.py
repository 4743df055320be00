"""Identifiers, and the codec between them and Asterisk's channel and bridge names.

Asterisk's clash test for channel ids is a prefix scan (`x-1` is refused while `x-13` lives),
so every name made here has a fixed length.
"""

from __future__ import annotations

import re
from typing import NewType

CampaignId = NewType("CampaignId", int)
ListId = NewType("ListId", int)
LeadId = NewType("LeadId", int)
NumberId = NewType("NumberId", int)
AttemptId = NewType("AttemptId", int)
AgentId = NewType("AgentId", int)
ShiftId = NewType("ShiftId", int)
EngineId = NewType("EngineId", int)
PromiseId = NewType("PromiseId", int)

_ATTEMPT_DIGITS = 12
_AGENT_DIGITS = 6
_SHIFT_DIGITS = 9

_CUSTOMER = re.compile(rf"pd-(\d{{{_ATTEMPT_DIGITS}}})", re.ASCII)
_GATE = re.compile(r"(.+)-e\d{9}", re.ASCII)
_AGENT_LEG = re.compile(rf"ag-(\d{{{_AGENT_DIGITS}}})-(\d{{{_SHIFT_DIGITS}}})")


def customer_channel(attempt: AttemptId) -> str:
    """Channel id of the customer's leg: `pd-<attempt>`, 15 characters."""
    return f"pd-{attempt:0{_ATTEMPT_DIGITS}d}"


def attempt_of(channel: str) -> AttemptId | None:
    """The attempt whose customer leg this channel is; None for any other channel."""
    found = _CUSTOMER.fullmatch(channel)
    return AttemptId(int(found.group(1))) if found else None


def agent_channel(agent: AgentId, shift: ShiftId) -> str:
    """Channel id of an agent's leg, which stays up for the whole shift: `ag-<agent>-<shift>`."""
    return f"ag-{agent:0{_AGENT_DIGITS}d}-{shift:0{_SHIFT_DIGITS}d}"


def agent_bridge(agent: AgentId, shift: ShiftId) -> str:
    """Bridge id of an agent's own bridge: `ab-<agent>-<shift>`."""
    return f"ab-{agent:0{_AGENT_DIGITS}d}-{shift:0{_SHIFT_DIGITS}d}"


def agent_of(channel: str) -> tuple[AgentId, ShiftId] | None:
    """The agent and shift whose leg this channel is; None for any other channel."""
    found = _AGENT_LEG.fullmatch(channel)
    return (AgentId(int(found.group(1))), ShiftId(int(found.group(2)))) if found else None


def is_agent_bridge(bridge: str) -> bool:
    """Whether this is the bridge of some agent's shift."""
    return bridge.startswith("ab-") and agent_of(f"ag-{bridge[3:]}") is not None


def message_playback(attempt: AttemptId) -> str:
    """Playback id of the abandoned-call message played to an attempt's customer."""
    return f"am-{attempt:0{_ATTEMPT_DIGITS}d}"


def attempt_of_playback(playback: str) -> AttemptId | None:
    """The attempt to whose customer this playback speaks; None for any other playback."""
    if playback.startswith("am-") and playback[3:].isdigit() and len(playback) == 3 + _ATTEMPT_DIGITS:
        return AttemptId(int(playback[3:]))
    return None


def trunk_of(endpoint: str) -> str:
    """The trunk of an epoch's endpoint (`<trunk>-e<epoch, 9 digits>`); any other endpoint's own name."""
    found = _GATE.fullmatch(endpoint)
    return found.group(1) if found else endpoint
