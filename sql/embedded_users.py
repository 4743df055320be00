"""Who uses a private server: the last one who leaves stops it, so that nobody loses it under his feet."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class ServerUsers:
    """One process's part in the use of a server. All methods are called while the server's lock is held.

    A use ends with its process, however that ends. heir: whoever started the server left while others
    used it, so the last of them has to stop it.
    """

    def __init__(self, home: Path) -> None:
        self._heir = home / "heir"
        self._descriptor = os.open(home / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def server_is_new(self) -> None:
        self._heir.unlink(missing_ok=True)

    def leave(self, *, started_here: bool) -> bool:
        """True if the server is to be stopped now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            last = True
        except BlockingIOError:
            last = False
        os.close(self._descriptor)
        if last:
            return started_here or self._heir.exists()
        if started_here:
            self._heir.touch()
        return False
