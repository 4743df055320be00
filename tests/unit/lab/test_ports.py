"""Blocks of ports never overlap, and a taken one is passed over."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest

from domain.errors import Unavailable
from lab import ports

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _blocks_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labs that run on this machine at the same time take theirs from another range."""
    monkeypatch.setattr(ports, "_FIRST", 40000)
    monkeypatch.setattr(ports, "_LAST", 49999)


def test_two_claims_get_two_blocks() -> None:
    with ports.claim() as first, ports.claim() as second:
        assert abs(first.first - second.first) >= 2000


def test_ranges_of_a_block_are_apart() -> None:
    block = ports.PortBlock(20000)
    signalling = [block.switch_sip, block.network_sip, block.ami, block.ari]
    edges = [min(signalling), max(signalling), *block.switch_rtp, *block.network_rtp, 22000]
    assert len(set(signalling)) == 4
    assert all(low < high for low, high in pairwise(edges))
    assert block.switch_rtp[0] % 2 == block.network_rtp[0] % 2 == 0


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_block_on_which_somebody_listens_is_passed_over(kind: socket.SocketKind) -> None:
    with ports.claim() as free:
        block = free
    with socket.socket(socket.AF_INET, kind) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((ports.HOST, block.switch_sip if kind == socket.SOCK_DGRAM else block.ari))
        if kind == socket.SOCK_STREAM:
            other.listen()
        with ports.claim() as claimed:
            assert claimed != block


def test_a_claim_is_given_back() -> None:
    with ports.claim() as first:
        pass
    with ports.claim() as second:
        assert second == first


def test_when_all_are_taken_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_listens_nowhere", lambda block: False)
    with pytest.raises(Unavailable, match="dialer lab down"), ports.claim():
        pytest.fail("there is no free block")
