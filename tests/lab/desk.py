"""The product's adapters at a lab, for the tests of this category."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ami.settings import AmiSettings
from ari.settings import AriSettings
from ari.telephony import AriTelephony
from domain.events import ChannelAnswered, ChannelEnteredBridge, LinkUp
from domain.ids import AgentId, AttemptId, ShiftId, agent_bridge, agent_channel, customer_channel
from domain.ports import OriginateOrder
from lab.network import Lab

PREFIX = "7900555"
attempts = itertools.count(1)
epochs = itertools.count(1)


def ari_settings(lab: Lab, **changes: Any) -> AriSettings:
    known = AriSettings(
        lab.ari.base_url,
        lab.ari.user,
        lab.ari.secret,
        lab.ari.app,
        heartbeat_s=0.5,
        request_timeout_s=2.0,
        backoff_min_s=0.05,
        backoff_max_s=0.2,
    )
    return replace(known, **changes)


def ami_settings(lab: Lab, **changes: Any) -> AmiSettings:
    known = AmiSettings(
        lab.ami.host,
        lab.ami.port,
        lab.ami.user,
        lab.ami.secret,
        ping_interval_s=0.3,
        action_timeout_s=1.0,
        backoff_min_s=0.05,
        backoff_max_s=0.2,
    )
    return replace(known, **changes)


class Desk:
    """A telephony adapter and all it has told."""

    def __init__(self, lab: Lab, telephony: AriTelephony) -> None:
        self.lab = lab
        self.telephony = telephony
        self.events: list[Any] = []
        self.gate = ""

    async def until(self, kind: type, /, **wanted: object) -> Any:
        """The first event of this kind with these values, told already or still to come."""
        at = 0
        async with asyncio.timeout(15):
            while True:
                while at < len(self.events):
                    event = self.events[at]
                    at += 1
                    if isinstance(event, kind) and all(getattr(event, k) == v for k, v in wanted.items()):
                        return event
                self.events.append(await self.telephony.next_event())

    def told(self, channel: str) -> list[Any]:
        return [event for event in self.events if getattr(event, "channel", None) == channel]

    async def dial(self, last: str, *, gate: str | None = None, ring_s: int = 10, **more: Any) -> str:
        channel = customer_channel(AttemptId(next(attempts)))
        endpoint = f"PJSIP/{PREFIX}{last}@{self.gate if gate is None else gate}"
        await self.telephony.originate(OriginateOrder(channel, endpoint, ring_s, 60, "74950000000", "customer", **more))
        return channel

    async def agent(self, number: int) -> tuple[str, str]:
        """An agent's leg, up in its own bridge."""
        names = AgentId(number), ShiftId(next(attempts))
        channel, bridge = agent_channel(*names), agent_bridge(*names)
        endpoint = f"PJSIP/{self.lab.agent_endpoints[number - 1]}"
        await self.telephony.create_bridge(bridge)
        await self.telephony.originate(OriginateOrder(channel, endpoint, 10, 0, "", "agent"))
        await self.until(ChannelAnswered, channel=channel)
        await self.telephony.add_to_bridge(bridge, channel)
        await self.until(ChannelEnteredBridge, channel=channel, bridge=bridge)
        return channel, bridge


@asynccontextmanager
async def desk_at(lab: Lab, **changes: Any) -> AsyncIterator[Desk]:
    telephony = AriTelephony(ari_settings(lab, **changes))
    await telephony.start()
    epoch = next(epochs)
    try:
        desk = Desk(lab, telephony)
        await desk.until(LinkUp)
        desk.gate = await telephony.arm_trunk(lab.trunk, epoch)
        yield desk
        if telephony.is_up:
            for one in (await telephony.snapshot()).channels:
                await telephony.hang_up(one.channel)
            await telephony.disarm_trunk(lab.trunk, epoch)
    finally:
        await telephony.close()
