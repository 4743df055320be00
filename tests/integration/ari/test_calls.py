"""Whole calls over the adapter, against a scripted switch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import InDoubt
from domain.events import (
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    ChannelHangupRequested,
    ChannelLeftBridge,
    ChannelProgress,
    LinkDown,
    PlaybackEnded,
)
from tests.integration.ari.support import AGENT, CUSTOMER, Sleeper, event, event_of, linked
from tests.support.scripted_switch import Fate, ScriptedSwitch

pytestmark = pytest.mark.integration

_BRIDGE = "ab-000001-000000001"


async def test_call_from_the_order_to_the_end_in_the_switchs_order() -> None:
    async with ScriptedSwitch() as switch, linked(switch.ari) as telephony:
        await telephony.arm_trunk("carrier", 7)
        await telephony.create_bridge(_BRIDGE)
        await telephony.originate(AGENT)
        assert isinstance(await event(telephony), ChannelAnswered)
        await telephony.add_to_bridge(_BRIDGE, AGENT.channel)
        assert isinstance(await event(telephony), ChannelEnteredBridge)
        await telephony.originate(CUSTOMER)
        assert switch.dialled == ["agent101", "79990000001"]
        told = [await event(telephony) for _ in range(3)]
        assert [type(one) for one in told] == [ChannelProgress, ChannelProgress, ChannelAnswered]
        await telephony.add_to_bridge(_BRIDGE, CUSTOMER.channel)
        assert isinstance(await event(telephony), ChannelEnteredBridge)
        await telephony.play(CUSTOMER.channel, "am-000000000001", "sound:hello")
        assert (await event_of(telephony, PlaybackEnded)).heard
        await switch.leave(CUSTOMER.channel)
        told = [await event(telephony) for _ in range(3)]
        assert [type(one) for one in told] == [ChannelHangupRequested, ChannelLeftBridge, ChannelEnded]
        assert [one.channel for one in (await telephony.snapshot()).channels] == [AGENT.channel]


async def test_busy_customer_and_hang_up_by_the_engine_are_told_apart() -> None:
    async with ScriptedSwitch() as switch, linked(switch.ari) as telephony:
        await telephony.arm_trunk("carrier", 7)
        switch.fates["79990000001"] = Fate(rings=False, answers=False, cause=17, code=486)
        await telephony.originate(CUSTOMER)
        requested = await event_of(telephony, ChannelHangupRequested)
        ended = await event_of(telephony, ChannelEnded)
        assert (requested.soft, requested.tech_cause, ended.cause, ended.tech_cause) == (False, 486, 17, 486)
        switch.fates["79990000001"] = Fate(silent=True)
        await telephony.originate(replace(CUSTOMER, channel="pd-000000000002"))
        await telephony.hang_up("pd-000000000002")
        requested = await event_of(telephony, ChannelHangupRequested)
        assert requested.soft
        assert (await event_of(telephony, ChannelEnded)).channel == "pd-000000000002"


async def test_frozen_switch_leaves_the_order_in_doubt_and_the_link_down() -> None:
    async with ScriptedSwitch() as switch, linked(switch.ari, sleep=Sleeper()) as telephony:
        switch.freeze()
        switch.ari.answers["POST", "/channels/[^/]+"] = switch.ari.answers["POST", ".*"]
        with pytest.raises(InDoubt):
            await telephony.originate(AGENT)
        await event_of(telephony, LinkDown)
        assert not telephony.is_up
