"""CSV that spreadsheets open as it is meant: BOM, RFC 4180 quoting, and no cell that could run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime

BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")

Cell = str | int | float | bool | datetime | None


class Sheet:
    """Lines of one CSV. semicolon: for spreadsheets whose language writes decimals with a comma."""

    def __init__(self, *, semicolon: bool = False) -> None:
        self._semicolon = semicolon
        self._out = io.StringIO(newline="")
        self._writer = csv.writer(self._out, delimiter=";" if semicolon else ",")

    def line(self, cells: Sequence[Cell]) -> str:
        """One line with its end; the first line of a file goes after `BOM`."""
        self._out.seek(0)
        self._out.truncate()
        self._writer.writerow([self._text(cell) for cell in cells])
        return self._out.getvalue()

    def _text(self, cell: Cell) -> str:
        match cell:
            case None:
                return ""
            case bool():
                return "1" if cell else "0"
            case datetime():
                return cell.isoformat()
            case float():
                text = f"{cell:.6f}".rstrip("0").rstrip(".")
                return text.replace(".", ",") if self._semicolon else text
            case int():
                return str(cell)
            case _:
                return neutral(cell)


def neutral(text: str) -> str:
    """The text without NULs, with an apostrophe before it if a spreadsheet might take it for a formula."""
    clean = text.replace("\0", "")
    return f"'{clean}" if text.lstrip(" ").startswith(_FORMULA) else clean
