"""What robot agents do with a conversation: decided by seed, number and turn alone, so that a run can be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass

from lab.stories import story_of

#: The other side never ends these calls (persons who talk on, machines, tones), so the robot has to.
_WAITS_FOR_THE_AGENT = frozenset((14, 15, 16, 19, 20))
_HANGS_UP_FIRST = 0.1
_STRANGER = "NOT_INTERESTED"


@dataclass(frozen=True, slots=True)
class RobotTurn:
    """One conversation of a robot, in seconds.

    hang_up_after_s: from the moment both are connected; None: waits until the other side hangs up.
    wrapup_s: from the end of the conversation to the disposition. code: the disposition.
    promise_in_s: from the disposition to the promised call; only with codes that promise.
    """

    hang_up_after_s: float | None
    wrapup_s: float
    code: str
    promise_in_s: float | None


def turn(seed: int, number: str, conversation: int) -> RobotTurn:
    """number: E.164 digits. conversation: which one with this lead, from 1."""
    # A text seed is hashed by the generator itself, the same in every process.
    chance = random.Random(f"{seed}:{number}:{conversation}")
    story = story_of(number)
    says = story.says if story and story.says else (_STRANGER,)
    code = says[min(conversation, len(says)) - 1]
    first = chance.random() < _HANGS_UP_FIRST
    hang_up_after_s = round(chance.uniform(1.5, 4.0), 2)
    wrapup_s = round(chance.uniform(0.3, 1.5), 2)
    promise_in_s = round(chance.uniform(1.0, 4.0), 2)
    return RobotTurn(
        hang_up_after_s=hang_up_after_s if first or int(number[-4:-2]) in _WAITS_FOR_THE_AGENT else None,
        wrapup_s=wrapup_s,
        code=code,
        promise_in_s=promise_in_s if code.startswith("CALLBACK") else None,
    )
