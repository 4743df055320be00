"""From signalling facts to the outcome of an unanswered call.

Order of precedence: who ended it, then the SIP code, then the Q.850 cause. The cause alone cannot
tell (our own ring time-out and the network's 480 look the same), so the request for the hang-up,
which only a far end or a command produces, decides first.
"""

from __future__ import annotations

from domain.outcome import HangupBy, Outcome

#: Seconds of ringing from which a 480 means "nobody took it" rather than "telephone off".
RANG_LONG_ENOUGH_S = 3.0

_BY_SIP = {
    302: Outcome.UNREACHABLE,  # redirects are never followed: they may lead to a premium number
    401: Outcome.BARRED,
    404: Outcome.INVALID_NUMBER,
    407: Outcome.BARRED,
    410: Outcome.INVALID_NUMBER,
    484: Outcome.INVALID_NUMBER,
    485: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    488: Outcome.BARRED,
    600: Outcome.BUSY,
    603: Outcome.REJECTED,
    604: Outcome.INVALID_NUMBER,
    606: Outcome.BARRED,
}

_BY_Q850 = {
    1: Outcome.INVALID_NUMBER,
    3: Outcome.TRUNK_FAIL,
    17: Outcome.BUSY,
    20: Outcome.UNREACHABLE,
    22: Outcome.INVALID_NUMBER,
    23: Outcome.UNREACHABLE,
    27: Outcome.TRUNK_FAIL,
    28: Outcome.INVALID_NUMBER,
    29: Outcome.BARRED,
    34: Outcome.TRUNK_FAIL,
    38: Outcome.TRUNK_FAIL,
    41: Outcome.TRUNK_FAIL,
    42: Outcome.TRUNK_FAIL,
    58: Outcome.BARRED,
    102: Outcome.TRUNK_FAIL,
}


def classify_unanswered(
    *,
    cancelled: bool,
    requested: bool,
    q850: int,
    sip_code: int | None,
    ring_s: float | None,
) -> tuple[Outcome, HangupBy]:
    """Outcome and author of the end of a call that nobody answered.

    cancelled: the engine hung up. requested: a hang-up request was seen before the channel ended.
    ring_s: seconds since the first 180 or 183; None if there was none.
    """
    if cancelled:
        return Outcome.ENGINE_CANCEL, HangupBy.ENGINE
    if not requested:
        if ring_s is not None:
            return Outcome.NO_ANSWER, HangupBy.TIMEOUT
        return Outcome.NO_RESPONSE, HangupBy.TIMEOUT
    if q850 == 0 and sip_code is None and ring_s is None:
        # Asterisk failed before it sent anything, e.g. no RTP port was left.
        return Outcome.NOT_PLACED, HangupBy.ENGINE
    return _network_outcome(q850, sip_code, ring_s), HangupBy.NETWORK


def _network_outcome(q850: int, sip_code: int | None, ring_s: float | None) -> Outcome:
    rang = ring_s is not None
    if sip_code is not None and sip_code >= 400:
        if sip_code in _BY_SIP:
            return _BY_SIP[sip_code]
        if sip_code == 403:
            # With ringing it is a person's refusal; without, the route or our credentials.
            return Outcome.REJECTED if rang else Outcome.BARRED
        if sip_code in (408, 480):
            # Q.850 20 (absent subscriber) is carried in some carriers' Reason header.
            long_ring = ring_s is not None and ring_s >= RANG_LONG_ENOUGH_S and q850 != 20
            return Outcome.NO_ANSWER if long_ring else Outcome.UNREACHABLE
        if sip_code == 487:
            return Outcome.NO_ANSWER if rang else Outcome.NO_RESPONSE
        if 500 <= sip_code < 600:
            return Outcome.TRUNK_FAIL
        return Outcome.TRUNK_FAIL
    if sip_code in _BY_SIP:
        return _BY_SIP[sip_code]
    if q850 in _BY_Q850:
        return _BY_Q850[q850]
    if q850 == 21:
        return Outcome.REJECTED if rang else Outcome.BARRED
    if q850 in (16, 18, 19):
        return Outcome.NO_ANSWER if rang else Outcome.UNREACHABLE
    return Outcome.NO_ANSWER if rang else Outcome.TRUNK_FAIL
