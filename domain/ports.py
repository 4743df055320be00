"""What the engine needs of the outside world, named for the need; adapters are named for their technology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.events import TelephonyEvent
from domain.switch import SwitchEvent


@dataclass(frozen=True, slots=True)
class OriginateOrder:
    """One call to one endpoint. The channel id is chosen by the engine; an order is never repeated.

    endpoint: `PJSIP/<number digits>@<trunk endpoint>` or `PJSIP/<agent endpoint>`.
    ring_timeout_s: seconds until Asterisk gives up ringing.
    absolute_timeout_s: dead man's switch, seconds from originate (0 = none).
    caller_id: digits from the campaign's own pool, never from a lead; "" = the endpoint's own.
    role: "customer" goes through the dialplan's orphan guard; "agent" straight into the application.
    record: whether the switch records the customer from the answer on, both sides apart, into the raw file
    `<channel>.raw` of its spool.
    """

    channel: str
    endpoint: str
    ring_timeout_s: int
    absolute_timeout_s: int
    caller_id: str
    role: str
    variables: dict[str, str] = field(default_factory=dict)
    record: bool = False


@dataclass(frozen=True, slots=True)
class ChannelSnapshot:
    channel: str
    up: bool
    bridge: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SwitchSnapshot:
    incarnation: str
    channels: Sequence[ChannelSnapshot]
    bridges: Sequence[str]


class Telephony(Protocol):
    """Call control. Every command has a time-out and raises only TelephonyError or Unavailable."""

    async def next_event(self) -> TelephonyEvent:
        """The next event, in the switch's order, per channel. LinkUp and LinkDown arrive here too."""
        ...

    @property
    def is_up(self) -> bool: ...

    async def originate(self, order: OriginateOrder) -> None:
        """Raises NotPlaced (certain), Clash, InDoubt (may have been placed) or Unavailable (not sent)."""
        ...

    async def hang_up(self, channel: str, *, cause: int = 16) -> None:
        """A channel that is already gone counts as success."""
        ...

    async def create_bridge(self, bridge: str) -> None:
        """A bridge that exists already counts as success."""
        ...

    async def destroy_bridge(self, bridge: str) -> None: ...

    async def add_to_bridge(self, bridge: str, channel: str) -> None:
        """Raises Gone if either no longer exists."""
        ...

    async def play(self, channel: str, playback: str, media: str) -> None: ...

    async def set_variable(self, channel: str, name: str, value: str) -> None: ...

    async def snapshot(self) -> SwitchSnapshot: ...

    async def arm_trunk(self, trunk: str, epoch: int) -> str:
        """Open the outbound gate of a trunk for this epoch; return the endpoint to dial through."""
        ...

    async def disarm_trunk(self, trunk: str, epoch: int) -> None:
        """Close the gate of an epoch: orders that name it are refused by Asterisk from now on."""
        ...


class SwitchEvents(Protocol):
    """A watch over the switch itself. Dialling does not depend on it."""

    async def next_event(self) -> SwitchEvent:
        """The next event, in order. Raises Unavailable or AccessDenied once the watch is over for good."""
        ...


class Trunks(Protocol):
    def trunk_reachable(self, trunk: str) -> bool | None:
        """None: nobody knows. Only False is a reason not to dial."""
        ...
