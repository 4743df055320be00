"""`dialer lab`: the telephone network in a box, left running until it is taken down."""

from __future__ import annotations

import asyncpg
import typer

from dialer.commands.context import JSON_OPTION, console, print_facts, with_database
from dialer.settings import Settings, read_settings
from domain.errors import NotFound
from domain.i18n import _, ngettext
from lab import detached
from lab.network import LabAccess
from sql.campaigns import PgCampaignStore

app = typer.Typer(no_args_is_help=True)


def lab_settings(access: LabAccess, settings: Settings) -> Settings:
    """The same settings, with the switch and the trunk of a running lab."""
    return settings.model_copy(
        update=read_settings(
            ari_url=access.ari.base_url,
            ari_user=access.ari.user,
            ari_secret=access.ari.secret,
            ari_app=access.ari.app,
            ami_host=access.ami.host,
            ami_port=access.ami.port,
            ami_user=access.ami.user,
            ami_secret=access.ami.secret,
            spool_dir=access.spool_switch / "monitor",
            lab_trunks=access.trunk,
            node="lab",
        ).model_dump(
            include={
                "ari_url", "ari_user", "ari_secret", "ari_app", "ami_host", "ami_port", "ami_user", "ami_secret",
                "spool_dir", "lab_trunks", "node",
            }
        )
    )  # fmt: skip


def require_lab(settings: Settings) -> LabAccess:
    access = detached.state(settings.data_dir)
    if access is None:
        raise NotFound(_("No lab is running. Start one: dialer lab up"))
    return access


@app.command(help=_("Put the lab's robot agents to work for a campaign."))
def staff(
    campaign: str = typer.Argument(help=_("The campaign.")),
    agents: int | None = typer.Option(None, min=1, help=_("How many; default: all.")),
) -> None:
    settings = read_settings()
    endpoints = list(require_lab(settings).agent_endpoints)[:agents]

    async def work(pool: asyncpg.Pool) -> None:
        store = PgCampaignStore(pool)
        row = await store.by_name(campaign)
        known = {one.endpoint: one.id for one in await store.agents()}
        for number, endpoint in enumerate(endpoints, 1):
            if endpoint not in known:
                name = _("Robot {number}").format(number=number)
                known[endpoint] = await store.create_agent(endpoint, name, endpoint)
        await store.assign_agents(row.id, [known[endpoint] for endpoint in endpoints])
        for endpoint in endpoints:
            await store.set_wanted(known[endpoint], "ready")

    with_database(work, settings)
    text = ngettext("{count} robot agent is ready.", "{count} robot agents are ready.", len(endpoints))
    console.print(text.format(count=len(endpoints)))


def _facts(access: LabAccess) -> dict[str, object]:
    return {
        "run": access.run_id,
        "trunk": access.trunk,
        "agents": ", ".join(access.agent_endpoints),
        "ari": access.ari.base_url,
        "ami": f"{access.ami.host}:{access.ami.port}",
        "message": access.message_media,
        "cel_switch": str(access.cel_switch),
        "cel_network": str(access.cel_network),
        "folder": str(access.folder),
    }


@app.command(help=_("Start a switch, a telephone network and robot agents, and leave them running."))
def up(
    agents: int = typer.Option(20, min=0, help=_("Robot agents.")),
    as_json: bool = JSON_OPTION,
) -> None:
    access = detached.up(read_settings().data_dir, agents)
    print_facts(_facts(access), as_json=as_json)


@app.command(help=_("Show the running lab."))
def status(as_json: bool = JSON_OPTION) -> None:
    print_facts(_facts(require_lab(read_settings())), as_json=as_json)


@app.command(help=_("Stop the lab that `lab up` started."))
def down() -> None:
    stopped = detached.down(read_settings().data_dir)
    console.print(_("The lab is down.") if stopped else _("No lab was running."))
