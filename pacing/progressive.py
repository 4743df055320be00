"""Progressive: at most one call under way for each idle agent."""

from __future__ import annotations

from pacing.counts import Counts


def target(counts: Counts) -> int:
    """Calls that may be dialling or ringing at once.

    A waiting call has already taken its idle agent. Such a call can be abandoned only when its
    agent leaves while it rings.
    """
    return counts.free
