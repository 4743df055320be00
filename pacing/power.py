"""Power: a fixed number of lines for each idle agent."""

from __future__ import annotations

import math

from pacing.counts import Counts

#: Multiples of it, modulo 1, fill the unit interval evenly whatever their number (Weyl's theorem).
_GOLDEN = (math.sqrt(5) - 1) / 2
#: Products of decimal fractions may come out a hair low: 1.16 x 25 must be 29 lines.
_HAIR = 1e-9


def target(counts: Counts, lines_per_agent: float, placed: int) -> int:
    """Calls that may be dialling or ringing at once: lines_per_agent x free agents, as a whole number.

    The fraction is rounded up for as large a share of calls as it says, and down for the others.
    The share changes only when a call is placed, so that asking often does not amount to rounding up.
    """
    spread = (placed * _GOLDEN) % 1.0
    return math.floor(lines_per_agent * counts.free + spread + _HAIR)
