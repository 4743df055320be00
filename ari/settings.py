"""What the ARI adapter is told, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AriSettings:
    """How to reach one Asterisk and what to be called there.

    base_url: `http://host:port/`. app: the Stasis application, one per engine.
    context: the dialplan context customers are originated into (extension `s`, priority 1).
    closed_context: the dialplan context that only hangs up, for doors that exist for going out.
    request_timeout_s, connect_timeout_s, heartbeat_s: seconds; a silent link is noticed within 1.5 heartbeats.
    backoff_min_s, backoff_max_s: between attempts to connect, doubled each time, with full jitter.
    replaced_backoff_s: before taking the application back after another client took it.
    """

    base_url: str
    user: str
    secret: str = field(repr=False)
    app: str
    context: str = "dialer-out"
    closed_context: str = "nowhere"
    request_timeout_s: float = 4.0
    connect_timeout_s: float = 2.0
    heartbeat_s: float = 4.0
    connections: int = 50
    backoff_min_s: float = 0.25
    backoff_max_s: float = 10.0
    replaced_backoff_s: float = 30.0
