"""A lab that outlives the command that started it: `dialer lab up` and `dialer lab down`."""

from __future__ import annotations

from pathlib import Path

from domain.errors import AlreadyExists
from domain.i18n import _
from lab.network import RUN_FILE, Lab, LabAccess, read_run

_UP_FILE = "up"
_STOP_S = 3.0


def up(data_dir: Path, agents: int = 20) -> LabAccess:
    """Start a lab and leave it running. Raises AlreadyExists if one is up, else what Lab.start raises."""
    if state(data_dir) is not None:
        raise AlreadyExists(_("A lab is up already. Stop it first: dialer lab down"))
    lab = Lab.start(data_dir, agents=agents, detached=True)
    _pointer(data_dir).write_text(lab.run_id)
    return lab


def down(data_dir: Path) -> bool:
    """Stop the lab that `up` started, and nothing else; False if there was none."""
    access = _last(data_dir)
    running = [process for process in access.processes if process.alive] if access else []
    for process in reversed(running):
        process.stop(_STOP_S)
    _pointer(data_dir).unlink(missing_ok=True)
    return bool(running)


def state(data_dir: Path) -> LabAccess | None:
    """The lab that is up, or None; one whose switch or network has ended counts as down."""
    access = _last(data_dir)
    if access is None or not all(process.alive for process in access.processes):
        return None
    return access


def _last(data_dir: Path) -> LabAccess | None:
    try:
        run_id = _pointer(data_dir).read_text().strip()
    except OSError:
        return None
    return read_run(data_dir.resolve() / "lab" / run_id / RUN_FILE) if run_id else None


def _pointer(data_dir: Path) -> Path:
    return data_dir.resolve() / "lab" / _UP_FILE
