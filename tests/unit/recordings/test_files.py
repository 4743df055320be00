from __future__ import annotations

import os
from pathlib import Path

import pytest

from domain.errors import BadInput, NotFound
from recordings import files

pytestmark = pytest.mark.unit

TRAVERSALS = ["../x.wav", "a/../../x.wav", "/etc/passwd", "a//x.wav", ".", "..", "", "a/./x.wav", "a\0/x.wav"]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_root(tmp_path: Path, path: str) -> None:
    (tmp_path / "x.wav").write_bytes(b"outside")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    with pytest.raises(BadInput, match="below the recordings folder"):
        files.open_below(root, path)
    with pytest.raises(BadInput, match="below the recordings folder"), files.replace_below(root, path):
        pass
    with pytest.raises(BadInput, match="below the recordings folder"):
        files.remove_below(root, path)
    assert (tmp_path / "x.wav").read_bytes() == b"outside"


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.wav").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "file.wav").symlink_to(outside / "x.wav")
    for path in ("folder/x.wav", "file.wav"):
        with pytest.raises(NotFound):
            files.open_below(root, path)
        assert files.size_below(root, path) is None
    with pytest.raises(OSError, match=r"folder"), files.replace_below(root, "folder/x.wav"):
        pass
    assert (outside / "x.wav").read_bytes() == b"secret"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    real = tmp_path / "disk"
    real.mkdir()
    (real / "x.wav").write_bytes(b"abc")
    (tmp_path / "archive").symlink_to(real)
    with files.open_below(tmp_path / "archive", "x.wav") as found:
        assert found.read() == b"abc"


def test_a_pipe_or_a_folder_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    for name in ("pipe.wav", "folder.wav"):
        with pytest.raises(NotFound, match="not a regular file"):
            files.open_below(tmp_path, name)
        assert files.size_below(tmp_path, name) is None


def test_a_replaced_file_appears_whole(tmp_path: Path) -> None:
    with files.replace_below(tmp_path, "2026/11/21/x.wav") as target:
        target.write(b"abc")
        assert not (tmp_path / "2026/11/21/x.wav").exists()
    assert (tmp_path / "2026/11/21/x.wav").read_bytes() == b"abc"
    assert os.listdir(tmp_path / "2026/11/21") == ["x.wav"]
    assert (tmp_path / "2026/11/21/x.wav").stat().st_mode & 0o027 == 0


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"old")

    def fail_halfway() -> None:
        with files.replace_below(tmp_path, "x.wav") as target:
            target.write(b"new")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail_halfway()
    assert os.listdir(tmp_path) == ["x.wav"]
    assert (tmp_path / "x.wav").read_bytes() == b"old"


def test_the_remains_of_a_crash_are_written_over(tmp_path: Path) -> None:
    (tmp_path / ".x.wav.part").write_bytes(b"half a recording of long ago")
    with files.replace_below(tmp_path, "x.wav") as target:
        target.write(b"new")
    assert (tmp_path / "x.wav").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["x.wav"]


def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"1")
    files.remove_below(tmp_path, "x.raw")
    files.remove_below(tmp_path, "x.raw")
    files.remove_below(tmp_path, "no/such/x.raw")
    assert os.listdir(tmp_path) == []
