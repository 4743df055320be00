from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

import kpi.labels as labels
from domain.i18n import use_language
from domain.kpi import AttemptExport, CallCounts, PromiseCounts
from domain.outcome import LeadState, Outcome
from kpi.export import COLUMNS, csv_lines, json_lines
from kpi.formulas import answer_to_bridge_p50, answer_to_bridge_p95, asr, of_calls, of_promises, of_time
from kpi.render import show_proof, show_value, to_csv, to_json, to_table
from kpi.report import Report, build_report
from kpi.sheets import BOM, Sheet, neutral
from tests.unit.kpi.samples import ATTEMPT, CALLS, CAMPAIGN, PERIOD, ROWS, Reader

pytestmark = pytest.mark.unit


async def sample() -> Report:
    return await build_report(Reader(), CAMPAIGN, PERIOD)


def read_csv(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    assert text.startswith(BOM)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline=""), delimiter=delimiter, strict=True))


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=240)
    console.print(to_table(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_json_has_stable_keys_and_null_for_what_is_undefined() -> None:
    document = json.loads(to_json(await sample()))
    assert set(document) == {
        "campaign", "period", "accepted", "calls", "figures", "lists", "agents", "results", "lead_results",
        "lead_states", "promises",
    }  # fmt: skip
    assert document["figures"]["asr"] == {
        "value": pytest.approx(5 / 9), "numerator": 5, "denominator": 9, "of": "dials", "unit": "share",
        "catalogue": "K33",
    }  # fmt: skip
    assert document["agents"][1]["id"] is None
    assert document["agents"][1]["figures"]["occupancy"]["value"] is None
    assert document["results"][0] == {
        "outcome": "NO_ANSWER",
        "count": 5,
        "share": 0.5,
        "dispositions": [{"code": None, "count": 5, "share": 0.5}],
    }
    assert document["promises"]["charged"] == 4


async def test_json_is_the_same_in_every_language() -> None:
    report = await sample()
    with use_language("ru"):
        russian = to_json(report)
    assert russian == to_json(report)


async def test_csv_gives_every_figure_with_its_proof_and_no_formula() -> None:
    lines = read_csv(to_csv(await sample()))
    (line,) = [line for line in lines if line["section"] == "campaign" and line["key"] == "abandon_rate"]
    assert (line["value"], line["numerator"], line["denominator"], line["of"]) == ("0.25", "1", "4", "persons")
    assert {line["name"] for line in lines if line["section"] == "campaign"} == {"'=Spring"}
    assert {line["name"] for line in lines if line["section"] == "list"} == {"'+list"}
    assert {line["name"] for line in lines if line["section"] == "agent"} == {"'@Ann", "no agent"}
    undefined = [line for line in lines if line["section"] == "agent" and line["key"] == "occupancy" and not line["id"]]
    assert [line["value"] for line in undefined] == [""]


async def test_csv_with_semicolons_writes_decimals_with_a_comma() -> None:
    text = to_csv(await sample(), semicolon=True)
    values = {line["key"]: line["value"] for line in read_csv(text, ";") if line["section"] == "campaign"}
    assert values["abandon_rate"] == "0,25"
    assert values["dials"] == "9"


async def test_tables_show_each_figure_beside_its_denominator() -> None:
    text = shown(await sample())
    for expected in ("Client: =Spring", "25.00 %", "1 / 4 answered by a person", "No answer", "Kept in time"):
        assert expected in text


async def test_names_are_never_markup() -> None:
    evil = replace(ROWS, name="[bold]x[/nothing]", lists=[replace(ROWS.lists[0], name="[/]")])
    report = await build_report(Reader(evil), CAMPAIGN, PERIOD)
    assert "[bold]x[/nothing]" in shown(report)
    assert "[/]" in shown(report)


async def test_an_empty_report_is_rendered_too() -> None:
    nothing = replace(
        ROWS, accepted=0, calls=CallCounts(), lists=[], agents=[], results=[], lead_results=[], lead_states={},
        promises=PromiseCounts(),
    )  # fmt: skip
    report = await build_report(Reader(nothing), CAMPAIGN, PERIOD)
    assert json.loads(to_json(report))["figures"]["asr"]["value"] is None
    assert read_csv(to_csv(report))
    assert "-" in shown(report)


def test_values_are_written_in_the_readers_language() -> None:
    with use_language("ru"):
        assert show_value(asr(CALLS)).replace("\xa0", " ") == "55,56 %"
    assert show_value(asr(CALLS)) == "55.56 %"
    assert show_value(answer_to_bridge_p50(CALLS)) == "250 ms"
    assert show_value(answer_to_bridge_p95(CALLS)) == "1.5 s"
    assert show_proof(asr(CALLS)) == "5 / 9 dials"


def test_everything_that_is_shown_has_a_name() -> None:
    for figure in (*of_calls(CALLS, 1), *of_time(ROWS.agents[0].seconds), *of_promises(ROWS.promises)):
        assert labels.figure_label(figure.key) != figure.key
        assert not figure.of or labels.denominator_label(figure.of)
    assert len({labels.outcome_label(outcome) for outcome in Outcome}) == len(Outcome)
    assert len({labels.state_label(state) for state in LeadState}) == len(LeadState)
    assert labels.disposition_label(None, "") == "No result recorded"
    assert labels.disposition_label("SALE", "Sale") == "Sale"
    assert labels.disposition_label("NEW", "") == "NEW"


async def test_the_export_has_ids_and_no_number_unless_it_is_asked_for() -> None:
    reader = Reader()
    lines = [line async for line in csv_lines(reader, CAMPAIGN, PERIOD)]
    assert reader.asked == [False]
    assert reader.closed
    (row,) = read_csv("".join(lines))
    assert "number" not in row
    assert "70000000013" not in "".join(lines)
    assert row == {
        "attempt": "11", "lead": "12", "number_id": "13", "list": "1", "agent": "3", "temperature": "cold",
        "outcome": "ANSWERED", "disposition": "SALE", "counted": "1",
        "started_at": "2026-03-01T09:00:00.250000+00:00", "ringing_at": "",
        "answered_at": "2026-03-01T09:00:05.250000+00:00", "bridged_at": "2026-03-01T09:00:05.750000+00:00",
        "ended_at": "2026-03-01T09:01:06.250000+00:00", "talk_s": "60.5", "sip_code": "", "q850": "16",
        "hangup_by": "agent", "trunk": "'-t", "rules_version": "2",
    }  # fmt: skip

    with_numbers = read_csv("".join([line async for line in csv_lines(reader, CAMPAIGN, PERIOD, numbers=True)]))
    assert with_numbers[0]["number"] == "70000000013"


async def test_the_export_as_json_lines() -> None:
    reader = Reader(found=[ATTEMPT, replace(ATTEMPT, agent=None, number=None)])
    rows = [json.loads(line) async for line in json_lines(reader, CAMPAIGN, PERIOD)]
    assert [row["agent"] for row in rows] == [3, None]
    assert list(rows[0]) == list(COLUMNS)
    assert datetime.fromisoformat(rows[0]["started_at"]) == ATTEMPT.started_at
    numbered = [json.loads(line) async for line in json_lines(reader, CAMPAIGN, PERIOD, numbers=True)]
    assert [row["number"] for row in numbered] == ["70000000013", None]


async def test_an_export_that_is_left_half_way_gives_its_connection_back() -> None:
    reader = Reader(found=[ATTEMPT] * 100)
    lines: AsyncGenerator[str, None] = json_lines(reader, CAMPAIGN, PERIOD)
    async with aclosing(lines):
        await anext(lines)
        assert not reader.closed
    assert reader.closed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+7", "'+7"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("\0=1", "'=1"),
        ("a\0b", "ab"),
        ("a=1", "a=1"),
    ],
)
def test_text_that_could_be_a_formula_is_neutralised(text: str, expected: str) -> None:
    assert neutral(text) == expected


def test_numbers_stay_numbers_whatever_their_sign() -> None:
    assert Sheet().line((-3, -0.5, True, None, 12.0)) == "-3,-0.5,1,,12\r\n"
    assert Sheet(semicolon=True).line((-0.5, "a;b")) == '-0,5;"a;b"\r\n'


def test_every_exported_column_is_in_the_manual() -> None:
    manual = (Path(labels.__file__).parent.parent / "docs" / "kpi.md").read_text(encoding="utf-8")
    for column in fields(AttemptExport):
        assert f"`{column.name}`" in manual, column.name
