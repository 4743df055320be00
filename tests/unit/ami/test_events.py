"""AMI messages as typed events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ami.events import message_of, switch_event
from domain.switch import CallOrphaned, Reach, ReachChanged, RegistrationChanged, SwitchBooted, SwitchStopping

pytestmark = pytest.mark.unit

_NOW = datetime(2026, 5, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"event": "FullyBooted"}, SwitchBooted(_NOW)),
        ({"event": "Shutdown", "restart": "True"}, SwitchStopping(restart=True, at=_NOW)),
        ({"event": "Shutdown", "restart": "False"}, SwitchStopping(restart=False, at=_NOW)),
        (
            {"event": "PeerStatus", "peer": "PJSIP/agent101", "peerstatus": "Reachable"},
            ReachChanged("agent101", Reach.REACHABLE, _NOW),
        ),
        (
            {"event": "PeerStatus", "peer": "PJSIP/carrier-e000000007", "peerstatus": "Unreachable"},
            ReachChanged("carrier", Reach.UNREACHABLE, _NOW),
        ),
        (
            {"event": "PeerStatus", "peer": "PJSIP/agent101", "peerstatus": "Brilliant"},
            ReachChanged("agent101", Reach.UNKNOWN, _NOW),
        ),
        ({"event": "PeerStatus", "peer": "PJSIP/"}, None),
        ({"event": "PeerStatus", "peer": "IAX2/x", "peerstatus": "Reachable"}, None),
        ({"event": "PeerStatus"}, None),
        (
            {"event": "Registry", "domain": "sip:user@provider.example", "status": "Registered"},
            RegistrationChanged("provider.example", registered=True, at=_NOW),
        ),
        (
            {"event": "Registry", "domain": "provider.example", "status": "Rejected"},
            RegistrationChanged("provider.example", registered=False, at=_NOW),
        ),
        (
            {"event": "UserEvent", "userevent": "DialerOrphan", "callid": "pd-000000000001"},
            CallOrphaned("pd-000000000001", _NOW),
        ),
        ({"event": "UserEvent", "userevent": "DialerOrphan"}, None),
        ({"event": "UserEvent", "userevent": "Other", "callid": "x"}, None),
        ({"event": "Newchannel"}, None),
        ({}, None),
    ],
)
def test_message_as_a_typed_event(message: dict[str, str], expected: object) -> None:
    assert switch_event(message, _NOW) == expected


@pytest.mark.parametrize("stamp", ["", "soon", "inf", "-1e99", "nan"])
def test_unusable_time_stamp_is_replaced_by_the_arrival(stamp: str) -> None:
    assert switch_event({"event": "FullyBooted", "timestamp": stamp}, _NOW) == SwitchBooted(_NOW)


def test_time_stamp_is_the_switchs() -> None:
    found = switch_event({"event": "FullyBooted", "timestamp": "1767323045.5"}, _NOW)
    assert found == SwitchBooted(datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=UTC))


def test_repeated_header_is_joined_and_names_are_lower_case() -> None:
    assert message_of({"Event": "X", "Part": ["a", "b"], "N": 7}) == {"event": "X", "part": "a\nb", "n": "7"}
