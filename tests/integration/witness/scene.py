"""A short, consistent run: rows of the database and the two call logs that belong to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

START = 1_790_000_000.0
AGENTS = (1, 2)
SHIFT_END = 200.0

RULES = {
    "profile": "lab",
    "max_attempts": 3,
    "max_promise_attempts": 3,
    "max_uncounted_per_day": 2,
    "uncounted_wait_s": 1.0,
    "no_agent_limit_s": 2.0,
    "after_abandon_s": 5.0,
    "promise_retry_s": 2.0,
    "retry": {"NO_ANSWER": {"delays_s": [2.0]}, "BUSY": {"delays_s": [2.0]}},
    "repeat": {"BAD_LINE": {"delay_s": 2.0, "repeats": 1}},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt; times are seconds after the start of the run. network, switch: it left a trace there."""

    id: int
    lead: int
    outcome: str
    started: float
    ended: float
    counted: bool = True
    answered: float | None = None
    bridged: float | None = None
    agent: int | None = None
    promise: int | None = None
    disposition: str | None = None
    network: bool = True
    switch: bool = True


@dataclass(slots=True)
class Scene:
    """Leads are numbered from 1; each has the number `number_of(lead)`."""

    calls: dict[int, Call]
    lead_states: dict[int, str]
    promises: dict[int, tuple[int, float, str]]  # id -> lead, due, state
    do_not_call: dict[int, float]  # lead -> when its number was added
    rules: dict[str, object] = field(default_factory=lambda: dict(RULES))
    network_extra: list[str] = field(default_factory=list)
    switch_extra: list[str] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)


def number_of(lead: int) -> str:
    return f"7000000{lead:04d}"


def consistent() -> Scene:
    """One call of every kind that matters, all by the rules."""
    calls = [
        Call(1, 1, "NO_ANSWER", 10, 13),
        Call(2, 1, "NO_ANSWER", 16, 19),
        Call(3, 1, "ANSWERED", 22, 32, answered=24, bridged=24.2, agent=1, disposition="SALE"),
        Call(4, 2, "ANSWERED", 20, 30, answered=22, bridged=22.1, agent=2, disposition="CALLBACK_ANY"),
        Call(5, 2, "ANSWERED", 60, 70, answered=61, bridged=61.1, agent=1, promise=1, disposition="NOT_INTERESTED"),
        Call(6, 3, "BUSY", 10, 10.3, counted=False),
        Call(7, 3, "NO_ANSWER", 14, 17),
        Call(8, 4, "ABANDONED", 40, 46, answered=41),
        Call(9, 5, "TRUNK_FAIL", 12, 12.2, counted=False, network=False),
        Call(10, 6, "NOT_PLACED", 12, 12, counted=False, network=False, switch=False),
        Call(11, 7, "BLOCKED_DNC", 12, 12, counted=False, network=False, switch=False),
        Call(12, 8, "CUSTOMER_HUNG_EARLY", 42, 44, answered=43.5),
    ]
    return Scene(
        calls={call.id: call for call in calls},
        lead_states={
            1: "won", 2: "refused", 3: "queued", 4: "queued", 5: "queued",
            6: "queued", 7: "dnc", 8: "queued", 9: "queued",
        },
        promises={1: (2, 59.0, "kept")},
        do_not_call={7: 5.0},
    )  # fmt: skip


def line(event: str, at: float, extension: str, channel: str, unique_id: str, **extra: object) -> str:
    """One line of a call log; `at` is seconds after the start of the run."""
    values = (event, f"{START + at:.6f}", "100", extension, channel, unique_id, unique_id)
    quoted = [value.replace('"', '""') for value in (*values, json.dumps(extra) if extra else "")]
    return ",".join(f'"{value}"' for value in quoted)


def network_call(lead: int, since: float, until: float, *, answered: float | None = None, serial: int = 0) -> list[str]:
    """The lines of one channel on the network."""
    number = number_of(lead)
    where = (number, f"PJSIP/switch-{serial:08x}", f"network-{START + since:.0f}.{serial}")
    found = [line("CHAN_START", since, *where)]
    if answered is not None:
        found.append(line("ANSWER", answered, *where))
    found.append(line("HANGUP", until, *where, hangupcause=16, hangupsource="", dialstatus=""))
    found.append(line("CHAN_END", until, *where))
    return found


def switch_call(call: Call) -> list[str]:
    """The lines of one customer's leg on the switch."""
    where = ("", f"PJSIP/trunk-{call.id:08x}", f"pd-{call.id:012d}")
    found = [line("CHAN_START", call.started + 0.02, *where)]
    if call.answered is not None:
        found.append(line("ANSWER", call.answered, *where))
    if call.bridged is not None:
        bridge = {"bridge_id": f"ab-{call.agent:06d}-{call.agent:09d}", "bridge_technology": "simple_bridge"}
        found.append(line("BRIDGE_ENTER", call.bridged + 0.01, *where, **bridge))
        found.append(line("BRIDGE_EXIT", call.ended - 0.01, *where, **bridge))
    found.append(line("HANGUP", call.ended, *where, hangupcause=16, hangupsource="", dialstatus=""))
    found.append(line("CHAN_END", call.ended, *where))
    return found


def agent_leg(agent: int) -> list[str]:
    where = ("", f"PJSIP/agent{agent}-0000000{agent}", f"ag-{agent:06d}-{agent:09d}")
    bridge = {"bridge_id": f"ab-{agent:06d}-{agent:09d}", "bridge_technology": "simple_bridge"}
    return [
        line("CHAN_START", 0.5, *where),
        line("ANSWER", 0.6, *where),
        line("BRIDGE_ENTER", 0.7, *where, **bridge),
        line("BRIDGE_EXIT", SHIFT_END, *where, **bridge),
        line("HANGUP", SHIFT_END, *where, hangupcause=16, hangupsource="", dialstatus=""),
        line("CHAN_END", SHIFT_END, *where),
    ]


def network_log(scene: Scene) -> list[str]:
    found = [line("CHAN_START", 0.5, "agent001", "PJSIP/switch-000000ff", "network-1.1")]
    for call in scene.calls.values():
        if call.network:
            answered = call.answered - 0.01 if call.answered is not None else None
            found += network_call(call.lead, call.started + 0.05, call.ended, answered=answered, serial=call.id)
    return found + scene.network_extra


def switch_log(scene: Scene) -> list[str]:
    found = [row for agent in AGENTS for row in agent_leg(agent)]
    for call in scene.calls.values():
        if call.switch:
            found += switch_call(call)
    return found + scene.switch_extra


def write_run(folder: Path, dsn: str, network: list[str], switch: list[str]) -> Path:
    """The run as the demo leaves it; returns its run.json."""
    (folder / "network.csv").write_text("".join(f"{row}\n" for row in network))
    (folder / "switch.csv").write_text("".join(f"{row}\n" for row in switch))
    run = folder / "run.json"
    document = {"dsn": dsn, "cel_switch": "switch.csv", "cel_network": "network.csv", "trunk_prefix": "trunk-"}
    run.write_text(json.dumps(document))
    return run


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(START + at, UTC)


async def insert(dsn: str, scene: Scene) -> None:
    """The scene's rows into a fresh database."""
    connection = await asyncpg.connect(dsn)
    try:
        await _insert_ground(connection, scene)
        for call in scene.calls.values():
            await _insert_call(connection, call)
        for promise, (lead, due, state) in scene.promises.items():
            await connection.execute(
                """INSERT INTO promise (id, lead_id, campaign_id, made_by, attempt_id, due_at, state, closed_at)
                   OVERRIDING SYSTEM VALUE VALUES ($1, $2, 1, 1, 4, $3, $4, $5)""",
                promise, lead, moment(due), state, moment(due) if state != "open" else None,
            )  # fmt: skip
        for statement in scene.sql:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _insert_ground(connection: asyncpg.Connection, scene: Scene) -> None:
    leads = len(scene.lead_states)
    await connection.execute("INSERT INTO client (name) VALUES ('client'), ('other')")
    await connection.execute(
        """INSERT INTO campaign (client_id, name, state, trunk, rules) VALUES (1, 'run', 'running', 'trunk', $1)""",
        json.dumps(scene.rules),
    )
    await connection.execute(
        """INSERT INTO base (campaign_id, file_name, content_sha256, encoding, separator, mapping, row_count,
                             accepted_count, zone_unknown_count, loaded_by)
           VALUES (1, 'base.csv', 'x', 'utf-8', ',', '{}', $1, $1, 0, 'test')""",
        leads,
    )
    await connection.execute("INSERT INTO list (campaign_id, name, temperature) VALUES (1, 'cold', 'cold')")
    await connection.execute("INSERT INTO zone_set (zones) VALUES ('{UTC}')")
    await connection.execute(
        "INSERT INTO agent (login, name, endpoint) VALUES ('a1', 'One', 'agent1'), ('a2', 'Two', 'agent2')"
    )
    for lead, state in scene.lead_states.items():
        await connection.execute("INSERT INTO number (e164) VALUES ($1)", int(number_of(lead)))
        await connection.execute("INSERT INTO person (client_id, number_id) VALUES (1, $1)", lead)
        await connection.execute(
            """INSERT INTO lead (campaign_id, list_id, base_id, person_id, number_id, zone_set_id, state, priority)
               VALUES (1, 1, 1, $1, $1, 1, $2, 3)""",
            lead, state,
        )  # fmt: skip
        if state == "queued":
            await connection.execute("INSERT INTO dial_queue VALUES (1, 1, 3, $1, $2, $2)", moment(100), lead)
    for lead, at in scene.do_not_call.items():
        await connection.execute(
            "INSERT INTO dnc (e164, reason, added_by, added_at) VALUES ($1, 'asked', 'test', $2)",
            int(number_of(lead)), moment(at),
        )  # fmt: skip


async def _insert_call(connection: asyncpg.Connection, call: Call) -> None:
    await connection.execute(
        """INSERT INTO attempt (id, started_at, lead_id, number_id, campaign_id, list_id, agent_id, promise_id,
                                temperature, outcome, counted, answered_at, bridged_at, ended_at, trunk, node,
                                node_incarnation, engine_id, rules_version)
           VALUES ($1, $2, $3, $3, 1, 1, $4, $5, 'cold', $6, $7, $8, $9, $10, 'trunk', 'node', '1', 1, 1)""",
        call.id, moment(call.started), call.lead, call.agent, call.promise, call.outcome, call.counted,
        moment(call.answered) if call.answered is not None else None,
        moment(call.bridged) if call.bridged is not None else None,
        moment(call.ended),
    )  # fmt: skip
    if call.disposition is not None:
        await connection.execute(
            """INSERT INTO disposition (attempt_id, lead_id, campaign_id, agent_id, code, at)
               VALUES ($1, $2, 1, $3, $4, $5)""",
            call.id, call.lead, call.agent, call.disposition, moment(call.ended + 1),
        )  # fmt: skip
