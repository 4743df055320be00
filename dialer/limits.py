"""What has been launched lately, for the cap of calls per second."""

from __future__ import annotations

from collections import deque


class LaunchLog:
    """Times of recent launches, monotonic seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, at: float) -> None:
        self._times.append(at)

    def ages(self, now: float, window_s: float) -> tuple[float, ...]:
        """Seconds since each launch within the window; older ones are forgotten."""
        while self._times and now - self._times[0] >= window_s:
            self._times.popleft()
        return tuple(now - at for at in self._times)
