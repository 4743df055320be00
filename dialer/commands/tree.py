"""The command line's tree: which command stands where."""

from __future__ import annotations

import typer

from dialer.commands import agent, attempts, base, campaign, db, dnc, lab, report, run
from domain.i18n import _

app = typer.Typer(
    name="dialer",
    help=_("Predictive and power dialler on Asterisk and PostgreSQL."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(db.app, name="db", help=_("The database's schema."))
app.add_typer(base.app, name="base", help=_("Bases: files of leads."))
app.add_typer(campaign.app, name="campaign", help=_("Campaigns: create, start, pause, look at."))
app.add_typer(agent.app, name="agent", help=_("Agents: who they are and whether they work."))
app.add_typer(dnc.app, name="dnc", help=_("The do-not-call list."))
app.add_typer(attempts.app, name="attempts", help=_("Attempts, row by row."))
app.add_typer(lab.app, name="lab", help=_("A telephone network in a box, to try things on."))
app.command("run", help=_("Run the engine: dial every campaign that is started."))(run.run)
app.command("report", help=_("The KPI report of a campaign."))(report.report)
