"""`dialer campaign`: create, start, pause, look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import typer
from rich.table import Table

from campaigns.presets import PRESETS
from campaigns.service import CampaignRequest, change_rules, create_campaign, start_campaign
from dialer.commands.context import JSON_OPTION, console, print_json, read_json_file, with_database
from dialer.settings import Settings, read_settings
from domain.clock import SystemClock
from domain.i18n import _
from domain.ids import CampaignId
from kpi.labels import outcome_label, state_label
from lab import detached
from sql.campaigns import CampaignStatus, PgCampaignStore

app = typer.Typer(no_args_is_help=True)

#: The window of the figures in `status`, hours.
STATUS_WINDOW_H = 24.0


@app.command(help=_("Create a campaign, not started yet."))
def create(
    name: str = typer.Argument(help=_("Its name; unique.")),
    client: str = typer.Option(..., help=_("The client who ordered the calls.")),
    trunk: str = typer.Option(..., help=_("The trunk to dial through: its endpoint on the switch.")),
    preset_name: str = typer.Option("cold", "--preset", help=_("Rules to start from: {known}.").format(
        known=", ".join(PRESETS))),
    mode: str = typer.Option("progressive", help=_("progressive: a call per free agent; power: several.")),
    rules_file: Path | None = typer.Option(None, "--rules", help=_("JSON file with rules that replace the preset's.")),
    caller_id: str = typer.Option("", help=_("The number to show, digits only.")),
    message: str | None = typer.Option(None, help=_("What an abandoned person hears, as the switch names it.")),
    as_json: bool = JSON_OPTION,
) -> None:  # fmt: skip
    settings = read_settings()
    request = CampaignRequest(
        client=client,
        name=name,
        preset=preset_name,
        mode=mode,
        trunk=trunk,
        trunk_is_lab=trunk_is_lab(settings, trunk),
        caller_id=caller_id,
        abandon_message=message,
        overrides=read_json_file(rules_file) if rules_file else {},
    )

    async def work(pool: asyncpg.Pool) -> CampaignId:
        return await create_campaign(PgCampaignStore(pool), request)

    made = with_database(work, settings)
    if as_json:
        print_json({"campaign": made, "name": name})
    else:
        console.print(_("Campaign {name} is made. Load a base, assign agents, start it.").format(name=name))


def trunk_is_lab(settings: Settings, trunk: str) -> bool:
    """Marked as a lab's in the settings, or the trunk of the lab that is running."""
    access = detached.state(settings.data_dir)
    return settings.is_lab_trunk(trunk) or (access is not None and access.trunk == trunk)


@app.command(help=_("Set what an abandoned person hears."))
def message(
    name: str = typer.Argument(help=_("The campaign.")),
    media: str = typer.Argument(help=_("The recording, as the switch names it: sound:/path/without/extension.")),
) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        await store.set_abandon_message((await store.by_name(name)).id, media)

    with_database(work)
    console.print(_("Done."))


@app.command(help=_("Start dialling: an engine that runs takes it up within a second."))
def start(name: str = typer.Argument(help=_("The campaign."))) -> None:
    settings = read_settings()

    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        row = await store.by_name(name)
        is_lab = trunk_is_lab(settings, row.trunk)
        await start_campaign(store, SystemClock(), name, trunk_is_lab=is_lab)

    with_database(work, settings)
    console.print(_("Campaign {name} is started.").format(name=name))


@app.command(help=_("Stop placing new calls; calls that are up go on."))
def pause(name: str = typer.Argument(help=_("The campaign."))) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        await store.set_state((await store.by_name(name)).id, "paused")

    with_database(work)
    console.print(_("Campaign {name} is paused.").format(name=name))


@app.command(help=_("Show or replace the rules of a campaign; a running one follows within a second."))
def rules(
    name: str = typer.Argument(help=_("The campaign.")),
    file: Path | None = typer.Option(None, "--set", help=_("JSON file with the fields to change.")),
) -> None:
    settings = read_settings()

    async def work(pool: asyncpg.Pool) -> dict[str, Any]:
        store = PgCampaignStore(pool)
        row = await store.by_name(name)
        if file is None:
            return row.rules
        is_lab = trunk_is_lab(settings, row.trunk)
        await change_rules(store, SystemClock(), row, read_json_file(file), trunk_is_lab=is_lab)
        return (await store.by_name(name)).rules

    print_json(with_database(work, settings))


@app.command("list", help=_("All campaigns."))
def list_campaigns(as_json: bool = JSON_OPTION) -> None:
    async def work(pool: asyncpg.Pool) -> list[dict[str, Any]]:
        return [
            {
                "name": one.row.name,
                "client": one.row.client,
                "state": one.row.state,
                "mode": one.row.mode,
                "leads": one.leads,
                "finished": one.finished,
                "agents": one.agents,
                "attempts": one.attempts,
            }
            for one in await PgCampaignStore(pool).summaries()
        ]

    rows = with_database(work)
    if as_json:
        print_json(rows)
        return
    table = Table(_("Name"), _("Client"), _("State"), _("Mode"), _("Leads"), _("Done"), _("Agents"), _("Attempts"))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


@app.command(help=_("How far a campaign is, and what is going on."))
def status(name: str = typer.Argument(help=_("The campaign.")), as_json: bool = JSON_OPTION) -> None:
    async def work(pool: asyncpg.Pool) -> CampaignStatus:
        return await PgCampaignStore(pool).status(name, STATUS_WINDOW_H)

    found = with_database(work)
    if as_json:
        print_json(
            {
                "name": found.row.name,
                "state": found.row.state,
                "leads": {state.value: count for state, count in found.leads.items()},
                "outcomes": {outcome.value: count for outcome, count in found.outcomes.items()},
                "due": found.due,
                "next_due": found.next_due,
                "abandoned": found.window.abandoned,
                "answered_by_person": found.window.persons,
            }
        )
        return
    table = Table(show_header=False, box=None)
    table.add_row(_("Campaign"), f"{found.row.name} ({found.row.state})")
    for state, count in found.leads.items():
        table.add_row(f"  {state_label(state)}", str(count))
    table.add_row(_("Attempts"), str(sum(found.outcomes.values())))
    for outcome, count in found.outcomes.items():
        table.add_row(f"  {outcome_label(outcome)}", str(count))
    table.add_row(_("Due now"), str(found.due))
    table.add_row(_("Next due"), f"{found.next_due:%Y-%m-%d %H:%M:%S %Z}" if found.next_due else "–")
    table.add_row(_("Abandoned"), f"{found.window.abandoned} / {found.window.persons}")
    console.print(table)
