"""What the ARI adapter is told, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Fields of the PJSIP endpoint that is a trunk's outbound gate; `aors` is added for each trunk.
#: No media address: it depends on the machine, and belongs to the installation's settings.
GATE_FIELDS: Mapping[str, str] = {
    "context": "nowhere",
    "disallow": "all",
    "allow": "ulaw,alaw",
    "direct_media": "no",
    "rtp_symmetric": "no",
    "allow_transfer": "no",
    "allow_subscribe": "no",
    "send_rpid": "yes",
    "trust_id_outbound": "yes",
}


@dataclass(frozen=True, slots=True)
class AriSettings:
    """How to reach one Asterisk and what to be called there.

    base_url: `http://host:port/`. app: the Stasis application, one per engine.
    context: the dialplan context customers are originated into (extension `s`, priority 1).
    gate_fields: PJSIP endpoint fields of a trunk's outbound gate; trunk_fields: for one trunk, over those.
    request_timeout_s, connect_timeout_s, heartbeat_s: seconds; a silent link is noticed within 1.5 heartbeats.
    backoff_min_s, backoff_max_s: between attempts to connect, doubled each time, with full jitter.
    replaced_backoff_s: before taking the application back after another client took it.
    """

    base_url: str
    user: str
    secret: str = field(repr=False)
    app: str
    context: str = "dialer-out"
    gate_fields: Mapping[str, str] = field(default_factory=lambda: dict(GATE_FIELDS))
    trunk_fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    request_timeout_s: float = 4.0
    connect_timeout_s: float = 2.0
    heartbeat_s: float = 4.0
    connections: int = 50
    backoff_min_s: float = 0.25
    backoff_max_s: float = 10.0
    replaced_backoff_s: float = 30.0
