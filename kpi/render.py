"""A report for people (tables), for machines (JSON) and for spreadsheets (CSV)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.i18n import _, current_language
from domain.kpi import PromiseCounts
from kpi.formulas import Figure, Unit
from kpi.labels import denominator_label, disposition_label, figure_label, outcome_label, state_label
from kpi.report import OutcomeShare, Report
from kpi.sheets import BOM, Cell, Sheet

_LIST_FIGURES = ("dials", "asr", "human_asr", "abandon_rate", "conversion", "applications", "penetration")
_AGENT_FIGURES = ("calls_handled", "acd", "aht", "conversion", "applications", "turnover", "occupancy", "average_wait")


# ---- for machines ----------------------------------------------------------------------------


def to_json(report: Report) -> str:
    """One JSON document. Keys and codes never change with the language; undefined figures are null."""
    return json.dumps(_document(report), ensure_ascii=False, indent=2, allow_nan=False)


def _document(report: Report) -> dict[str, Any]:
    return {
        "campaign": {"id": report.campaign, "name": report.name, "client": report.client},
        "period": {"start": report.period.start.isoformat(), "end": report.period.end.isoformat()},
        "accepted": report.accepted,
        "calls": asdict(report.calls),
        "figures": _figures(report.figures),
        "lists": [
            {
                "id": one.list,
                "name": one.name,
                "temperature": one.temperature.value,
                "accepted": one.accepted,
                "calls": asdict(one.calls),
                "figures": _figures(one.figures),
            }
            for one in report.lists
        ],
        "agents": [
            {
                "id": one.agent,
                "name": one.name,
                "calls": asdict(one.calls),
                "seconds": asdict(one.seconds),
                "figures": _figures(one.figures),
            }
            for one in report.agents
        ],
        "results": _tree(report.results),
        "lead_results": _tree(report.lead_results),
        "lead_states": {state.value: count for state, count in report.lead_states.items()},
        "promises": {
            **asdict(report.promises),
            "due": report.promises.due,
            "charged": report.promises.charged,
            "figures": _figures(report.promise_figures),
        },
    }


def _figures(figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        figure.key: {
            "value": figure.value,
            "numerator": figure.numerator,
            "denominator": figure.denominator,
            "of": figure.of,
            "unit": figure.unit.value,
            "catalogue": figure.catalogue,
        }
        for figure in figures
    }


def _tree(tree: Sequence[OutcomeShare]) -> list[dict[str, Any]]:
    return [
        {
            "outcome": node.outcome.value,
            "count": int(node.share.numerator),
            "share": node.share.value,
            "dispositions": [
                {"code": leaf.disposition, "count": int(leaf.share.numerator), "share": leaf.share.value}
                for leaf in node.dispositions
            ],
        }
        for node in tree
    ]


# ---- for spreadsheets --------------------------------------------------------------------------


def to_csv(report: Report, *, semicolon: bool = False) -> str:
    """One line per figure: section, id, name, key, label, value, numerator, denominator, what it counts, unit.

    The section and the keys never change with the language; names and labels do.
    """
    sheet = Sheet(semicolon=semicolon)
    head = ("section", "id", "name", "key", "label", "value", "numerator", "denominator", "of", "unit")
    return BOM + sheet.line(head) + "".join(sheet.line(cells) for cells in _lines(report))


def _lines(report: Report) -> Iterator[Sequence[Cell]]:
    for figure in report.figures:
        yield ("campaign", report.campaign, report.name, *_cells(figure))
    for one in report.lists:
        for figure in one.figures:
            yield ("list", one.list, one.name, *_cells(figure))
    for person in report.agents:
        for figure in person.figures:
            yield ("agent", person.agent, _agent_name(person.name), *_cells(figure))
    for section, tree in (("results", report.results), ("lead_results", report.lead_results)):
        for node in tree:
            yield (section, None, "", *_cells(node.share, outcome_label(node.outcome)))
            for leaf in node.dispositions:
                shown = disposition_label(leaf.disposition, leaf.label)
                yield (section, None, node.outcome.value, *_cells(leaf.share, shown))
    for state, count in report.lead_states.items():
        yield ("lead_states", None, "", state.value, state_label(state), count, count, None, "", Unit.COUNT.value)
    for key, count in _promise_counts(report.promises):
        yield ("promises", None, "", key, _promise_label(key), count, count, None, "", Unit.COUNT.value)
    for figure in report.promise_figures:
        yield ("promises", None, "", *_cells(figure))


def _cells(figure: Figure, label: str | None = None) -> Sequence[Cell]:
    return (
        figure.key,
        figure_label(figure.key) if label is None else label,
        figure.value,
        figure.numerator,
        figure.denominator,
        figure.of,
        figure.unit.value,
    )


# ---- for people --------------------------------------------------------------------------------


def to_table(report: Report) -> RenderableType:
    """Tables for a terminal, in the current language; every figure stands beside what it was divided by."""
    language = current_language()
    start, end = (
        format_datetime(at, "short", locale=language, tzinfo=at.tzinfo)
        for at in (report.period.start, report.period.end)
    )
    title = f"{report.client}: {report.name}, {start} - {end}"
    promises = [
        (_promise_label(key), format_decimal(count, locale=language), "")
        for key, count in _promise_counts(report.promises)
    ]
    return Group(
        Text(title, style="bold"),
        _figure_table(_("Campaign"), [_shown(figure) for figure in report.figures]),
        _matrix(_("Lists"), _LIST_FIGURES, [(one.name, one.figures) for one in report.lists]),
        _matrix(_("Agents"), _AGENT_FIGURES, [(_agent_name(one.name), one.figures) for one in report.agents]),
        _tree_table(_("Attempts by result"), report.results),
        _tree_table(_("Leads by last result"), report.lead_results),
        _figure_table(_("Promises"), [*promises, *(_shown(figure) for figure in report.promise_figures)]),
    )


def show_value(figure: Figure) -> str:
    """The figure's value in the current language, with its unit."""
    language = current_language()
    if figure.value is None:
        return "-"
    match figure.unit:
        case Unit.SHARE:
            return format_percent(figure.value, "#,##0.00 %", locale=language)
        case Unit.SECONDS if 0 < figure.value < 1:
            return _("{milliseconds} ms").format(milliseconds=format_decimal(figure.value * 1000, "0", locale=language))
        case Unit.SECONDS:
            return _("{seconds} s").format(seconds=format_decimal(figure.value, "#,##0.0", locale=language))
        case Unit.COUNT:
            return format_decimal(figure.value, "#,##0", locale=language)
        case Unit.RATIO | Unit.MONEY:
            return format_decimal(figure.value, "#,##0.00", locale=language)


def show_proof(figure: Figure) -> str:
    """Numerator and denominator, and what the latter counts."""
    if figure.denominator is None:
        return ""
    language = current_language()
    numerator = format_decimal(figure.numerator, "#,##0.##", locale=language)
    denominator = format_decimal(figure.denominator, "#,##0.##", locale=language)
    return f"{numerator} / {denominator} {denominator_label(figure.of)}"


def _shown(figure: Figure) -> tuple[str, str, str]:
    return figure_label(figure.key), show_value(figure), show_proof(figure)


def _figure_table(title: str, rows: Sequence[tuple[str, str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _matrix(title: str, keys: Sequence[str], rows: Sequence[tuple[str, Sequence[Figure]]]) -> Table:
    """One line a row, so that twenty agents fit a screen: the heading says what each figure is divided by,
    JSON and CSV by how many."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    of = {figure.key: figure.of for _name, figures in rows for figure in figures}
    for key in keys:
        divided_by = f"/ {denominator_label(of[key])}" if of.get(key) else ""
        table.add_column(Text(f"{figure_label(key)}\n{divided_by}".strip(), justify="right"), justify="right")
    for name, figures in rows:
        by_key = {figure.key: figure for figure in figures}
        cells = [show_value(by_key[key]) for key in keys if key in by_key]
        table.add_row(*map(Text, [name, *cells]))
    return table


def _tree_table(title: str, tree: Sequence[OutcomeShare]) -> Table:
    rows = []
    for node in tree:
        rows.append((outcome_label(node.outcome), show_value(node.share), show_proof(node.share)))
        rows += [
            (f"  {disposition_label(leaf.disposition, leaf.label)}", show_value(leaf.share), show_proof(leaf.share))
            for leaf in node.dispositions
            if leaf.disposition is not None
        ]
    return _figure_table(title, rows)


def _agent_name(name: str) -> str:
    return name or _("no agent")


def _promise_counts(promises: PromiseCounts) -> list[tuple[str, int]]:
    return [("due", promises.due), *asdict(promises).items()]


def _promise_label(key: str) -> str:
    return {
        "due": _("Due in the period"),
        "moved": _("Moved to another time"),
        "cancelled": _("Cancelled"),
        "excused": _("Nobody could keep them: the dialler did not run"),
        "pending": _("Not over yet"),
        "kept": _("Kept in time"),
        "kept_late": _("Kept late"),
        "broken": _("Broken"),
    }.get(key, key)
