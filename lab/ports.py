"""Port blocks, so that several labs stand side by side on one machine.

A block is free if nobody holds its name (a socket in the kernel's abstract namespace, which dies with its
holder) and nobody listens on its signalling ports. The name is held until Asterisk itself has the ports.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domain.errors import Unavailable
from domain.i18n import _

#: Below the range from which Linux takes ephemeral ports, above the well-known services.
_FIRST, _LAST, _BLOCK = 12000, 31999, 2000
_SIGNALLING = 20
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class PortBlock:
    """Ports of one lab; RTP ranges are inclusive and hold about 490 calls at once on each side."""

    first: int

    @property
    def switch_sip(self) -> int:
        return self.first

    @property
    def network_sip(self) -> int:
        return self.first + 1

    @property
    def ami(self) -> int:
        return self.first + 2

    @property
    def ari(self) -> int:
        return self.first + 3

    @property
    def switch_rtp(self) -> tuple[int, int]:
        return self.first + _SIGNALLING, self.first + 999

    @property
    def network_rtp(self) -> tuple[int, int]:
        return self.first + 1000, self.first + _BLOCK - 1


@contextmanager
def claim() -> Iterator[PortBlock]:
    """A free block; it stays claimed inside the `with`, by which time Asterisk must listen on it.

    Raises Unavailable when every block is taken.
    """
    for first in range(_FIRST, _LAST, _BLOCK):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
            try:
                name.bind(f"\0dialer-lab-ports-{first}")
            except OSError:
                continue
            block = PortBlock(first)
            if _listens_nowhere(block):
                yield block
                return
    raise Unavailable(_("All port blocks of the lab are in use: stop a lab with `dialer lab down` and try again."))


def _listens_nowhere(block: PortBlock) -> bool:
    wanted = [
        (socket.SOCK_DGRAM, block.switch_sip),
        (socket.SOCK_DGRAM, block.network_sip),
        (socket.SOCK_STREAM, block.ami),
        (socket.SOCK_STREAM, block.ari),
    ]
    return all(_is_free(kind, port) for kind, port in wanted)


def _is_free(kind: int, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # Asterisk sets it too: a connection in its last minute does not block the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
