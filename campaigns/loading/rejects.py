"""The rows that were not accepted, as a CSV file that a spreadsheet opens: `line;reason;<columns as they stood>`."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from domain.bases import RejectedRow
from domain.errors import BadInput
from domain.i18n import _

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(cell: str) -> str:
    """The cell so that no spreadsheet takes it for a formula."""
    return "'" + cell if cell.startswith(_STARTS_A_FORMULA) else cell


class RejectsFile:
    """Appears under its name only when `publish` is called: a half-written file is never taken for whole."""

    def __init__(self, folder: Path, file_name: str, sha256: bytes) -> None:
        stem = re.sub(r"[^\w.-]+", "_", Path(file_name).stem)[:80] or "base"
        self.path = folder / f"{stem}.{sha256.hex()[:8]}.rejects.csv"
        self._part = self.path.with_suffix(".part")
        self._file: IO[str] | None = None

    def open(self, titles: Sequence[str]) -> None:
        """Raises BadInput if the folder cannot be written to."""
        with self._writing():
            self._part.parent.mkdir(parents=True, exist_ok=True)
            # Names and numbers of people: for the owner's eyes only.
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(handle, "w", encoding="utf-8-sig", newline="")
            csv.writer(self._file, delimiter=";").writerow(["line", "reason", *map(harmless, titles)])

    def write(self, rows: Iterable[RejectedRow]) -> None:
        if self._file is None:
            raise RuntimeError("open() comes first")
        writer = csv.writer(self._file, delimiter=";")
        with self._writing():
            for row in rows:
                writer.writerow([row.line, row.reason, *map(harmless, row.columns)])

    def finish(self) -> None:
        """Everything is on the disk, or BadInput: to be called while the load can still be taken back."""
        if self._file is not None:
            with self._writing():
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()

    def publish(self) -> None:
        if self._file is not None:
            with self._writing():
                self._file.close()
                self._part.replace(self.path)
            self._file = None

    def discard(self) -> None:
        """Without effect after `publish`."""
        if self._file is not None:
            with suppress(OSError):  # of rows that could not be written, and are not wanted any more
                self._file.close()
            self._part.unlink(missing_ok=True)
            self._file = None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadInput(
                _(
                    "The rejected rows cannot be written to {folder}: {reason}. Make room, or name another folder."
                ).format(folder=self.path.parent, reason=error.strerror)
            ) from None
