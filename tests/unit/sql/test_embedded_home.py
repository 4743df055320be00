from __future__ import annotations

import os
from pathlib import Path

import pytest

from domain.errors import BadInput
from sql.embedded import REACHABLE_FOR_ALL, _can_traverse, _home_for, _last_complaint, _make_home, _User

pytestmark = pytest.mark.unit

STRANGER = _User(os.geteuid() + 4321, os.getegid() + 4321)
OURSELVES = _User(None, None)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def test_a_closed_folder_on_the_way_keeps_another_user_out(closed: Path) -> None:
    assert not _can_traverse(closed, STRANGER)
    assert not _can_traverse(closed / "not" / "made" / "yet", STRANGER)
    assert _can_traverse(Path("/var/lib"), STRANGER)
    assert _can_traverse(Path("/usr/not/made/yet"), STRANGER)


def test_a_folder_closed_to_its_owner_is_closed_to_him_even_if_open_to_all_others(tmp_path: Path) -> None:
    owner = _User(os.geteuid(), STRANGER.gid)
    assert _can_traverse(tmp_path, owner)
    tmp_path.chmod(0o055)
    try:
        assert not _can_traverse(tmp_path, owner)
    finally:
        tmp_path.chmod(0o755)


def test_the_cluster_moves_out_of_a_closed_home_to_a_place_of_its_own(closed: Path) -> None:
    one, two = _home_for(closed / "a" / ".data", STRANGER), _home_for(closed / "b" / ".data", STRANGER)
    assert one.parent == two.parent == REACHABLE_FOR_ALL
    assert one != two
    assert _home_for(closed / "a" / ".data", STRANGER) == one
    assert _home_for(closed / "a" / ".data", OURSELVES) == closed / "a" / ".data" / "postgres"
    assert _home_for(Path("/var/lib/dialer"), STRANGER) == Path("/var/lib/dialer/postgres")


def test_a_folder_with_somebody_elses_files_is_not_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="belongs to another user"):
        _make_home(folder, STRANGER)
    assert folder.stat().st_uid == os.geteuid()


def test_the_last_complaint_of_a_program_is_what_people_see() -> None:
    assert _last_complaint("LOG:  x\nFATAL:  no room\nhint\n") == "no room"
    assert _last_complaint("one\n\ntwo\n\n") == "two"
    assert _last_complaint("") == "no message"
