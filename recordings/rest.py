"""Telling from a raw file's size alone whether the switch has finished it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from recordings import files

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RestRule:
    """When a raw file counts as finished; seconds.

    Asterisk reports no end of a MixMonitor whose channel hung up, so the file's size tells. It writes
    through a buffer of 32 KiB, about 1 s of stereo, so that only a longer rest means a closed file.

    poll_s: between two looks. rest_s: unchanged for so long. missing_s: patience for a file that is not
    there. growing_s: patience for one that keeps growing although its channel ended. rounds: how often
    one that rested, and had grown once it was converted, is waited for again.
    """

    poll_s: float = 0.25
    rest_s: float = 1.5
    missing_s: float = 3.0
    growing_s: float = 30.0
    rounds: int = 3


class Rest(StrEnum):
    FINISHED = "finished"
    MISSING = "missing"
    GROWING = "growing"


async def wait_for_rest(spool: Path, raw: str, rule: RestRule, sleep: Sleep, *, at_once: bool) -> Rest:
    """Watch a raw file until its size rests. at_once: give way as soon as it grows."""
    size: int | None = None
    rested = waited = 0.0
    while True:
        now = await asyncio.to_thread(files.size_below, spool, raw)
        if now is None and waited >= rule.missing_s:
            return Rest.MISSING
        if now is not None and now == size:
            rested += rule.poll_s
            if rested >= rule.rest_s:
                return Rest.FINISHED
        elif now is not None:
            if size is not None and (at_once or waited >= rule.growing_s):
                return Rest.GROWING
            rested = 0.0
        size = now
        await sleep(rule.poll_s)
        waited += rule.poll_s
