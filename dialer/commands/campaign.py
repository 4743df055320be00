"""`dialer campaign`: create, start, pause, look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import typer

from campaigns.presets import PRESETS
from campaigns.service import CampaignRequest, change_rules, create_campaign, start_campaign
from dialer.commands.context import JSON_OPTION, console, pairs, print_json, print_table, read_json_file, with_database
from dialer.settings import Settings, read_settings
from domain.clock import SystemClock
from domain.i18n import _
from domain.ids import CampaignId
from kpi.labels import outcome_label, state_label
from lab import detached
from sql.campaigns import CampaignStatus, CampaignSummary, PgCampaignStore

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
    rules_file: Path | None = typer.Option(
        None, "--rules", readable=False, help=_("JSON file with rules that replace the preset's.")),
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
        abandon_message=message or _lab_message(settings, trunk),
        overrides=read_json_file(rules_file) if rules_file else {},
    )

    async def work(pool: asyncpg.Pool) -> CampaignId:
        return await create_campaign(PgCampaignStore(pool), request)

    made = with_database(work, settings)
    if as_json:
        print_json({"campaign": made, "name": name})
    else:
        text = _("Campaign {name} is made. Load a base, assign agents, start it.").format(name=name)
        console.print(text, markup=False)


def _lab_message(settings: Settings, trunk: str) -> str | None:
    """The lab made its own message; only its own trunk may play it."""
    access = detached.state(settings.data_dir)
    return access.message_media if access is not None and access.trunk == trunk else None


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

    async def work(pool: asyncpg.Pool) -> tuple[CampaignSummary, bool]:
        store = PgCampaignStore(pool)
        row = await store.by_name(name)
        is_lab = trunk_is_lab(settings, row.trunk)
        before = await start_campaign(store, SystemClock(), name, trunk_is_lab=is_lab)
        (summary,) = [one for one in await store.summaries() if one.row.id == before.id]
        return summary, before.state == "running"

    summary, was_running = with_database(work, settings)
    text = _("Campaign {name} is running already.") if was_running else _("Campaign {name} is started.")
    console.print(text.format(name=name), markup=False)
    if not summary.leads:
        console.print(_("It has no leads yet: dialer base load FILE --campaign {name}").format(name=name), markup=False)
    if not summary.agents:
        console.print(_("It has no agents yet: dialer agent assign {name} LOGIN").format(name=name), markup=False)


@app.command(help=_("Stop placing new calls; calls that are up go on."))
def pause(name: str = typer.Argument(help=_("The campaign."))) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        await store.set_state((await store.by_name(name)).id, "paused")

    with_database(work)
    console.print(_("Campaign {name} is paused.").format(name=name), markup=False)


@app.command(help=_("Show or replace the rules of a campaign; a running one follows within a second."))
def rules(
    name: str = typer.Argument(help=_("The campaign.")),
    file: Path | None = typer.Option(None, "--set", readable=False, help=_("JSON file with the fields to change.")),
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


def state_name(state: str) -> str:
    return {
        "draft": _("not started"),
        "running": _("running"),
        "paused": _("paused"),
        "finished": _("finished"),
    }.get(state, state)


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
    print_table(
        (_("Name"), _("Client"), _("State"), _("Mode"), _("Leads"), _("Done"), _("Agents"), _("Attempts")),
        [[str(value) for value in {**row, "state": state_name(row["state"])}.values()] for row in rows],
    )


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
    shown = pairs()
    shown.add_row(_("Campaign"), f"{found.row.name} ({state_name(found.row.state)})")
    for state, count in found.leads.items():
        shown.add_row(f"  {state_label(state)}", str(count))
    shown.add_row(_("Attempts"), str(sum(found.outcomes.values())))
    for outcome, count in found.outcomes.items():
        shown.add_row(f"  {outcome_label(outcome)}", str(count))
    shown.add_row(_("Due now"), str(found.due))
    shown.add_row(_("Next due"), f"{found.next_due:%Y-%m-%d %H:%M:%S %Z}" if found.next_due else "–")
    shown.add_row(
        _("Abandoned in the last {hours:.0f} h").format(hours=STATUS_WINDOW_H),
        _("{abandoned} of {persons} people who answered").format(
            abandoned=found.window.abandoned, persons=found.window.persons
        ),
    )
    console.print(shown)
