from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.loading.detect import inspect
from campaigns.loading.mapping import Role, map_columns
from campaigns.loading.reader import read_rows
from campaigns.phone import Phone, normalise
from campaigns.presets import preset
from campaigns.rules import after_attempt, after_disposition
from campaigns.zones import zone_named
from domain.disposition import DispositionKind
from domain.ids import AgentId, PromiseId
from domain.outcome import LeadState, Outcome, Temperature
from domain.records import LeadCounters
from lab.base import EXPECTED_REJECTS, HEADER, ROWS, make_base, write_base
from lab.robots import turn
from lab.stories import LEADS, STORIES, Story, expected_ends, story_of

pytestmark = pytest.mark.unit


def test_the_table_is_the_project() -> None:
    leads = {story.name: story.leads for story in STORIES}
    assert (ROWS, LEADS) == (850, 829)
    assert sum(story.leads for story in STORIES if not story.says) + leads["voicemail"] == 190
    assert leads["refuses"] + leads["asks never to be called"] == 209
    assert leads["repeat call, same agent"] + leads["repeat call, any agent"] == 55
    assert leads["meeting"] + 55 + leads["will call back themselves"] + leads["wants the offer"] == 215
    assert sum(expected_ends().values()) == LEADS
    assert len(STORIES) < 30  # the third digit of a number stays within the mobile ranges


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert make_base(5) == make_base(5)
    assert make_base(5).content != make_base(6).content


def test_the_file_is_what_an_office_program_saves(tmp_path: Path) -> None:
    base, _ = write_base(tmp_path)
    content = base.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") == ROWS + 1
    facts = inspect(base)
    assert (facts.encoding, facts.separator) == ("cp1251", ";")
    mapping = map_columns(facts.sample, "RU")
    assert {role: HEADER[index] for role, index in mapping.columns.items()} == {
        Role.PHONE: "Телефон",
        Role.NAME: "Контактное лицо",
        Role.COMPANY: "Компания",
        Role.CITY: "Город",
        Role.ZONE: "Часовой пояс",
    }
    rows = list(read_rows(base, facts))[1:]
    assert len(rows) == ROWS
    for row in rows:
        assert zone_named(row.cells[4]) or zone_named(row.cells[3]), row.cells[3:5]


def test_every_row_is_a_lead_or_a_fault_that_was_meant() -> None:
    made = make_base()
    rows = list(csv.reader(io.StringIO(made.content.decode("cp1251")), delimiter=";"))[1:]
    found: Counter[str] = Counter()
    accepted: list[str] = []
    for row in rows:
        phone = normalise(row[2], "RU", ("7",))
        if not isinstance(phone, Phone):
            found[phone.value] += 1
        elif phone.digits in accepted:
            found["duplicate in file"] += 1
        elif phone.digits in made.do_not_call:
            found["do-not-call"] += 1
        else:
            accepted.append(phone.digits)
    assert found == EXPECTED_REJECTS
    assert tuple(accepted) == made.leads
    spelling = {"".join("9" if c.isdigit() else c for c in row[2][:4]) for row in rows}
    assert {"9 (9", "+9 9", "9999", "9-99"} <= spelling


@pytest.mark.parametrize("seed", [1, 2, 2017])
def test_numbers_tell_their_story(seed: int) -> None:
    made = make_base(seed)
    assert len(set(made.leads)) == LEADS
    assert len(set(made.do_not_call)) == 15
    assert not set(made.leads) & set(made.do_not_call)
    found = Counter(story.name for number in made.leads if (story := story_of(number)))
    assert found == {story.name: story.leads for story in STORIES}


def test_a_stranger_has_no_story() -> None:
    assert story_of("79991112233") is None
    assert story_of("380501234567") is None
    assert turn(1, "79991112233", 1).code == "NOT_INTERESTED"


def test_robots_repeat_themselves_and_keep_their_limits() -> None:
    made = make_base()
    for number in made.leads:
        for conversation in (1, 2, 3):
            act = turn(3, number, conversation)
            assert act == turn(3, number, conversation)
            assert 0.3 <= act.wrapup_s <= 1.5
            assert act.hang_up_after_s is None or 1.5 <= act.hang_up_after_s <= 4
            assert (act.promise_in_s is not None) == act.code.startswith("CALLBACK")
            if number[-4:-2] in ("19", "20"):
                assert act.hang_up_after_s is not None
    assert {turn(3, made.leads[0], 1).wrapup_s} != {turn(4, made.leads[0], 1).wrapup_s}


@dataclass(frozen=True)
class Facts:
    counters: LeadCounters
    temperature: Temperature = Temperature.COLD
    needs_agent: bool = False
    promise: PromiseId | None = None


_FINAL = {
    "WRONG_SEGMENT": LeadState.OFF_TARGET,
    "NOT_INTERESTED": LeadState.REFUSED,
    "MEETING": LeadState.WON,
    "APPLICATION": LeadState.WON,
    "OFFER_SENT_INTERESTED": LeadState.WON,
    "WILL_CALL_SELF": LeadState.DONE,
}
_WITHOUT_CONTACT = ("SILENT", "MACHINE_AGENT")


def network(behaviour: str) -> tuple[Outcome, bool]:
    """The outcome of a dial and whether it counts, by the last four digits."""
    match behaviour[:2]:
        case "31":
            return Outcome.NO_ANSWER, True
        case "30":
            return Outcome.BUSY, behaviour[2:] != "00"
        case "33":
            return Outcome.REJECTED, True
        case "32":
            return Outcome.NO_ANSWER, True
        case "34":
            return Outcome.UNREACHABLE, False
        case "40" | "41":
            return Outcome.INVALID_NUMBER, False
        case _:
            return Outcome.ANSWERED, True


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_each_story_ends_as_told_under_the_lab_rules(story: Story) -> None:
    rules = preset("lab")
    numbers = [number for number in make_base().leads if story_of(number) is story]
    for number in numbers:
        lead = Facts(LeadCounters(0, 0, 0, 0, 0, None))
        now, dials, conversation = datetime(2026, 3, 2, 12, tzinfo=UTC), 0, 0
        state = LeadState.QUEUED
        while state is LeadState.QUEUED:
            dials += 1
            assert dials <= 4, number
            outcome, counted = network(number[-4:])
            counters = lead.counters
            step = after_attempt(rules, lead, outcome, counted, now)
            if step.state is LeadState.WRAPUP:
                conversation += 1
                act = turn(1, number, conversation)
                promises = act.promise_in_s is not None
                kind = DispositionKind(
                    act.code,
                    act.code,
                    act.code not in _WITHOUT_CONTACT,
                    False,
                    False,
                    False,
                    False,
                    False,
                    promises,
                    act.code == "DNC_ASKED",
                    _FINAL.get(act.code),
                )
                due_at = now + timedelta(seconds=act.promise_in_s or 0) if promises else None
                step = after_disposition(rules, lead, kind, due_at, AgentId(1), now)
                step = replace(step, promise=PromiseId(1) if promises else None)
            state = step.state
            if state is LeadState.QUEUED:
                assert step.due_at is not None
                assert step.due_at - now <= timedelta(seconds=5)
            made = int(counted and lead.promise is None)
            lead = Facts(
                LeadCounters(
                    counted=0 if step.conversation else counters.counted + made,
                    number_counted=0 if step.conversation else counters.number_counted + int(counted),
                    promise=0 if step.conversation else counters.promise + int(counted and lead.promise is not None),
                    uncounted_today=counters.uncounted_today + int(not counted),
                    same_outcome_run=counters.same_outcome_run + 1 if counters.last_outcome is outcome else 1,
                    last_outcome=outcome,
                ),
                promise=step.promise,
            )
        assert state is story.ends, number
