"""The live view of a campaign: a screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dialer.call import CallState
from dialer.live_status import AgentLine, LiveStatus
from domain.i18n import _
from domain.outcome import AgentState, Outcome
from kpi.labels import outcome_label

_AGENT_STYLE = {
    AgentState.READY: "green",
    AgentState.RESERVED: "cyan",
    AgentState.TALKING: "bold cyan",
    AgentState.WRAPUP: "yellow",
    AgentState.PAUSED: "magenta",
    AgentState.CONNECTING: "dim",
    AgentState.OFFLINE: "dim",
}
_OUTCOME_STYLE = {Outcome.ANSWERED: "green", Outcome.ABANDONED: "bold red", Outcome.AGENT_MISSED: "bold red"}
_STAGES = (CallState.PLACING, CallState.RINGING, CallState.WAITING, CallState.BRIDGING, CallState.TALKING,
           CallState.MESSAGE, CallState.ENDING)  # fmt: skip


def stage_name(state: CallState) -> str:
    return {
        CallState.PLACING: _("dialling"),
        CallState.RINGING: _("ringing"),
        CallState.WAITING: _("waiting for an agent"),
        CallState.BRIDGING: _("connecting"),
        CallState.TALKING: _("talking"),
        CallState.MESSAGE: _("hearing the message"),
        CallState.ENDING: _("ending"),
        CallState.ENDED: _("ended"),
    }[state]


def agent_state_name(state: AgentState) -> str:
    return {
        AgentState.OFFLINE: _("offline"),
        AgentState.CONNECTING: _("telephone being dialled"),
        AgentState.READY: _("ready"),
        AgentState.RESERVED: _("customer coming"),
        AgentState.TALKING: _("talking"),
        AgentState.WRAPUP: _("wrap-up"),
        AgentState.PAUSED: _("paused"),
    }[state]


def reason_name(reason: str) -> str:
    """Why calls are, or are not, being placed."""
    return {
        "": _("starting"),
        "launched": _("calling"),
        "no_agents": _("not calling: no agent is at work"),
        "all_agents_busy": _("not calling: every agent is busy"),
        "enough_ringing": _("enough calls are ringing"),
        "no_leads": _("not calling: no lead is due now"),
        "lines_cap": _("not calling: all lines are in use"),
        "cps_cap": _("waiting: calls per second are capped"),
        "trunk_unreachable": _("not calling: the trunk does not answer"),
        "guard_progressive": _("one call per agent: too many were abandoned"),
        "guard_stop": _("one call per agent: the abandon limit is reached"),
    }.get(reason, reason)


def abandon_text(status: LiveStatus) -> Text:
    rate = status.abandoned / status.answered if status.answered else 0.0
    style = "red" if rate > status.abandon_limit else "yellow" if rate > status.abandon_target else "green"
    return Text(
        _("{rate:.1%} ({abandoned} of {answered} people; limit {limit:.0%})").format(
            rate=rate, abandoned=status.abandoned, answered=status.answered, limit=status.abandon_limit
        ),
        style=style,
    )


def screen(status: LiveStatus, elapsed_s: float) -> RenderableType:
    """The whole screen; fits 80 by 24."""
    head = Table.grid(padding=(0, 2))
    head.add_column(style="bold")
    head.add_column()
    done = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(1, status.accepted), completed=status.finished, width=30)
    done.add_row(bar, _("{done} of {all} leads done").format(done=status.finished, all=status.accepted))
    head.add_row(_("List"), done)
    head.add_row(_("Attempts"), _("{attempts}, due now {due}").format(attempts=status.attempts, due=status.due_now))
    head.add_row(_("Abandon rate"), abandon_text(status))
    if status.bridge_ms is not None:
        text = _("median {median:.0f} ms, p95 {p95:.0f} ms").format(median=status.bridge_ms[0], p95=status.bridge_ms[1])
        head.add_row(_("Answer to agent"), text)
    head.add_row(_("Now"), reason_name(status.reason))
    title = _("{campaign} · {minutes:02d}:{seconds:02d}").format(
        campaign=status.campaign, minutes=int(elapsed_s) // 60, seconds=int(elapsed_s) % 60
    )
    body = Table.grid(expand=True, padding=(0, 1))
    for ratio in (3, 3, 4):
        body.add_column(ratio=ratio)
    body.add_row(_lines(status), _agents(status), _last(status))
    return Group(Panel(head, title=title, border_style="blue"), body)


def _side(title: str, columns: int) -> Table:
    """A table may be empty, but rich cannot stretch one without columns."""
    table = Table(title=title, expand=True, show_header=False, box=None)
    for _column in range(columns):
        table.add_column()
    return table


def _lines(status: LiveStatus) -> RenderableType:
    table = _side(_("Lines"), 2)
    for stage in _STAGES:
        table.add_row(stage_name(stage), str(status.lines.get(stage, 0)))
    return table


def _agents(status: LiveStatus) -> RenderableType:
    table = _side(_("Agents"), 3)
    for state, style in _AGENT_STYLE.items():
        inside: list[AgentLine] = [agent for agent in status.agents if agent.state is state]
        if inside:
            longest = max(agent.seconds for agent in inside)
            table.add_row(Text(agent_state_name(state), style=style), f"{len(inside)}", f"≤{longest:.0f}s")
    return table


def _last(status: LiveStatus) -> RenderableType:
    table = _side(_("Last calls"), 3)
    for call in reversed(status.last):
        text = Text(outcome_label(call.outcome), style=_OUTCOME_STYLE.get(call.outcome, ""), no_wrap=True)
        table.add_row(f"{call.at:%H:%M:%S}", f"#{call.attempt}", text)
    return table


def line(status: LiveStatus, elapsed_s: float) -> str:
    """One plain line, for logs and pipes."""
    return _(
        "{elapsed:>4.0f} s  leads {done}/{all}  attempts {attempts}  lines {lines}  "
        "talking {talking}  ready {ready}  abandoned {abandoned}/{answered}  {reason}"
    ).format(
        elapsed=elapsed_s,
        done=status.finished,
        all=status.accepted,
        attempts=status.attempts,
        lines=sum(status.lines.values()),
        talking=status.agents_in(AgentState.TALKING),
        ready=status.agents_in(AgentState.READY),
        abandoned=status.abandoned,
        answered=status.answered,
        reason=reason_name(status.reason),
    )


class LiveView:
    """Shows each status it is given. On a terminal the screen is redrawn; elsewhere a line is printed
    every `line_every_s` seconds."""

    def __init__(self, console: Console, *, line_every_s: float = 5.0) -> None:
        self._console = console
        self._line_every_s = line_every_s
        self._next_line_s = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, status: LiveStatus, elapsed_s: float) -> None:
        if self._live is not None:
            self._live.update(screen(status, elapsed_s))
        elif elapsed_s >= self._next_line_s:
            self._console.print(line(status, elapsed_s), highlight=False, soft_wrap=True)
            self._next_line_s = elapsed_s + self._line_every_s
