"""The outbound gate on a real switch: closed unless armed, one per engine, and no door to come in by."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from domain.errors import NotPlaced, TelephonyError
from domain.events import ChannelAnswered, ChannelEnded, ChannelEnteredBridge
from lab.network import Lab
from tests.lab.desk import PREFIX, desk_at, epochs
from tests.lab.probe import Probe, cel_rows

pytestmark = pytest.mark.lab

_OBJECT = "asterisk/config/dynamic/res_pjsip/endpoint/"
_NOT_COPIED = {"aors", "identify_by", "context", "allow_transfer", "callerid", "stir_shaken"}


async def fields_of(probe: Probe, endpoint: str) -> Mapping[str, str]:
    async with probe.http.get(f"{probe.lab.ari.base_url}/ari/{_OBJECT}{endpoint}") as reply:
        assert reply.status == 200
        return {one["attribute"]: one["value"] for one in await reply.json()}


async def seen_by_the_network(lab: Lab, number: str, event: str = "CHAN_START") -> list[str]:
    """Called numbers of the network's log, once it shows this event of this one."""
    async with asyncio.timeout(5):
        while event not in [row[0] for row in cel_rows(lab.cel_network, extension=number)]:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
    return [row[3] for row in cel_rows(lab.cel_network) if row[0] == "CHAN_START"]


async def test_gate_is_a_copy_of_the_trunk_that_nobody_can_come_in_by(lab: Lab, probe: Probe) -> None:
    async with desk_at(lab) as desk:
        gate = await desk.telephony.arm_trunk(lab.trunk, next(epochs))
        trunk, copy = await fields_of(probe, lab.trunk), await fields_of(probe, gate)
    assert (trunk["aors"], trunk["identify_by"], trunk["context"]) == ("", "ip", "nowhere")
    assert (copy["aors"], copy["identify_by"], copy["context"]) == (lab.trunk, "header", "nowhere")
    assert copy["allow_transfer"] == "false"
    assert copy["media_address"] == lab.media_address
    assert len(copy) > 100
    different = {name for name in trunk.keys() | copy.keys() if trunk.get(name) != copy.get(name)}
    assert different <= _NOT_COPIED


async def test_nothing_leaves_through_a_trunk_that_nobody_armed_or_that_was_disarmed(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        old, new = next(epochs), next(epochs)
        old_gate = await desk.telephony.arm_trunk(lab.trunk, old)
        new_gate = await desk.telephony.arm_trunk(lab.trunk, new)
        await desk.telephony.disarm_trunk(lab.trunk, old)
        never = f"{lab.trunk}-e{next(epochs):09d}"
        for number, gate in {"2111702": lab.trunk, "2121702": old_gate, "2131702": never}.items():
            with pytest.raises(NotPlaced):
                await desk.dial(number, gate=gate)
        placed = await desk.dial("2141702", gate=new_gate)
        await desk.until(ChannelEnded, channel=placed)
        await desk.telephony.disarm_trunk(lab.trunk, new)
    called = await seen_by_the_network(lab, f"{PREFIX}2141702")
    assert not {f"{PREFIX}{number}" for number in ("2111702", "2121702", "2131702")} & set(called)


async def test_trunk_that_the_switch_does_not_have_cannot_be_armed(lab: Lab) -> None:
    async with desk_at(lab) as desk:
        with pytest.raises(TelephonyError, match="no trunk elsewhere"):
            await desk.telephony.arm_trunk("elsewhere", next(epochs))


async def test_conversation_goes_on_and_ends_in_order_after_its_gate_is_closed(lab: Lab) -> None:
    number = "2151900"
    async with desk_at(lab) as desk:
        epoch = next(epochs)
        gate = await desk.telephony.arm_trunk(lab.trunk, epoch)
        _agent, bridge = await desk.agent(2)
        ringing = await desk.dial("2161910", gate=gate)
        customer = await desk.dial(number, gate=gate)
        await desk.until(ChannelAnswered, channel=customer)
        await desk.telephony.add_to_bridge(bridge, customer)
        await desk.until(ChannelEnteredBridge, channel=customer)
        await desk.telephony.disarm_trunk(lab.trunk, epoch)
        # What rang when the gate was closed is answered as usual.
        await desk.until(ChannelAnswered, channel=ringing)
        snapshot = await desk.telephony.snapshot()
        assert {one.channel: one.bridge for one in snapshot.channels}[customer] == bridge
        await desk.telephony.hang_up(customer)
        await desk.until(ChannelEnded, channel=customer)
    await seen_by_the_network(lab, f"{PREFIX}{number}", event="HANGUP")


async def test_gates_or_trunks_name_in_from_opens_nothing(lab: Lab, probe: Probe) -> None:
    """Told by the answer: whom the switch does not know it asks for a password."""
    async with desk_at(lab) as desk:
        gate = await desk.telephony.arm_trunk(lab.trunk, next(epochs))
        assert [await invite_from(lab, name) for name in ("nobody", gate, lab.trunk)] == [401, 401, 401]
        # The same gate with Asterisk's default would be taken for known.
        async with open_gate(probe) as careless:
            assert await invite_from(lab, careless) != 401


@asynccontextmanager
async def open_gate(probe: Probe) -> AsyncIterator[str]:
    name = f"{probe.lab.trunk}-careless"
    body = {"fields": [{"attribute": "aors", "value": probe.lab.trunk}, {"attribute": "context", "value": "nowhere"}]}
    address = f"{probe.lab.ari.base_url}/ari/{_OBJECT}{name}"
    async with probe.http.put(address, json=body) as reply:
        assert reply.status == 200
    try:
        yield name
    finally:
        assert await probe.request("DELETE", _OBJECT + name) == 204


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.final: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        status = int(data.split(b" ", 2)[1])
        if status >= 200 and not self.final.done():
            self.final.set_result(status)


async def invite_from(lab: Lab, user: str) -> int:
    """The final status of an INVITE that somebody on another address sends under this name."""
    host, port = sip_address(lab.instances[0].folder.etc / "pjsip.conf")
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(_Answers, local_addr=(host, 0))
    own = "{}:{}".format(*transport.get_extra_info("sockname")[:2])
    branch = f"z9hG4bK{uuid.uuid4().hex}"
    same = [
        f"Via: SIP/2.0/UDP {own};branch={branch}",
        f"From: <sip:{user}@{own}>;tag=stranger",
        f"To: <sip:200@{host}:{port}>",
        f"Call-ID: {uuid.uuid4().hex}",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]

    def send(method: str, *more: str) -> None:
        lines = [f"{method} sip:200@{host}:{port} SIP/2.0", *same, f"CSeq: 1 {method}", *more, "", ""]
        transport.sendto("\r\n".join(lines).encode(), (host, port))

    try:
        send("INVITE", f"Contact: <sip:{own}>")
        async with asyncio.timeout(5):
            return await answers.final
    finally:
        send("ACK")
        transport.close()


def sip_address(path: Path) -> tuple[str, int]:
    """Where the switch listens, from its own rendered configuration."""
    binds = [line.partition("=")[2] for line in path.read_text().splitlines() if line.startswith("bind=")]
    host, _, port = binds[0].partition(":")
    return host, int(port)
