"""How fast and how many: launches per second and lines of a trunk."""

from __future__ import annotations

from collections import deque


class LaunchLog:
    """Times of recent launches, for the cap of calls per second. Times are monotonic seconds."""

    def __init__(self, keep_s: float = 2.0) -> None:
        self._keep_s = keep_s
        self._times: deque[float] = deque()

    def add(self, at: float, count: int) -> None:
        self._times.extend([at] * count)

    def ages(self, now: float) -> tuple[float, ...]:
        """Seconds since each launch that is younger than `keep_s`."""
        while self._times and now - self._times[0] > self._keep_s:
            self._times.popleft()
        return tuple(now - at for at in self._times)
