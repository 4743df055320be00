"""`dialer`: the command line. Every command ends with a clear message and a meaningful exit code:
0 done, 1 failed, 2 bad input, 3 exists already, 4 not found, 5 unavailable, 6 access denied, 130 interrupted."""

from __future__ import annotations

import sys

import typer

from dialer import telemetry
from dialer.commands import agent, attempts, base, campaign, db, dnc, lab, report, run
from dialer.commands.context import errors
from dialer.settings import read_settings
from domain.errors import DialerError
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


def main() -> None:
    """The console script. No traceback ever reaches a person for something they can mend."""
    try:
        settings = read_settings()
        telemetry.configure(json=settings.log_json, level=settings.log_level or "warning")
        app(standalone_mode=False)
    except DialerError as error:
        errors.print(f"[bold red]{_('Error')}:[/] ", end="")
        errors.print(str(error) or type(error).__name__, markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
