"""Writing what was asked for to a file: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from domain.errors import BadInput
from domain.i18n import _


def write_text(path: Path, text: str) -> None:
    """Raises BadInput if the file cannot be written."""
    try:
        partial = _partial(path)
        partial.write_text(text, encoding="utf-8", newline="")
        os.replace(partial, path)
    except OSError as error:
        raise _unwritable(path, error) from None


async def write_lines(path: Path, lines: AsyncIterator[str]) -> int:
    """Returns the number of lines. Raises BadInput if the file cannot be written."""
    partial = _partial(path)
    count = 0
    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            async for line in lines:
                out.write(line)
                count += 1
        os.replace(partial, path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        partial.unlink(missing_ok=True)
    return count


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(_("Cannot write {path}: {why}.").format(path=path, why=error.strerror))
