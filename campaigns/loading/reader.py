"""Rows of a CSV file with the line on which each begins; streaming, with limits."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from campaigns.loading.detect import FileFacts
from domain.errors import BadInput
from domain.i18n import _

MAX_COLUMNS = 200
#: An unclosed quotation mark swallows the rows after it; no honest field runs over so many lines.
MAX_LINES_IN_ROW = 50


@dataclass(frozen=True, slots=True)
class Row:
    """line: in the file, from 1, where the row begins."""

    line: int
    cells: tuple[str, ...]

    @property
    def is_blank(self) -> bool:
        return not any(cell.strip() for cell in self.cells)


def read_rows(path: Path, facts: FileFacts) -> Iterator[Row]:
    """All rows but blank ones, the header included. Raises BadInput, naming the line, if one cannot be read."""
    with path.open("r", encoding=facts.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=facts.separator)
        while True:
            begins = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise BadInput(
                    _("{file}, line {line}: {reason}. Look for a quotation mark that is never closed.").format(
                        file=path.name, line=begins, reason=error
                    )
                ) from None
            except OSError as error:
                raise BadInput(_("{file} cannot be read: {why}.").format(file=path, why=error.strerror)) from None
            except UnicodeDecodeError:
                raise BadInput(
                    _("{file}, line {line} or after: not {encoding}. Choose another encoding.").format(
                        file=path.name, line=begins, encoding=facts.encoding
                    )
                ) from None
            if cells is None:
                return
            if reader.line_num - begins >= MAX_LINES_IN_ROW:
                raise BadInput(
                    _("{file}, line {line}: a quotation mark is opened and not closed.").format(
                        file=path.name, line=begins
                    )
                )
            if len(cells) > MAX_COLUMNS:
                raise BadInput(
                    _("{file}, line {line}: {count} columns; at most {limit} are read.").format(
                        file=path.name, line=begins, count=len(cells), limit=MAX_COLUMNS
                    )
                )
            row = Row(begins, tuple(cells))
            if not row.is_blank:
                yield row
