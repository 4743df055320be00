"""File names of recordings, made of the attempt's id and the date alone, never of data about a person."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from domain.ids import AttemptId, attempt_of

_DIGITS = 12
_RAW = ".raw"
_ARCHIVED = re.compile(rf"\d{{4}}/\d\d/\d\d/(\d{{{_DIGITS}}})\.wav", re.ASCII)


def raw_name(channel: str) -> str:
    """The file in the spool folder that the switch's dialplan writes for a channel: `<channel>.raw`."""
    return f"{channel}{_RAW}"


def attempt_of_raw(name: str) -> AttemptId | None:
    """The attempt whose customer's raw file this is; None for any other name."""
    return attempt_of(name.removesuffix(_RAW)) if name.endswith(_RAW) else None


def archive_path(attempt: AttemptId, at: datetime) -> str:
    """Path below the archive folder, by the UTC day on which the recording began: `YYYY/MM/DD/<attempt>.wav`."""
    day = at.astimezone(UTC)
    return f"{day.year:04d}/{day.month:02d}/{day.day:02d}/{attempt:0{_DIGITS}d}.wav"


def is_archive_path(path: str, attempt: AttemptId) -> bool:
    """Whether the path is one that `archive_path` makes for this attempt."""
    found = _ARCHIVED.fullmatch(path)
    return found is not None and int(found.group(1)) == attempt
