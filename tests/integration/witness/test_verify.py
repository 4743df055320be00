from __future__ import annotations

import ast
import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import witness
from tests.integration.witness.scene import (
    START,
    Call,
    Scene,
    consistent,
    insert,
    line,
    network_call,
    network_log,
    number_of,
    switch_call,
    switch_log,
    write_run,
)
from witness.verify import CHECKS, main

pytestmark = pytest.mark.integration

Plant = Callable[[Scene], None]


def verdict(
    scene: Scene,
    database: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    network: list[str] | None = None,
    switch: list[str] | None = None,
) -> set[str]:
    """Names of the checks that failed; the exit code must agree."""
    asyncio.run(insert(database, scene))
    logs = (network_log(scene) if network is None else network, switch_log(scene) if switch is None else switch)
    run = write_run(folder, database, *logs)
    code = main([str(run), "--json"])
    document = json.loads(capsys.readouterr().out)
    names = {check["name"] for check in document["checks"] if check["violations"]}
    assert code == (1 if names else 0)
    assert document["ok"] is not bool(names)
    return names


def change(number: int, **fields: object) -> Plant:
    def plant(scene: Scene) -> None:
        scene.calls[number] = replace(scene.calls[number], **fields)  # type: ignore[arg-type]

    return plant


def sql(*statements: str) -> Plant:
    return lambda scene: scene.sql.extend(statements)


def extra_network(*rows: str) -> Plant:
    return lambda scene: scene.network_extra.extend(rows)


def extra_switch(*rows: str) -> Plant:
    return lambda scene: scene.switch_extra.extend(rows)


def more_calls(*calls: Call) -> Plant:
    return lambda scene: scene.calls.update({call.id: call for call in calls})


def rules(**fields: object) -> Plant:
    return lambda scene: scene.rules.update(fields)


def both(*plants: Plant) -> Plant:
    def plant(scene: Scene) -> None:
        for one in plants:
            one(scene)

    return plant


SECOND_LEG = replace(consistent().calls[1], started=13.1, ended=13.2)
RINGING_ON = network_call(3, 10.1, 15, serial=77)
SAME_AGENT = both(change(4, agent=1), sql("UPDATE disposition SET agent_id = 1 WHERE attempt_id = 4"))

#: What is wrong -> how it is planted, and every check that must see it.
VIOLATIONS: dict[str, tuple[Plant, set[str]]] = {
    "a call nobody wrote down": (extra_network(*network_call(9, 30, 33, serial=90)), {"channel_has_attempt"}),
    "a lost attempt row": (sql("DELETE FROM attempt WHERE id = 7"), {"channel_has_attempt", "leg_has_attempt"}),
    "a stranger on the trunk": (
        extra_switch(line("CHAN_START", 30, "", "PJSIP/trunk-000000aa", "asterisk-1.1")),
        {"leg_has_attempt"},
    ),
    "an attempt that never rang the network": (change(7, network=False), {"attempt_has_channel", "kpi_dials"}),
    "an attempt without a leg": (change(7, switch=False), {"attempt_has_leg"}),
    "an attempt dialled twice": (extra_switch(*switch_call(SECOND_LEG)), {"attempt_has_leg"}),
    "a blocked number that rang": (
        both(change(11, network=True, ended=12.5), sql("DELETE FROM dnc")),
        {"unplaced_is_silent"},
    ),
    "an attempt that was not placed and rang": (change(10, network=True, ended=12.5), {"unplaced_is_silent"}),
    "an intent after its invite": (
        sql("UPDATE attempt SET started_at = started_at + interval '0.2 s' WHERE id = 7"),
        {"intent_before_invite"},
    ),
    "an answer that was not written": (
        sql("UPDATE attempt SET answered_at = NULL, outcome = 'NO_ANSWER' WHERE id = 8"),
        {"answered_agrees", "abandoned_agrees", "kpi_answers"},
    ),
    "an answer at another time": (
        sql("UPDATE attempt SET answered_at = answered_at + interval '1.5 s', bridged_at = NULL WHERE id = 8"),
        {"answered_agrees"},
    ),
    "a bridge that was not written": (
        sql("UPDATE attempt SET bridged_at = NULL, outcome = 'UNKNOWN', answered_at = NULL WHERE id = 5"),
        {"bridged_agrees", "answered_agrees", "kpi_answers", "kpi_talk"},
    ),
    "another agent than the one who talked": (
        sql("UPDATE attempt SET agent_id = 2 WHERE id = 5"),
        {"bridged_agrees"},
    ),
    "an agent in two customers": (SAME_AGENT, {"agent_one_customer"}),
    "an abandoned call under another name": (
        sql("UPDATE attempt SET outcome = 'CUSTOMER_HUNG_EARLY' WHERE id = 8"),
        {"abandoned_agrees"},
    ),
    "an early hang-up called abandoned, never answered": (
        sql("UPDATE attempt SET answered_at = ended_at, outcome = 'ABANDONED' WHERE id = 7"),
        {"abandoned_agrees", "answered_agrees", "kpi_answers"},
    ),
    "a fourth attempt": (
        more_calls(*(Call(n, 3, "NO_ANSWER", at, at + 3) for n, at in ((13, 20), (14, 26), (15, 32)))),
        {"attempts_by_rows", "attempts_by_log"},
    ),
    "attempts the rows call uncounted though they were answered": (
        both(
            more_calls(
                Call(13, 3, "CUSTOMER_HUNG_EARLY", 20, 21, answered=20.5),
                Call(14, 3, "CUSTOMER_HUNG_EARLY", 2021, 2022, answered=2021.5),
                Call(15, 3, "CUSTOMER_HUNG_EARLY", 4022, 4023, answered=4022.5),
            ),
            rules(max_uncounted_per_day=20),
            sql("UPDATE attempt SET counted = false, answered_at = NULL WHERE id = 15"),
        ),
        {"attempts_by_log", "kpi_answers"},
    ),
    "a promise tried once too often": (rules(max_promise_attempts=0), {"attempts_by_rows", "attempts_by_log"}),
    "a third dial of a day that never rang": (
        more_calls(
            *(Call(n, 5, "TRUNK_FAIL", n * 400, n * 400 + 1, counted=False, network=False) for n in (13, 14)),
        ),
        {"uncounted_a_day"},
    ),
    "a lead called too soon": (change(2, started=14, ended=17), {"not_too_soon"}),
    "a lead called too soon after an abandoned call": (
        more_calls(Call(13, 4, "NO_ANSWER", 49, 52)),
        {"not_too_soon"},
    ),
    "a lead called too soon after a bad line": (
        both(change(4, disposition="BAD_LINE", agent=2), more_calls(Call(13, 2, "NO_ANSWER", 32, 35))),
        {"not_too_soon"},
    ),
    "a lead called after its sale": (more_calls(Call(13, 1, "NO_ANSWER", 90, 93)), {"final_is_final"}),
    "a promise before its time": (sql("UPDATE promise SET due_at = due_at + interval '10 s'"), {"promise_not_early"}),
    "a call after the do-not-call entry": (lambda scene: scene.do_not_call.update({3: 12.0}), {"do_not_call"}),
    "a call left in flight": (
        sql(
            "DELETE FROM dial_queue WHERE lead_id = 9",
            "UPDATE lead SET state = 'inflight' WHERE id = 9",
            """INSERT INTO inflight (lead_id, number_id, attempt_id, campaign_id, list_id, state, engine_id,
                                     zone_set_id, priority, due_at, needs_agent)
               VALUES (9, 9, 99, 1, 1, 'claimed', 1, 1, 3, app_now(), false)""",
        ),
        {"inflight_empty"},
    ),
    "a lead that fell out of the queue": (sql("DELETE FROM dial_queue WHERE lead_id = 9"), {"leads_conserved"}),
    "a finished lead that is still queued": (
        sql("INSERT INTO dial_queue VALUES (1, 1, 3, app_now(), 1, 1)"),
        {"leads_conserved"},
    ),
    "an accepted row without a lead": (sql("UPDATE base SET accepted_count = 10"), {"leads_conserved"}),
    "a queued lead that does not exist": (
        sql("INSERT INTO dial_queue VALUES (1, 1, 3, app_now(), 77, 77)"),
        {"leads_conserved"},
    ),
    "talk that lasted longer in the rows": (
        sql("UPDATE attempt SET ended_at = ended_at + interval '3 s' WHERE id = 3"),
        {"kpi_talk"},
    ),
    "a number erased too early": (sql("UPDATE number SET e164 = NULL WHERE id = 5"), {"numbers_known"}),
    "a line nobody understands": (
        both(extra_network("what is this"), extra_network(line("CHAN_START", 1, "s", "Local/1", "network-9.9"))),
        {"logs_readable"},
    ),
}  # fmt: skip


def test_a_consistent_run_passes_every_check(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(consistent(), database, tmp_path, capsys) == set()


@pytest.mark.parametrize("what", VIOLATIONS)
def test_a_planted_violation_is_seen_by_exactly_its_checks(
    what: str, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant, expected = VIOLATIONS[what]
    scene = consistent()
    plant(scene)
    assert verdict(scene, database, tmp_path, capsys) == expected


def test_a_number_that_rings_twice_at_once_is_seen(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = consistent()
    network = [row for row in network_log(scene) if "-00000006" not in row]
    assert verdict(scene, database, tmp_path, capsys, network=[*network, *RINGING_ON]) == {"one_call_per_number"}


def test_an_empty_log_is_no_proof(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = verdict(consistent(), database, tmp_path, capsys, network=[])
    assert failed == {"evidence", "attempt_has_channel", "kpi_dials"}


def test_an_empty_database_is_no_proof(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write_run(tmp_path, database, [], []))]) == 1
    assert "FAIL  evidence" in capsys.readouterr().out


def test_a_log_cut_short_by_a_kill_is_read(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(insert(database, consistent()))
    run = write_run(tmp_path, database, network_log(consistent()), switch_log(consistent()))
    with (tmp_path / "network.csv").open("a") as log:
        log.write('"CHAN_START","17900')
    assert main([str(run)]) == 0
    assert f"All {len(CHECKS)} checks passed" in capsys.readouterr().out


def test_every_check_is_shown_to_fail_by_some_test() -> None:
    planted = set[str]().union(*(expected for _plant, expected in VIOLATIONS.values()))
    assert planted | {"evidence", "one_call_per_number"} == {check.name for check in CHECKS}


def test_no_number_is_printed(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = consistent()
    for plant in (VIOLATIONS["a fourth attempt"][0], VIOLATIONS["a call nobody wrote down"][0]):
        plant(scene)
    asyncio.run(insert(database, scene))
    assert main([str(write_run(tmp_path, database, network_log(scene), switch_log(scene)))]) == 1
    printed = capsys.readouterr().out
    assert not any(number_of(lead) in printed for lead in scene.lead_states)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("{", "cannot be read"),
        ("{}", "cannot be read"),
        (json.dumps({"dsn": "x", "cel_switch": "none.csv", "cel_network": "none.csv"}), "log"),
    ],
)
def test_a_run_that_cannot_be_read_is_told_from_a_bad_one(
    document: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(document)
    assert main([str(tmp_path)]) == 2
    assert complaint in capsys.readouterr().err


def test_a_database_that_is_away_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = consistent()
    run = write_run(tmp_path, "postgresql://nobody@127.0.0.1:1/none", network_log(scene), switch_log(scene))
    assert main([str(run)]) == 2
    assert "database" in capsys.readouterr().err


def test_the_newest_run_is_taken_without_an_argument(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIALER_DATA_DIR", str(tmp_path))
    assert main([]) == 2
    asyncio.run(insert(database, consistent()))
    for name, age in (("old", 100), ("new", 0)):
        folder = tmp_path / "demo" / name
        folder.mkdir(parents=True)
        run = write_run(folder, database, network_log(consistent()), switch_log(consistent()))
        os.utime(run, (START - age, START - age))
    assert main([]) == 0
    assert str(Path("demo") / "new" / "run.json") in capsys.readouterr().out


def test_the_witness_imports_nothing_of_the_product() -> None:
    allowed = set(sys.stdlib_module_names) | {"asyncpg", "witness"}
    for file in Path(witness.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert {name.split(".")[0] for name in names} <= allowed, file.name
