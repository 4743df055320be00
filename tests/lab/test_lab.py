"""The telephone network in a box does what its table of numbers says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lab import tones
from lab.detached import down, state, up
from lab.network import Lab
from lab.processes import ProcessId
from tests.lab.probe import Probe, ami, cel_rows

pytestmark = pytest.mark.lab

_PREFIX = "7900555"


@pytest.mark.parametrize(
    ("last", "cause", "sip", "rang"),
    [
        ("3000", 17, 486, False),
        ("3003", 17, 486, True),
        ("3202", 19, 480, True),
        ("3302", 21, 603, True),
        ("3400", 19, 480, False),
        ("4000", 1, 404, False),
        ("4100", 22, 410, False),
        ("4200", 28, 484, False),
        ("5000", 34, 503, False),
        ("5100", 38, 500, False),
        ("5200", 34, 503, False),
        ("4403", 21, 403, False),
        ("5504", 102, 504, False),
        ("6600", 17, 600, False),
    ],
)
async def test_a_call_that_is_not_answered_ends_with_the_sip_result(
    probe: Probe, last: str, cause: int, sip: int, rang: bool
) -> None:
    call = await probe.ended(_PREFIX + last)
    end = call.events[-1]
    assert (end["cause"], end["tech_cause"]) == (cause, sip)
    assert any(event["type"] == "ChannelHangupRequest" for event in call.events)
    assert ("RINGING" in call.dial_states) is rang
    assert "ANSWER" not in call.dial_states


@pytest.mark.parametrize(("last", "heard"), [("3100", ["", "RINGING"]), ("5300", [""])])
async def test_a_call_that_nobody_ends_rings_or_keeps_silent_until_our_own_limit(
    probe: Probe, last: str, heard: list[str]
) -> None:
    call = await probe.ended(_PREFIX + last, ring_s=1)
    assert call.dial_states == heard
    assert call.events[-1]["cause"] == 19
    assert not any(event["type"] == "ChannelHangupRequest" for event in call.events)


async def test_an_announcement_before_the_answer_is_progress_and_then_no_such_number(probe: Probe) -> None:
    call = await probe.ended(_PREFIX + "6000")
    assert call.dial_states[:2] == ["", "PROGRESS"]
    assert call.events[-1]["tech_cause"] == 404


@pytest.mark.parametrize(
    ("last", "ring_s", "talk_s", "cause"),
    [
        ("1002", 0.2, 2.4, 16),
        ("1103", 0.0, 0.7, 16),
        ("1202", 0.3, 0.6, 38),
        ("1303", 0.0, 0.3, 16),
        ("1503", 0.0, 3.0, 16),
        ("1702", 0.0, 0.2, 16),
        ("6102", 0.2, 2.4, 16),
        ("7204", 0.6, 0.8, 16),
    ],
)
async def test_a_person_answers_after_ringing_and_leaves_when_the_talk_is_over(
    probe: Probe, last: str, ring_s: float, talk_s: float, cause: int
) -> None:
    began = time.monotonic()
    call = await probe.dial_number(_PREFIX + last)
    await call.until("StasisStart")
    answered = time.monotonic()
    end = await call.until("ChannelDestroyed")
    talked = time.monotonic() - answered
    assert end["cause"] == cause
    # below by no more than a packet or two; above, the machine may be busy
    assert ring_s - 0.05 <= answered - began <= ring_s + 2
    assert talk_s - 0.05 <= talked <= talk_s + 2


@pytest.mark.parametrize("last", ["1400", "1602", "1902", "2002"])
async def test_some_stay_on_the_line_until_the_other_side_hangs_up(probe: Probe, last: str) -> None:
    call = await probe.dial_number(_PREFIX + last)
    await call.until("StasisStart")
    assert await probe.request("DELETE", f"channels/{call.channel}") == 204
    end = await call.until("ChannelDestroyed")
    assert end["cause"] == 16


async def test_a_number_without_a_meaning_draws_a_behaviour(probe: Probe) -> None:
    call = await probe.ended(_PREFIX + "9999", ring_s=1)
    assert call.dial_states[0] == ""


async def test_customer_and_agent_hear_each_other_and_nobody_else(probe: Probe, lab: Lab) -> None:
    number = _PREFIX + "8881502"
    agent = await probe.dial(f"PJSIP/{lab.agent_endpoints[0]}")
    await agent.until("StasisStart")
    customer = await probe.dial_number(number)
    await customer.until("StasisStart")
    assert await probe.request("POST", "bridges/test-audio", type="mixing") == 200
    both = f"{agent.channel},{customer.channel}"
    assert await probe.request("POST", "bridges/test-audio/addChannel", channel=both) == 204
    await customer.until("ChannelDestroyed")
    await probe.request("DELETE", f"channels/{agent.channel}")
    await agent.until("ChannelDestroyed")
    await probe.request("DELETE", "bridges/test-audio")

    by_customer = tones.read_wav(await _recording(lab.heard_dir, f"{number}-*.wav"))
    by_agent = tones.read_wav(await _recording(lab.heard_dir, f"{lab.agent_endpoints[0]}-*.wav"))
    assert tones.heard_from(by_customer, tones.F_AGENT) is not None
    assert tones.heard_from(by_agent, tones.F_CUSTOMER) is not None
    for heard, own in ((by_customer, tones.F_CUSTOMER), (by_agent, tones.F_AGENT)):
        assert tones.heard_from(heard, own) is None
        assert tones.heard_from(heard, tones.F_MESSAGE) is None


async def _recording(folder: Path, pattern: str) -> Path:
    """The newest recording of this name, once it has stopped growing."""
    async with asyncio.timeout(5):
        before = None
        while (now := _newest(folder, pattern)) is None or now != before:
            before = now
            await asyncio.sleep(0.1)
        return now[0]


def _newest(folder: Path, pattern: str) -> tuple[Path, int] | None:
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    return (found[-1], found[-1].stat().st_size) if found else None


async def test_an_answer_while_no_engine_listens_hears_the_message(probe: Probe, lab: Lab) -> None:
    number = _PREFIX + "7771503"
    call = await probe.dial(f"PJSIP/{number}@{probe.gate}", through_dialplan=True, DIALER_APP=lab.ari.app)
    event = await call.until("ChannelUserevent")
    assert event["eventname"] == "DialerOrphan"
    assert event["userevent"]["CallId"] == call.channel
    await call.until("ChannelDestroyed")
    heard = tones.read_wav(await _recording(lab.heard_dir, f"{number}-*.wav"))
    assert tones.heard_from(heard, tones.F_MESSAGE) is not None
    assert "ORPHAN" in [row[0] for row in cel_rows(lab.cel_switch, channel=call.channel)]


async def test_the_engines_application_takes_an_answered_call_from_the_dialplan(lab: Lab) -> None:
    async with Probe.connect(lab, app=lab.ari.app) as engine:
        variables = {"DIALER_APP": lab.ari.app, "DIALER_ARGS": "customer", "DIALER_RECORD": "1"}
        call = await engine.dial(f"PJSIP/{_PREFIX}1900@{engine.gate}", through_dialplan=True, **variables)
        started = await call.until("StasisStart")
        assert started["args"] == ["customer"]
        agent = await engine.dial(f"PJSIP/{lab.agent_endpoints[-1]}")
        await agent.until("StasisStart")
        await engine.request("POST", "bridges/test-taken", type="mixing")
        await engine.request("POST", "bridges/test-taken/addChannel", channel=f"{agent.channel},{call.channel}")
        await asyncio.sleep(1)  # a second of talk, to be measured
        await engine.request("DELETE", f"channels/{call.channel}")
        await call.until("ChannelDestroyed")
        await engine.request("DELETE", "bridges/test-taken")
    raw = await _recording(lab.spool_switch / "monitor", f"{call.channel}.raw")
    sides = np.frombuffer(raw.read_bytes(), dtype="<i2").astype(np.float64).reshape(-1, 2) / 32767
    customer, agent_side = sides[-4000:, 0], sides[-4000:, 1]
    assert tones.level(customer, tones.F_CUSTOMER) > 0.05 > tones.level(customer, tones.F_AGENT)
    assert tones.level(agent_side, tones.F_AGENT) > 0.05 > tones.level(agent_side, tones.F_CUSTOMER)


async def test_the_call_logs_of_both_sides_tell_the_same_call(probe: Probe, lab: Lab) -> None:
    number = _PREFIX + "6661702"
    call = await probe.ended(number)
    await _written(lab.cel_network, number)
    far = {row[0]: row for row in cel_rows(lab.cel_network, extension=number)}
    near = {row[0]: row for row in cel_rows(lab.cel_switch, channel=call.channel)}
    expected = {"CHAN_START", "ANSWER", "HANGUP", "CHAN_END"}
    assert expected <= far.keys()
    assert expected | {"LINKEDID_END"} <= near.keys()
    assert '"hangupcause":16' in far["HANGUP"][7]
    for kind in ("ANSWER", "HANGUP"):
        assert abs(float(far[kind][1]) - float(near[kind][1])) < 1
        assert len(far[kind][1].split(".")[1]) == 6


async def _written(cel: Path, number: str) -> None:
    """The network writes its last row of a call a moment after the switch has seen the end."""
    async with asyncio.timeout(5):
        while "CHAN_END" not in {row[0] for row in cel_rows(cel, extension=number)}:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)


async def test_bridges_show_in_the_switchs_call_log(probe: Probe, lab: Lab) -> None:
    call = await probe.dial_number(_PREFIX + "1900")
    await call.until("StasisStart")
    await probe.request("POST", "bridges/test-log", type="mixing")
    await probe.request("POST", "bridges/test-log/addChannel", channel=call.channel)
    await call.until("ChannelEnteredBridge")
    await probe.request("DELETE", f"channels/{call.channel}")
    await call.until("ChannelDestroyed")
    await probe.request("DELETE", "bridges/test-log")
    kinds = {row[0]: row[7] for row in cel_rows(lab.cel_switch, channel=call.channel)}
    assert "test-log" in kinds["BRIDGE_ENTER"]
    assert "test-log" in kinds["BRIDGE_EXIT"]


async def test_every_robot_is_registered(lab: Lab) -> None:
    async with Probe.connect(lab) as probe:
        assert len(lab.agent_endpoints) == 10
        for agent in lab.agent_endpoints:
            async with probe.http.get(f"{lab.ari.base_url}/ari/endpoints/PJSIP/{agent}") as reply:
                assert (await reply.json())["state"] == "online"


async def test_the_manager_account_watches_and_can_do_nothing_to_calls_files_or_configuration(lab: Lab) -> None:
    for response in await ami(lab, {"Action": "Ping"}, {"Action": "CoreStatus"}):
        assert response["Response"] == "Success", response
    refused = [
        {"Action": "Originate", "Channel": f"PJSIP/{_PREFIX}1700@network", "Application": "Echo", "Async": "true"},
        {"Action": "Command", "Command": "core show version"},
        {"Action": "MixMonitor", "Channel": "x", "File": "x.raw", "options": "D", "Command": "touch x"},
        {"Action": "StopMixMonitor", "Channel": "x"},
        {"Action": "ModuleLoad", "LoadType": "load", "Module": "app_echo.so"},
        {"Action": "ModuleCheck", "Module": "app_echo.so"},
        {"Action": "Reload"},
        {"Action": "GetConfig", "Filename": "manager.conf"},
        {"Action": "GetConfigJSON", "Filename": "manager.conf"},
        {"Action": "UpdateConfig", "SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
        {"Action": "CreateConfig", "Filename": "x.conf"},
        {"Action": "Redirect", "Channel": "x", "Context": "dialer-out", "Exten": "s", "Priority": "1"},
        {"Action": "Hangup", "Channel": "x"},
        {"Action": "Setvar", "Variable": "X", "Value": "1"},
        {"Action": "DBPut", "Family": "x", "Key": "x", "Val": "x"},
        {"Action": "PJSIPShowContacts"},
    ]
    for action, response in zip(refused, await ami(lab, *refused), strict=True):
        assert (response["Response"], response["Message"]) == ("Error", "Permission denied"), action
    # reporting may read variables, but no function that reaches outside
    [response] = await ami(lab, {"Action": "Getvar", "Variable": "SHELL(id)"})
    assert response["Response"] == "Error"


async def test_an_endpoint_lives_from_its_creation_to_its_removal(probe: Probe, lab: Lab) -> None:
    name = "network-e000000007"
    resource = f"{lab.ari.base_url}/ari/asterisk/config/dynamic/res_pjsip/endpoint/{name}"
    fields = {"aors": lab.trunk, "context": "nowhere", "disallow": "all", "allow": "ulaw", "media_address": "127.0.0.1"}
    body = {"fields": [{"attribute": key, "value": value} for key, value in fields.items()]}
    async with probe.http.put(resource, json=body) as reply:
        assert reply.status == 200
    call = await probe.dial(f"PJSIP/{_PREFIX}1702@{name}")
    assert (await call.until("ChannelDestroyed"))["cause"] == 16
    async with probe.http.delete(resource) as reply:
        assert reply.status == 204
    async with probe.http.get(resource) as reply:
        assert reply.status == 404
    assert (
        await probe.request("POST", "channels/test-late", endpoint=f"PJSIP/{_PREFIX}1702@{name}", app=probe.app) == 500
    )


def test_two_labs_stand_side_by_side(lab: Lab, data_dir: Path) -> None:
    with Lab.start(data_dir, agents=1) as other:
        assert {other.ami.port, other.ari.base_url}.isdisjoint({lab.ami.port, lab.ari.base_url})
        assert other.folder != lab.folder
        pids = [process.pid for process in other.processes]
        assert all(process.alive for process in other.processes)
    assert [ProcessId.of(pid) for pid in pids] == [None, None]
    assert all(process.alive for process in lab.processes)


def test_a_lab_outlives_the_thread_that_started_it(data_dir: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        lab = pool.submit(lambda: Lab.start(data_dir, agents=1)).result()
    with lab:
        assert all(instance.cli("core show version") for instance in lab.instances)
    assert not any(process.alive for process in lab.processes)


def test_nothing_is_left_when_the_starter_is_killed(data_dir: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lab.network import Lab\n"
        f"lab = Lab.start(Path({str(data_dir)!r}), agents=1)\n"
        "print(*(f'{p.pid}:{p.started}' for p in lab.processes), flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        told = starter.stdout.readline().split()
        processes = [ProcessId(*map(int, one.split(":"))) for one in told]
        assert len(processes) == 2
        assert all(process.alive for process in processes)
        starter.kill()
        starter.wait()
    deadline = time.monotonic() + 5
    while any(process.alive for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(process.alive for process in processes)


def test_a_detached_lab_stays_until_it_is_told_to_go(data_dir: Path, tmp_path: Path) -> None:
    own = tmp_path / "data"
    own.mkdir()
    (own / "asterisk-root").symlink_to(_root_of(data_dir))
    assert state(own) is None
    assert not down(own)
    told = up(own, agents=1)
    try:
        seen = state(own)
        assert seen is not None
        assert (seen.run_id, seen.ari, seen.processes) == (told.run_id, told.ari, told.processes)
    finally:
        assert down(own)
    assert not any(process.alive for process in told.processes)
    assert state(own) is None


def _root_of(data_dir: Path) -> Path:
    from lab.root import ensure_root

    return ensure_root(data_dir).path
