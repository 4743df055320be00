"""The ARI and AMI adapters on a real Asterisk, with a telephone network behind it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ami.client import AmiClient
from ami.watch import AmiWatch
from ari.telephony import AriTelephony
from domain.errors import AccessDenied, Clash, Gone, NotPlaced
from domain.events import (
    ChannelAnswered,
    ChannelEnded,
    ChannelEnteredBridge,
    ChannelHangupRequested,
    ChannelLeftBridge,
    ChannelProgress,
    PlaybackEnded,
    Progress,
)
from domain.ids import AttemptId, customer_channel, message_playback
from domain.ports import OriginateOrder
from domain.switch import CallOrphaned, Reach, ReachChanged, SwitchBooted
from lab import tones
from lab.network import Lab
from tests.lab.desk import PREFIX, ami_settings, ari_settings, attempts, desk_at, epochs
from tests.lab.probe import cel_rows

pytestmark = pytest.mark.lab


async def test_customer_rings_answers_is_bridged_with_the_agent_and_is_hung_up(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        agent, bridge = await desk.agent(1)
        customer = await desk.dial("1602")
        answered = await desk.until(ChannelAnswered, channel=customer)
        await desk.telephony.add_to_bridge(bridge, customer)
        entered = await desk.until(ChannelEnteredBridge, channel=customer, bridge=bridge)
        assert (entered.at - answered.at).total_seconds() < 1.0
        seen = {one.channel: one for one in (await desk.telephony.snapshot()).channels}
        assert seen[customer].up
        assert seen[customer].bridge == seen[agent].bridge == bridge
        await desk.telephony.hang_up(customer)
        await desk.until(ChannelLeftBridge, channel=customer, bridge=bridge)
        ended = await desk.until(ChannelEnded, channel=customer)
        assert ended.cause == 16
        assert [type(one) for one in desk.told(customer)][:2] == [ChannelProgress, ChannelProgress]
        # The agent's leg stays up for the next customer.
        assert [one.channel for one in (await desk.telephony.snapshot()).channels] == [agent]
        await desk.telephony.hang_up(customer)
        await desk.telephony.destroy_bridge(bridge)


async def test_customer_who_leaves_is_told_with_his_cause(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        customer = await desk.dial("1702")
        await desk.until(ChannelAnswered, channel=customer)
        request = await desk.until(ChannelHangupRequested, channel=customer)
        assert not request.soft
        assert (await desk.until(ChannelEnded, channel=customer)).cause == 16


@pytest.mark.parametrize(("last", "cause", "code"), [("3000", 17, 486), ("4000", 1, 404), ("5000", 34, 503)])
async def test_refused_call_ends_with_the_networks_result_and_was_never_answered(
    lab: Lab, last: str, cause: int, code: int
) -> None:
    async with desk_at(lab) as desk:
        customer = await desk.dial(last)
        ended = await desk.until(ChannelEnded, channel=customer)
        assert (ended.cause, ended.tech_cause) == (cause, code)
        told = [type(one) for one in desk.told(customer)]
        assert ChannelHangupRequested in told
        assert ChannelAnswered not in told


async def test_own_ring_time_out_ends_without_a_hang_up_request(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        customer = await desk.dial("3100", ring_s=1)
        await desk.until(ChannelProgress, channel=customer, kind=Progress.RINGING)
        assert (await desk.until(ChannelEnded, channel=customer)).cause == 19
        assert ChannelHangupRequested not in [type(one) for one in desk.told(customer)]


async def test_early_media_is_told_apart_from_ringing(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        customer = await desk.dial("6000")
        await desk.until(ChannelEnded, channel=customer)
        kinds = [one.kind for one in desk.told(customer) if isinstance(one, ChannelProgress)]
        assert kinds
        assert set(kinds) == {Progress.EARLY_MEDIA}


async def test_message_is_heard_to_its_end_or_not(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        customer = await desk.dial("1900")
        await desk.until(ChannelAnswered, channel=customer)
        heard, cut, missing = (message_playback(AttemptId(next(attempts))) for _ in range(3))
        await desk.telephony.play(customer, missing, "sound:no-such-sound")
        assert not (await desk.until(PlaybackEnded, playback=missing)).heard
        await desk.telephony.play(customer, heard, lab.message_media)
        assert (await desk.until(PlaybackEnded, playback=heard)).heard
        await desk.telephony.play(customer, cut, lab.message_media)
        await desk.telephony.hang_up(customer)
        assert not (await desk.until(PlaybackEnded, playback=cut)).heard
        with pytest.raises(Gone):
            await desk.telephony.play(customer, heard, lab.message_media)


async def test_dead_mans_switch_ends_a_call_that_nobody_takes_care_of(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        channel = customer_channel(AttemptId(next(attempts)))
        endpoint = f"PJSIP/{PREFIX}1900@{desk.gate}"
        await desk.telephony.originate(OriginateOrder(channel, endpoint, 10, 1, "", "customer"))
        answered = await desk.until(ChannelAnswered, channel=channel)
        ended = await desk.until(ChannelEnded, channel=channel)
        assert (ended.at - answered.at).total_seconds() < 3.0


async def test_lifted_dead_mans_switch_lets_the_call_live(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        channel = customer_channel(AttemptId(next(attempts)))
        endpoint = f"PJSIP/{PREFIX}1900@{desk.gate}"
        await desk.telephony.originate(OriginateOrder(channel, endpoint, 10, 1, "", "customer"))
        await desk.until(ChannelAnswered, channel=channel)
        await desk.telephony.set_variable(channel, "TIMEOUT(absolute)", "0")
        await asyncio.sleep(1.5)  # longer than the switch that was lifted
        assert channel in [one.channel for one in (await desk.telephony.snapshot()).channels]


async def test_id_in_use_is_a_clash_and_an_unknown_endpoint_is_not_placed(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        agent, _ = await desk.agent(2)
        again = OriginateOrder(agent, f"PJSIP/{lab.agent_endpoints[1]}", 10, 0, "", "agent")
        with pytest.raises(Clash):
            await desk.telephony.originate(again)
        with pytest.raises(NotPlaced):
            await desk.telephony.originate(replace(again, channel="ag-999999-000000001", endpoint="PJSIP/nobody"))


async def test_disarmed_trunk_lets_no_invite_through_while_another_epoch_still_dials(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        old, new = next(epochs), next(epochs)
        old_gate = await desk.telephony.arm_trunk(lab.trunk, old)
        new_gate = await desk.telephony.arm_trunk(lab.trunk, new)
        before = await desk.dial("1111702", gate=old_gate)
        await desk.until(ChannelEnded, channel=before)
        await desk.telephony.disarm_trunk(lab.trunk, old)
        with pytest.raises(NotPlaced):
            await desk.dial("1121702", gate=old_gate)
        never = f"{lab.trunk}-e{next(epochs):09d}"
        with pytest.raises(NotPlaced):
            await desk.dial("1131702", gate=never)
        after = await desk.dial("1141702", gate=new_gate)
        await desk.until(ChannelEnded, channel=after)
        await desk.telephony.disarm_trunk(lab.trunk, new)
        # The witness is the far side's own log; the calls before and after show that it sees.
        assert await _invites(lab, f"{PREFIX}1141702", wait=True)
        assert await _invites(lab, f"{PREFIX}1111702", wait=True)
        assert not await _invites(lab, f"{PREFIX}1121702")
        assert not await _invites(lab, f"{PREFIX}1131702")


async def _invites(lab: Lab, number: str, *, wait: bool = False) -> bool:
    async with asyncio.timeout(5):
        while not (rows := cel_rows(lab.cel_network, extension=number)) and wait:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
    return bool(rows)


async def test_call_lives_on_when_its_gate_is_closed(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        epoch = next(epochs)
        gate = await desk.telephony.arm_trunk(lab.trunk, epoch)
        agent, bridge = await desk.agent(3)
        customer = await desk.dial("1900", gate=gate)
        await desk.until(ChannelAnswered, channel=customer)
        await desk.telephony.disarm_trunk(lab.trunk, epoch)
        await desk.telephony.add_to_bridge(bridge, customer)
        await desk.until(ChannelEnteredBridge, channel=customer)
        assert {one.channel for one in (await desk.telephony.snapshot()).channels} >= {agent, customer}


async def test_both_sides_are_recorded_from_the_answer_on_if_the_order_says_so(lab: Lab) -> None:
    monitor = lab.spool_switch / "monitor"
    async with desk_at(lab) as desk:
        _, bridge = await desk.agent(4)
        silent = await desk.dial("1900")
        customer = await desk.dial("1900", record=True)
        answered = await desk.until(ChannelAnswered, channel=customer)
        await asyncio.sleep(1.0)  # the customer waits for an agent
        await desk.telephony.add_to_bridge(bridge, customer)
        bridged = await desk.until(ChannelEnteredBridge, channel=customer)
        await asyncio.sleep(1.0)  # a second of sound, to be measured
        await desk.telephony.hang_up(customer)
        ended = await desk.until(ChannelEnded, channel=customer)
        path = monitor / f"{customer}.raw"
        await _settled(path)
        assert not (monitor / f"{silent}.raw").exists()
    # 8 kHz, 16 bit
    sides = np.frombuffer(path.read_bytes(), dtype="<i2").astype(np.float64).reshape(-1, 2) / 32767
    # Of the wait its first half second is missing: Asterisk mixes once it has sound of both sides, or gives up on one.
    assert 1.2 < len(sides) / 8000 < (ended.at - answered.at).total_seconds() + 0.1
    talk = int((ended.at - bridged.at).total_seconds() * 8000) - 800
    assert talk > 6400
    for at in range(len(sides) - talk, len(sides) - 800, 800):
        assert tones.level(sides[at : at + 800, 1], tones.F_AGENT) > 0.05
    assert tones.level(sides[:1600, 1], tones.F_AGENT) < 0.05
    said, heard = sides[-1600:, 0], sides[-1600:, 1]
    assert tones.level(said, tones.F_CUSTOMER) > 0.05 > tones.level(said, tones.F_AGENT)
    assert tones.level(heard, tones.F_AGENT) > 0.05 > tones.level(heard, tones.F_CUSTOMER)


async def _settled(path: Path) -> None:
    """Asterisk closes the file a moment after the channel's end."""
    size = -1
    async with asyncio.timeout(5):
        while (now := await asyncio.to_thread(os.path.getsize, path)) != size:
            size = now
            await asyncio.sleep(0.1)


async def test_wrong_passwords_are_refused_clearly(lab: Lab) -> None:
    with pytest.raises(AccessDenied):
        await AriTelephony(ari_settings(lab, secret="wrong")).start()
    with pytest.raises(AccessDenied):
        await AmiClient(ami_settings(lab, secret="wrong")).start()


@asynccontextmanager
async def _watching(lab: Lab) -> AsyncIterator[AmiWatch]:
    client = AmiClient(ami_settings(lab))
    await client.start()
    watch = AmiWatch(client)
    await watch.start()
    try:
        await _told(watch, SwitchBooted)
        yield watch
    finally:
        await watch.close()
        await client.close()


async def _told(watch: AmiWatch, kind: type, **wanted: object) -> Any:
    """The next event of this kind with these values."""
    async with asyncio.timeout(20):
        while True:
            event = await watch.next_event()
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items()):
                return event


async def test_orphaned_call_is_told(lab: Lab) -> None:
    async with _watching(lab) as watch, desk_at(lab) as desk:
        # Answers after a second, when its engine is gone.
        channel = await desk.dial("1610")
        await desk.telephony.close()
        await _told(watch, CallOrphaned, channel=channel)


async def test_trunk_that_falls_silent_is_told_by_its_own_name(data_dir: Path) -> None:
    with Lab.start(data_dir, agents=0) as lab:
        network = next(one for one in lab.instances if one.name == "network")
        async with _watching(lab) as watch, desk_at(lab):
            await _told(watch, ReachChanged, name=lab.trunk, reach=Reach.REACHABLE)
            await asyncio.to_thread(network.stop)
            await _told(watch, ReachChanged, name=lab.trunk, reach=Reach.UNREACHABLE)
            await asyncio.to_thread(network.start)
            await _told(watch, ReachChanged, name=lab.trunk, reach=Reach.REACHABLE)
