"""File names of recordings, made of the attempt's id and the date alone, never of data about a person."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from domain.ids import AttemptId

_DIGITS = 12
_RAW = re.compile(rf"(\d{{{_DIGITS}}})\.raw", re.ASCII)
_ARCHIVED = re.compile(rf"\d{{4}}/\d\d/\d\d/(\d{{{_DIGITS}}})\.wav", re.ASCII)


def raw_name(attempt: AttemptId) -> str:
    """The file in the spool folder that Asterisk writes: `<attempt>.raw`."""
    return f"{attempt:0{_DIGITS}d}.raw"


def attempt_of_raw(name: str) -> AttemptId | None:
    """The attempt whose raw file this is; None for any other name."""
    found = _RAW.fullmatch(name)
    return AttemptId(int(found.group(1))) if found else None


def archive_path(attempt: AttemptId, at: datetime) -> str:
    """Path below the archive folder, by the UTC day on which the recording began: `YYYY/MM/DD/<attempt>.wav`."""
    day = at.astimezone(UTC)
    return f"{day.year:04d}/{day.month:02d}/{day.day:02d}/{attempt:0{_DIGITS}d}.wav"


def is_archive_path(path: str, attempt: AttemptId) -> bool:
    """Whether the path is one that `archive_path` makes for this attempt."""
    found = _ARCHIVED.fullmatch(path)
    return found is not None and int(found.group(1)) == attempt
