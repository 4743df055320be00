"""`dialer agent`: who works, on which telephone, in which campaigns."""

from __future__ import annotations

import asyncpg
import typer

from dialer.commands.context import JSON_OPTION, console, print_json, print_table, with_database
from domain.i18n import _
from domain.records import AgentRow
from sql.campaigns import PgCampaignStore

app = typer.Typer(no_args_is_help=True)


@app.command(help=_("Make an agent known."))
def create(
    login: str = typer.Argument(help=_("Login; unique.")),
    name: str = typer.Option(..., help=_("The agent's name.")),
    endpoint: str = typer.Option(..., help=_("The agent's SIP endpoint on the switch.")),
) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        await PgCampaignStore(pool).create_agent(login, name, endpoint)

    with_database(work)
    console.print(_("Agent {login} is made.").format(login=login))


@app.command(help=_("Assign agents to a campaign."))
def assign(
    campaign: str = typer.Argument(help=_("The campaign.")),
    logins: list[str] = typer.Argument(help=_("Logins.")),
) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        row = await store.by_name(campaign)
        await store.assign_agents(row.id, [agent.id for agent in await store.agents_by_login(logins)])

    with_database(work)
    console.print(_("Done."))


@app.command(help=_("Start the shift: the engine rings the agent's telephone and keeps the line up."))
def ready(logins: list[str] = typer.Argument(help=_("Logins."))) -> None:
    _want(logins, "ready")


@app.command(help=_("No customers until ready again."))
def pause(logins: list[str] = typer.Argument(help=_("Logins."))) -> None:
    _want(logins, "paused")


@app.command(help=_("End the shift after the present call."))
def leave(logins: list[str] = typer.Argument(help=_("Logins."))) -> None:
    _want(logins, "offline")


@app.command("list", help=_("All agents."))
def list_agents(as_json: bool = JSON_OPTION) -> None:
    async def work(pool: asyncpg.Pool) -> list[AgentRow]:
        return list(await PgCampaignStore(pool).agents())

    rows = with_database(work)
    if as_json:
        print_json([{"login": row.login, "name": row.name, "endpoint": row.endpoint, "wanted": row.wanted}
                    for row in rows])  # fmt: skip
        return
    titles = (_("Login"), _("Agent"), _("Endpoint"), _("Wants to be"))
    wishes = {"ready": _("ready"), "paused": _("paused"), "offline": _("offline")}
    print_table(titles, [(row.login, row.name, row.endpoint, wishes[row.wanted]) for row in rows])


def _want(logins: list[str], wanted: str) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        for agent in await store.agents_by_login(logins):
            await store.set_wanted(agent.id, wanted)

    with_database(work)
    console.print(_("Done."))
