"""Opening and replacing files strictly below a root folder.

Every step down is taken relative to the folder already open and never through a symbolic link, so
neither a path from the database nor a link planted in the tree leads outside. The root itself may
be a link: where the archive lies is the administrator's choice.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from domain.errors import BadInput, NotFound

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER_MODE = 0o750
_FILE_MODE = 0o640


def _parts(relative: str) -> list[str]:
    parts = relative.split("/")
    if "\0" in relative or any(part in ("", ".", "..") for part in parts):
        raise BadInput("recording path: expected plain names below the recordings folder, without '..'")
    return parts


@contextmanager
def _parent(root: Path, relative: str, *, create: bool) -> Iterator[tuple[int, str]]:
    """The open folder that holds `relative`, and the last name of the path."""
    *folders, name = _parts(relative)
    fd = os.open(root, _FOLDER)
    try:
        for folder in folders:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(folder, _FOLDER_MODE, dir_fd=fd)
            below = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd, name
    finally:
        os.close(fd)


def open_below(root: Path, relative: str) -> BinaryIO:
    """A regular file below `root`, for reading. Raises NotFound if it is missing, a link or not a file."""
    try:
        with _parent(root, relative, create=False) as (folder, name):
            # O_NONBLOCK: a FIFO planted under the name must not hang the reader
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise NotFound(f"recording file {relative}: {os.strerror(error.errno or 0)}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotFound(f"recording file {relative}: not a regular file")
    return os.fdopen(fd, "rb")


def size_below(root: Path, relative: str) -> int | None:
    """Bytes of a regular file below `root`; None if there is none."""
    try:
        with _parent(root, relative, create=False) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def remove_below(root: Path, relative: str) -> None:
    """Remove a file below `root`; one that is already gone counts as success."""
    with suppress(FileNotFoundError), _parent(root, relative, create=False) as (folder, name):
        os.unlink(name, dir_fd=folder)


@contextmanager
def replace_below(root: Path, relative: str) -> Iterator[BinaryIO]:
    """Write a file below `root` that appears whole or not at all, and survives a power cut.

    The block writes into a neighbour `.<name>.part`; on success that is synced to disk and renamed.
    If the block raises, the neighbour is removed. Missing folders are made. Raises OSError.
    """
    with _parent(root, relative, create=True) as (folder, name):
        part = f".{name}.part"
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)  # left by a crash
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(part, flags, _FILE_MODE, dir_fd=folder), "w+b") as target:
                yield target
                target.flush()
                os.fsync(target.fileno())
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise
        os.fsync(folder)
