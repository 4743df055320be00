"""Unpacking Asterisk with a scripted debootstrap: whole or not at all, once, and with a clear word when it fails."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import Unavailable
from lab import root as subject
from lab.root import AsteriskRoot, ensure_root, find_root

pytestmark = pytest.mark.unit

#: A package that holds a loader which ignores its options and an Asterisk that tells its version.
_LOADER = '#!/bin/sh\nshift 2\nexec "$@"\n'
_ASTERISK = "#!/bin/sh\necho Asterisk 22.99.0\n"


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DIALER_ASTERISK_ROOT", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(subject, "_KEYRING", keyring)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a debootstrap first on the path; its body sees the target as $target and the suite as $suite."""

    def put(body: str) -> Path:
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        calls = tmp_path / "calls"
        program = programs / "debootstrap"
        head = '#!/bin/sh\nset -eu\nwhile case "$1" in --*) true ;; *) false ;; esac; do shift; done\n'
        program.write_text(f"{head}suite=$1 target=$2\necho $suite >> {calls}\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        return calls

    return put


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("package")
    files = {
        "DEBIAN/control": "Package: asterisk\nVersion: 22\nArchitecture: all\nMaintainer: nobody\nDescription: x\n",
        "usr/lib64/ld-linux-x86-64.so.2": _LOADER,
        "usr/sbin/asterisk": _ASTERISK,
        "usr/lib/x86_64-linux-gnu/asterisk/modules/chan_pjsip.so": "",
        "usr/share/doc/asterisk/README": "long",
    }
    for name, text in files.items():
        path = base / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if not name.startswith("DEBIAN"):
            path.chmod(0o755)
    built = base / "asterisk.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", base / "tree", built], check=True, capture_output=True)
    return built


def _fetches(package: Path) -> str:
    return f'mkdir -p "$target/var/cache/apt/archives"; cp {package} "$target/var/cache/apt/archives/"'


def test_unpacks_once_and_leaves_out_what_is_not_read(
    script: Callable[[str], Path], package: Path, tmp_path: Path
) -> None:
    calls = script(_fetches(package))
    data = tmp_path / "data"
    assert find_root(data) is None
    root = ensure_root(data)
    assert root.version() == "Asterisk 22.99.0"
    assert root.modules == data / "asterisk-root/usr/lib/x86_64-linux-gnu/asterisk/modules"
    assert (root.modules / "chan_pjsip.so").exists()
    assert not (root.path / "usr/share/doc").exists()
    assert (root.path / ".unpacked").read_text() == "forky\nAsterisk 22.99.0\n"
    assert ensure_root(data) == root == find_root(data)
    assert calls.read_text() == "forky\n"
    assert not (data / "asterisk-root.part").exists()


def test_takes_the_next_suite_when_the_first_does_not_have_it(
    script: Callable[[str], Path], package: Path, tmp_path: Path
) -> None:
    calls = script(f"mkdir $target; [ $suite = sid ] || exit 1; {_fetches(package)}")
    assert (ensure_root(tmp_path / "data").path / ".unpacked").read_text().startswith("sid\n")
    assert calls.read_text() == "forky\nsid\n"


def test_without_network_it_says_so_and_leaves_nothing(script: Callable[[str], Path], tmp_path: Path) -> None:
    script("mkdir $target; echo 'E: Failed getting release file' >&2; exit 1")
    with pytest.raises(
        Unavailable, match=r"(?s)could not be fetched \(sid .*Failed getting release.*Check the network"
    ):
        ensure_root(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["asterisk-root.lock"]


def test_a_half_made_folder_is_thrown_away(script: Callable[[str], Path], package: Path, tmp_path: Path) -> None:
    script(_fetches(package))
    data = tmp_path / "data"
    for left in ("asterisk-root.part/root/usr", "asterisk-root/usr"):
        (data / left).mkdir(parents=True)
        (data / left / "stale").touch()
    root = ensure_root(data)
    assert not (root.path / "usr/stale").exists()
    assert root.version() == "Asterisk 22.99.0"


def test_an_asterisk_that_does_not_run_gets_no_name(
    script: Callable[[str], Path], tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(_fetches(package))

    def broken(root: AsteriskRoot) -> str:
        raise Unavailable("does not run")

    monkeypatch.setattr(AsteriskRoot, "version", broken)
    with pytest.raises(Unavailable, match="does not run"):
        ensure_root(tmp_path / "data")
    assert find_root(tmp_path / "data") is None


def test_two_at_once_fetch_once(script: Callable[[str], Path], package: Path, tmp_path: Path) -> None:
    calls = script(f"sleep 0.2; {_fetches(package)}")
    found: list[AsteriskRoot] = []
    threads = [threading.Thread(target=lambda: found.append(ensure_root(tmp_path / "data"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert calls.read_text() == "forky\n"


def test_without_any_way_to_root_it_says_what_to_do(
    script: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = script("exit 0")
    for name in ("sudo", "unshare"):
        refusing = tmp_path / "bin" / name
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match=r"as root or with sudo, .*DIALER_ASTERISK_ROOT"):
        ensure_root(tmp_path / "data")
    assert not calls.exists()


def test_without_debootstrap_it_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_ADMIN_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get install debootstrap"):
        ensure_root(tmp_path / "data")


def test_without_the_archives_keys_nothing_is_fetched(
    script: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = script("exit 0")
    monkeypatch.setattr(subject, "_KEYRING", tmp_path / "absent.gpg")
    with pytest.raises(Unavailable, match="debian-archive-keyring"):
        ensure_root(tmp_path / "data")
    assert not calls.exists()


def test_a_named_root_goes_first_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    root = find_root(tmp_path, {"DIALER_ASTERISK_ROOT": str(tmp_path / "elsewhere")})
    assert root is not None
    with pytest.raises(Unavailable, match="elsewhere holds no asterisk"):
        root.command("asterisk")
