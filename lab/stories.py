"""What happens to each lead of the lab's base: a table in the proportions of a real project of 829 leads.

A lead's number tells both halves of its story. The last four digits say what the network does (see
lab/README.md); the five before them say, by the thousand, which row of this table the lead is, and so
what a robot agent makes of the conversation.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from domain.outcome import LeadState

_SERIALS_A_STORY = 1000
_PREFIX = "79"


@dataclass(frozen=True, slots=True)
class Story:
    """behaviours: what the network may do, as (BB, least NN, greatest NN). says: the disposition after the
    first, second, ... conversation, the last one for all later ones; empty: nobody is ever reached.
    ends: the lead's final state under the rules of the lab preset."""

    name: str
    leads: int
    behaviours: tuple[tuple[int, int, int], ...]
    says: tuple[str, ...]
    ends: LeadState


#: Rings 0.6 to 1.8 s and talks 1.5 to 4 s; the last one talks until the agent hangs up.
_PERSON = (
    (72, 15, 40),
    (73, 15, 40),
    (74, 15, 35),
    (75, 15, 30),
    (76, 15, 25),
    (10, 5, 20),
    (19, 5, 15),
)

STORIES: tuple[Story, ...] = (
    # 190 never answer.
    Story("rings out", 83, ((31, 0, 0),), (), LeadState.EXHAUSTED),
    Story("busy after ringing", 30, ((30, 5, 12),), (), LeadState.EXHAUSTED),
    Story("busy at once", 10, ((30, 0, 0),), (), LeadState.EXHAUSTED),
    Story("declines", 24, ((33, 5, 15),), (), LeadState.EXHAUSTED),
    Story("network gives up", 13, ((32, 10, 20),), (), LeadState.EXHAUSTED),
    Story("telephone off", 10, ((34, 0, 0),), (), LeadState.EXHAUSTED),
    Story("voicemail", 12, ((20, 5, 15),), ("MACHINE_AGENT",), LeadState.EXHAUSTED),
    Story("dead number", 8, ((40, 0, 0), (41, 0, 0)), (), LeadState.DEAD),
    # 249 are reached, without a result.
    Story("silent", 93, ((13, 15, 40),), ("SILENT",), LeadState.EXHAUSTED),
    Story("callback fails", 54, _PERSON, ("CALLBACK_ANY", "MACHINE_AGENT"), LeadState.EXHAUSTED),
    Story("bad line", 36, ((12, 10, 25),), ("BAD_LINE",), LeadState.EXHAUSTED),
    Story("off segment", 32, _PERSON, ("WRONG_SEGMENT",), LeadState.OFF_TARGET),
    # 209 refuse.
    Story("refuses", 203, _PERSON, ("NOT_INTERESTED",), LeadState.REFUSED),
    Story("asks never to be called", 6, _PERSON, ("DNC_ASKED",), LeadState.DNC),
    # 215 are interested.
    Story("meeting", 54, _PERSON, ("MEETING",), LeadState.WON),
    Story("repeat call, same agent", 28, _PERSON, ("CALLBACK_PERSONAL", "APPLICATION"), LeadState.WON),
    Story("repeat call, any agent", 27, _PERSON, ("CALLBACK_ANY", "APPLICATION"), LeadState.WON),
    Story("will call back themselves", 54, _PERSON, ("WILL_CALL_SELF",), LeadState.DONE),
    Story("wants the offer", 52, _PERSON, ("OFFER_SENT_INTERESTED",), LeadState.WON),
)

#: Leads that the base's rules let in.
LEADS = sum(story.leads for story in STORIES)


def number_in(story: Story, serial: int, chance: random.Random) -> str:
    """A number, E.164 digits, whose network and robots follow the story. serial: below 1000, unique in it."""
    behaviour, least, greatest = chance.choice(story.behaviours)
    place = STORIES.index(story) * _SERIALS_A_STORY + serial
    return f"{_PREFIX}{place:05d}{behaviour:02d}{chance.randint(least, greatest):02d}"


def story_of(number: str) -> Story | None:
    """The story that a number (E.164 digits) follows; None if it is not one of this base."""
    if len(number) != 11 or not number.startswith(_PREFIX):
        return None
    place = int(number[2:7]) // _SERIALS_A_STORY
    return STORIES[place] if place < len(STORIES) else None


def expected_ends() -> dict[LeadState, int]:
    """How many leads end in which state when the whole base was called under the lab preset."""
    found: dict[LeadState, int] = {}
    for story in STORIES:
        found[story.ends] = found.get(story.ends, 0) + story.leads
    return found
