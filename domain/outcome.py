"""What the network did with an attempt (outcome), and the words used beside it.

The outcome is immutable and separate from the agent's disposition.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    ANSWERED = "ANSWERED"  # bridged to an agent
    NO_ANSWER = "NO_ANSWER"  # rang, nobody took it
    BUSY = "BUSY"
    REJECTED = "REJECTED"  # declined by the person
    UNREACHABLE = "UNREACHABLE"  # phone off, absent subscriber
    INVALID_NUMBER = "INVALID_NUMBER"  # unallocated, changed, incomplete
    BARRED = "BARRED"  # route or credentials refused: not the lead's fault
    TRUNK_FAIL = "TRUNK_FAIL"  # congestion or failure of trunk, switch or carrier
    NO_RESPONSE = "NO_RESPONSE"  # no provisional reply at all: trunk trouble
    CUSTOMER_HUNG_EARLY = "CUSTOMER_HUNG_EARLY"  # answered, left before the limit, no agent yet
    ABANDONED = "ABANDONED"  # answered, no agent within the limit
    AGENT_MISSED = "AGENT_MISSED"  # the reserved agent's leg was lost: counts as abandoned
    ENGINE_CANCEL = "ENGINE_CANCEL"  # cancelled by the engine before any answer (shutdown)
    NOT_PLACED = "NOT_PLACED"  # intent without a call: refused or never sent
    BLOCKED_DNC = "BLOCKED_DNC"
    NODE_LOST = "NODE_LOST"  # Asterisk died or restarted under the call
    UNKNOWN = "UNKNOWN"  # the end was not seen


class HangupBy(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    ENGINE = "engine"
    TIMEOUT = "timeout"
    NETWORK = "network"


class Temperature(StrEnum):
    COLD = "cold"
    WARM = "warm"
    HOT = "hot"


#: Place in the dial queue; a due promise goes before everything.
PROMISE_PRIORITY = 0
PRIORITY = {Temperature.HOT: 1, Temperature.WARM: 2, Temperature.COLD: 3}


class LeadState(StrEnum):
    QUEUED = "queued"  # has a row in dial_queue (due now or later)
    INFLIGHT = "inflight"
    WRAPUP = "wrapup"  # talked to an agent; the disposition decides what follows
    WON = "won"
    REFUSED = "refused"
    OFF_TARGET = "off_target"
    EXHAUSTED = "exhausted"  # attempts used up
    DEAD = "dead"  # the number does not exist
    DNC = "dnc"
    BLOCKED = "blocked"  # e.g. its time zone is unknown
    DONE = "done"  # ended by an agent for another reason


class AgentState(StrEnum):
    OFFLINE = "offline"
    CONNECTING = "connecting"  # the leg is being dialled
    READY = "ready"
    RESERVED = "reserved"  # a customer is promised to the agent
    TALKING = "talking"
    WRAPUP = "wrapup"
    PAUSED = "paused"
