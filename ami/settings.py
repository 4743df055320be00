"""What the AMI adapter is told, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AmiSettings:
    """How to reach one Asterisk's manager interface.

    events: the event classes asked for. login_timeout_s: above one second, which Asterisk waits
    before it refuses a secret. action_timeout_s: for each answer. ping_interval_s: a link
    that is silent longer than this plus action_timeout_s is dropped. backoff_*: between attempts
    to connect, doubled each time, with jitter. queue_size: events kept for a slow reader; beyond
    it the oldest are dropped and counted. All times in seconds.
    """

    host: str
    port: int
    user: str
    secret: str = field(repr=False)
    events: str = "system,user"
    connect_timeout_s: float = 3.0
    login_timeout_s: float = 5.0
    action_timeout_s: float = 4.0
    ping_interval_s: float = 3.0
    backoff_min_s: float = 0.25
    backoff_max_s: float = 10.0
    queue_size: int = 10_000
