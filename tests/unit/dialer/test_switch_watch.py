"""What the engine makes of the switch's own news."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from ari.gate import gate_of
from dialer.switch_watch import SwitchWatch
from domain.errors import AccessDenied, Unavailable
from domain.ids import trunk_of
from domain.switch import (
    CallOrphaned,
    Reach,
    ReachChanged,
    RegistrationChanged,
    SwitchBooted,
    SwitchEvent,
    SwitchRestarted,
    SwitchStopping,
    WatchDown,
    WatchUp,
)

pytestmark = pytest.mark.unit

_NOW = datetime(2026, 5, 5, tzinfo=UTC)
_LOST = ReachChanged("carrier", Reach.UNREACHABLE, _NOW)
_BACK = ReachChanged("carrier", Reach.REACHABLE, _NOW)


class Told:
    """News in this order, then the end."""

    def __init__(self, *news: SwitchEvent, end: Exception | None = None) -> None:
        self._news = deque(news)
        self._end = end or Unavailable("closed")

    async def next_event(self) -> SwitchEvent:
        if self._news:
            return self._news.popleft()
        raise self._end


@pytest.mark.parametrize(
    ("news", "reachable"),
    [
        ([], None),
        ([_LOST], False),
        ([_BACK], True),
        ([_LOST, _BACK], True),
        ([_BACK, _LOST], False),
        ([_LOST, ReachChanged("carrier", Reach.UNKNOWN, _NOW)], None),
        ([ReachChanged("other", Reach.UNREACHABLE, _NOW)], None),
        ([_LOST, WatchDown("closed", _NOW)], None),
        ([_LOST, SwitchRestarted("later", _NOW)], None),
        ([_LOST, SwitchBooted(_NOW), WatchUp(_NOW)], False),
    ],
)
def test_only_what_was_told_since_the_watch_began_is_known(news: list[SwitchEvent], reachable: bool | None) -> None:
    watch = SwitchWatch(Told())
    for one in news:
        watch.note(one)
    assert watch.trunk_reachable("carrier") is reachable


@pytest.mark.parametrize(
    ("end", "told"),
    [(Unavailable("closed"), ("info", "switch.watch_ended")), (AccessDenied("no"), ("error", "switch.watch_denied"))],
)
async def test_the_end_of_the_watch_ends_no_engine_and_leaves_nothing_known(
    end: Exception, told: tuple[str, str]
) -> None:
    watch = SwitchWatch(Told(_LOST, end=end))
    with capture_logs() as logs:
        await watch.run()
    assert (logs[-1]["log_level"], logs[-1]["event"]) == told
    assert watch.trunk_reachable("carrier") is None


async def test_what_wants_a_persons_attention_is_logged_and_counted() -> None:
    news: list[SwitchEvent] = [
        WatchUp(_NOW),
        SwitchBooted(_NOW),
        _BACK,
        _LOST,
        SwitchStopping(restart=True, at=_NOW),
        WatchDown("connection lost", _NOW),
        SwitchRestarted("later", _NOW),
        RegistrationChanged("carrier.example", registered=False, at=_NOW),
        RegistrationChanged("carrier.example", registered=True, at=_NOW),
        CallOrphaned("pd-000000000001", _NOW),
        CallOrphaned("pd-000000000002", _NOW),
    ]
    watch = SwitchWatch(Told(*news))
    with capture_logs() as logs:
        await watch.run()
    assert [(one["log_level"], one["event"]) for one in logs if one["log_level"] != "info"] == [
        ("warning", "switch.unreachable"),
        ("warning", "switch.stopping"),
        ("warning", "switch.watch_down"),
        ("error", "switch.restarted"),
        ("warning", "switch.registration_lost"),
        ("error", "switch.call_orphaned"),
        ("error", "switch.call_orphaned"),
    ]
    counts = watch.counts
    assert (counts.boots, counts.restarts, counts.unreachable, counts.orphans, counts.lost_watches) == (1, 1, 1, 2, 1)


@pytest.mark.parametrize("epoch", [1, 7, 999_999_999])
def test_an_endpoint_of_an_epoch_leads_back_to_its_trunk(epoch: int) -> None:
    assert trunk_of(gate_of("carrier-e1", epoch)) == "carrier-e1"


@pytest.mark.parametrize("endpoint", ["carrier", "carrier-e7", "agent001", "-e000000007", "carrier-e00000000٧"])
def test_any_other_endpoint_keeps_its_name(endpoint: str) -> None:
    assert trunk_of(endpoint) == endpoint
