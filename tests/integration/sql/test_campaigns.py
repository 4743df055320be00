from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from domain.bases import CampaignStore, DncStore, NewCampaign
from domain.errors import AlreadyExists, BadInput, NotFound
from domain.ids import AgentId, CampaignId
from domain.outcome import LeadState, Outcome, Temperature
from domain.records import IntentOrder
from sql.campaigns import PgCampaignStore
from sql.dialing import PgDialStore
from sql.dnc import PgDncStore
from sql.engines import PgEngineStore
from tests.builders import at, make_agent, make_campaign, make_engine, make_final

pytestmark = pytest.mark.integration

SPRING = NewCampaign("Rosa Ltd", "spring", "power", "lab", "", {"max_attempts": 2}, None)


@pytest.fixture
def store(pool: asyncpg.Pool) -> PgCampaignStore:
    port: CampaignStore = PgCampaignStore(pool)
    assert isinstance(port, PgCampaignStore)
    return port


async def test_a_campaign_is_made_once_with_its_client(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    made = await store.create(SPRING)
    row = await store.by_name("spring")
    assert (row.id, row.client, row.state, row.mode, row.trunk, row.rules, row.rules_version) == (
        made,
        "Rosa Ltd",
        "draft",
        "power",
        "lab",
        {"max_attempts": 2},
        1,
    )
    with pytest.raises(AlreadyExists, match="spring"):
        await store.create(SPRING)
    await store.create(replace(SPRING, name="autumn"))
    assert await pool.fetchval("SELECT count(*) FROM client") == 1
    with pytest.raises(AlreadyExists, match="Rosa Ltd"):
        await store.create_client("Rosa Ltd")
    assert await store.create_client("Anna & Co") > 0


async def test_a_refused_campaign_leaves_no_client_behind(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    for wrong in (replace(SPRING, mode="yell"), replace(SPRING, name=""), replace(SPRING, client="")):
        with pytest.raises(BadInput):
            await store.create(wrong)
    with pytest.raises(BadInput):
        await store.create_client("")
    assert await pool.fetchval("SELECT count(*) FROM client") == 0


async def test_states_and_rules_change_and_rules_count_their_versions(store: PgCampaignStore) -> None:
    campaign = await store.create(SPRING)
    await store.set_state(campaign, "running")
    assert await store.set_rules(campaign, {"max_attempts": 1}) == 2
    assert await store.set_rules(campaign, {"max_attempts": 3}) == 3
    await store.set_abandon_message(campaign, "sorry")
    row = await store.by_name("spring")
    assert (row.state, row.rules, row.rules_version, row.abandon_message) == (
        "running",
        {"max_attempts": 3},
        3,
        "sorry",
    )
    with pytest.raises(BadInput, match="running"):
        await store.set_state(campaign, "asleep")


async def test_what_does_not_exist_is_not_found(store: PgCampaignStore) -> None:
    nobody = CampaignId(12345)
    agent = await store.create_agent("anna", "Anna", "anna")
    with pytest.raises(NotFound, match="winter"):
        await store.by_name("winter")
    with pytest.raises(NotFound):
        await store.status("winter", 24)
    with pytest.raises(NotFound):
        await store.set_state(nobody, "running")
    with pytest.raises(NotFound):
        await store.set_rules(nobody, {})
    with pytest.raises(NotFound):
        await store.set_abandon_message(nobody, "sorry")
    with pytest.raises(NotFound):
        await store.assign_agents(nobody, [agent])
    with pytest.raises(NotFound):
        await store.ensure_list(nobody, "first", Temperature.HOT)
    with pytest.raises(NotFound):
        await store.set_hours(nobody, ("Europe/Moscow",), at(0), [(at(9), at(20))])
    with pytest.raises(NotFound):
        await store.set_wanted(AgentId(12345), "ready")
    with pytest.raises(NotFound, match="boris, vera"):
        await store.agents_by_login(["anna", "vera", "boris"])


async def test_a_list_is_made_once_and_keeps_its_temperature(store: PgCampaignStore) -> None:
    campaign = await store.create(SPRING)
    first = await store.ensure_list(campaign, "first", Temperature.WARM)
    assert await store.ensure_list(campaign, "first", Temperature.WARM) == first
    with pytest.raises(BadInput, match="warm already"):
        await store.ensure_list(campaign, "first", Temperature.HOT)


async def test_hours_replace_those_that_are_not_over(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    campaign = await store.create(SPRING)
    zones = ("Asia/Omsk", "Europe/Moscow")
    await store.set_hours(campaign, zones, at(0), [(at(5), at(6)), (at(9), at(20))])
    await store.set_hours(campaign, zones, at(7), [(at(10), at(18))])
    rows = await pool.fetch("SELECT opens_at, closes_at FROM open_interval ORDER BY opens_at")
    assert [tuple(row) for row in rows] == [(at(5), at(6)), (at(10), at(18))]
    assert await pool.fetchval("SELECT count(*) FROM zone_set") == 1
    assert await store.zone_sets(campaign) == []
    with pytest.raises(BadInput, match="close after"):
        await store.set_hours(campaign, zones, at(0), [(at(5), at(5))])


async def test_zone_sets_are_those_of_the_campaigns_leads(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    campaign = await make_campaign(pool, zone_sets=3)
    await campaign.lead(zone_set=2)
    await campaign.lead(zone_set=3)
    await campaign.lead(zone_set=3)
    assert await store.zone_sets(campaign.id) == [("Etc/GMT-2",), ("Etc/GMT-3",)]


async def test_agents_are_made_assigned_and_ask_for_what_they_want(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    campaign, other = await store.create(SPRING), await store.create(replace(SPRING, name="autumn"))
    vera = await store.create_agent("vera", "Vera", "agent-1")
    anna = await store.create_agent("anna", "Anna", "agent-2")
    for login, endpoint in (("vera", "agent-3"), ("olga", "agent-1")):
        with pytest.raises(AlreadyExists, match=login):
            await store.create_agent(login, "Somebody", endpoint)
    with pytest.raises(BadInput):
        await store.create_agent("", "Somebody", "agent-4")
    await store.assign_agents(campaign, [vera, anna])
    await store.assign_agents(campaign, [anna])
    await store.assign_agents(other, [anna])
    await store.set_wanted(anna, "ready")
    with pytest.raises(BadInput):
        await store.set_wanted(anna, "asleep")

    assert [(agent.login, agent.wanted) for agent in await store.agents()] == [("anna", "ready"), ("vera", "offline")]
    assert [agent.id for agent in await store.agents_by_login(["vera", "anna"])] == [anna, vera]
    plan = {agent.id: campaigns for agent, campaigns in await PgEngineStore(pool).floor_plan()}
    assert plan == {vera: {campaign}, anna: {campaign, other}}
    await store.withdraw_agents(campaign, [vera])
    plan = {agent.id: campaigns for agent, campaigns in await PgEngineStore(pool).floor_plan()}
    assert plan == {vera: frozenset(), anna: {campaign, other}}


async def test_status_and_summary_show_where_a_campaign_stands(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    campaign = await make_campaign(pool, name="spring")
    engine = await make_engine(pool, campaign)
    await make_agent(pool, campaign)
    dialing = PgDialStore(pool)
    for _ in range(3):
        await campaign.lead()
    (claimed,) = await dialing.claim(campaign.id, engine, 1, [])
    (intent,) = await dialing.intend(engine, "node1", "boot1", 3, 3, 2, [IntentOrder(claimed.attempt, None)])
    abandoned = make_final(
        claimed, engine, intent.at, outcome=Outcome.ABANDONED, answered_at=intent.at + timedelta(seconds=9)
    )
    await dialing.finish([abandoned])
    await pool.execute("UPDATE lead SET state = 'dead' WHERE id = (SELECT max(id) FROM lead)")
    await pool.execute("DELETE FROM dial_queue WHERE lead_id = (SELECT max(id) FROM lead)")

    status = await store.status("spring", 24)
    assert status.leads == {LeadState.QUEUED: 2, LeadState.DEAD: 1}
    assert status.outcomes == {Outcome.ABANDONED: 1}
    assert (status.window.abandoned, status.window.persons) == (1, 1)
    assert (status.due, status.next_due) == (1, abandoned.next.due_at)
    (summary,) = await store.summaries()
    assert (summary.row.name, summary.leads, summary.finished, summary.agents, summary.attempts) == (
        "spring",
        3,
        1,
        1,
        1,
    )


async def test_disposition_kinds_come_in_the_order_in_which_agents_see_them(store: PgCampaignStore) -> None:
    kinds = await store.disposition_kinds()
    assert [kind.code for kind in kinds][:2] == ["SALE", "MEETING"]
    by_code = {kind.code: kind for kind in kinds}
    assert by_code["CALLBACK_PERSONAL"].promise
    assert by_code["CALLBACK_PERSONAL"].lead_state is None
    assert by_code["DNC_ASKED"].dnc
    assert by_code["DNC_ASKED"].lead_state is LeadState.DNC


async def test_the_do_not_call_list_is_for_a_client_or_for_all(pool: asyncpg.Pool, store: PgCampaignStore) -> None:
    await store.create(SPRING)
    dnc: DncStore = PgDncStore(pool)
    assert await dnc.add(["70000000001", "70000000002", "70000000001"], None, "asked", "anna") == 2
    assert await dnc.add(["70000000002", "70000000003"], None, "asked", "anna") == 1
    assert await dnc.add(["70000000001"], "Rosa Ltd", "complaint", "vera") == 1
    entries = await dnc.entries(10)
    assert {(entry.number, entry.client, entry.reason, entry.added_by) for entry in entries} == {
        ("70000000001", None, "asked", "anna"),
        ("70000000002", None, "asked", "anna"),
        ("70000000003", None, "asked", "anna"),
        ("70000000001", "Rosa Ltd", "complaint", "vera"),
    }
    assert (await dnc.entries(1))[0].client == "Rosa Ltd"
    assert await dnc.remove("70000000001", None)
    assert not await dnc.remove("70000000001", None)
    assert await dnc.remove("70000000001", "Rosa Ltd")
    with pytest.raises(NotFound):
        await dnc.add(["70000000001"], "Nobody Ltd", "asked", "anna")
