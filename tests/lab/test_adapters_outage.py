"""The adapters when the real Asterisk stops, starts again or freezes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ami.client import AmiClient
from ami.events import AmiDown
from ami.watch import AmiWatch
from ari.telephony import AriTelephony
from domain.errors import NotPlaced, Unavailable
from domain.events import ChannelAnswered, ChannelEnded, LinkDown, LinkUp
from domain.switch import SwitchRestarted, WatchDown, WatchUp
from lab.network import Lab
from tests.lab.desk import Desk, ami_settings, ari_settings

pytestmark = pytest.mark.lab


@pytest.fixture
def own_lab(data_dir: Path) -> Iterator[Lab]:
    """A lab that the test may stop, freeze and start again."""
    with Lab.start(data_dir, agents=1) as running:
        yield running


async def test_stopped_asterisk_is_told_and_its_restart_found(own_lab: Lab) -> None:
    switch = own_lab.instances[0]
    telephony = AriTelephony(ari_settings(own_lab))
    client = AmiClient(ami_settings(own_lab))
    await telephony.start()
    await client.start()
    watch = AmiWatch(client)
    await watch.start()
    try:
        desk = Desk(own_lab, telephony)
        first = await desk.until(LinkUp)
        gate = await telephony.arm_trunk(own_lab.trunk, 1)
        await asyncio.to_thread(switch.stop)
        await desk.until(LinkDown)
        with pytest.raises(Unavailable):
            await desk.dial("1900", gate=gate)
        with pytest.raises(Unavailable):
            await AriTelephony(ari_settings(own_lab)).start()
        with pytest.raises(Unavailable):
            await AmiClient(ami_settings(own_lab)).start()
        switch.start()
        desk.events.clear()
        again = await desk.until(LinkUp)
        assert again.incarnation != first.incarnation
        # The gate lived in memory: the restart has closed it.
        with pytest.raises(NotPlaced):
            await desk.dial("1900", gate=gate)
        gate = await telephony.arm_trunk(own_lab.trunk, 1)
        customer = await desk.dial("1900", gate=gate)
        await desk.until(ChannelAnswered, channel=customer)
        kinds = []
        async with asyncio.timeout(15):
            while SwitchRestarted not in kinds:
                kinds.append(type(await watch.next_event()))
        assert kinds.index(WatchDown) < kinds.index(SwitchRestarted)
        assert WatchUp in kinds
    finally:
        await watch.close()
        await client.close()
        await telephony.close()


async def test_frozen_asterisk_is_noticed_and_found_again_with_its_call(own_lab: Lab) -> None:
    telephony = AriTelephony(ari_settings(own_lab))
    client = AmiClient(ami_settings(own_lab))
    await telephony.start()
    await client.start()
    desk = Desk(own_lab, telephony)
    process = own_lab.instances[0].process
    assert process is not None
    try:
        up = await desk.until(LinkUp)
        gate = await telephony.arm_trunk(own_lab.trunk, 1)
        customer = await desk.dial("1900", gate=gate)
        await desk.until(ChannelAnswered, channel=customer)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(6):
                await desk.until(LinkDown)
                while not isinstance(await client.next_event(), AmiDown):
                    pass
        finally:
            os.kill(process.pid, signal.SIGCONT)
        desk.events.clear()
        again = await desk.until(LinkUp)
        assert again.incarnation == up.incarnation
        assert customer in [one.channel for one in (await telephony.snapshot()).channels]
        await telephony.hang_up(customer)
        await desk.until(ChannelEnded, channel=customer)
    finally:
        await client.close()
        await telephony.close()
