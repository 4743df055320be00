"""What may go to Asterisk, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ari.gate import gate_of
from ari.orders import check, id_of, media_of, variable_of
from domain.errors import NotPlaced, TelephonyError
from domain.ports import OriginateOrder

pytestmark = pytest.mark.unit

_CUSTOMER = OriginateOrder("pd-000000000001", "PJSIP/79990000001@carrier-e000000007", 25, 60, "74950000000", "customer")
_AGENT = OriginateOrder("ag-000001-000000001", "PJSIP/agent101", 20, 0, "", "agent")


def test_plain_orders_pass() -> None:
    check(_CUSTOMER)
    check(_AGENT)
    check(
        replace(
            _CUSTOMER, variables={"DIALER_MESSAGE": "/var/lib/x y", "PJSIP_HEADER(add,Call-Info)": "answer-after=0"}
        )
    )


@pytest.mark.parametrize(
    "change",
    [
        {"channel": ""},
        {"channel": "pd 1"},
        {"channel": "pd/1"},
        {"channel": "pd-1\n"},
        {"channel": ".."},
        {"channel": "пд-1"},
        {"channel": "x" * 81},
        {"endpoint": "PJSIP/79990000001@carrier&PJSIP/900@carrier"},
        {"endpoint": "PJSIP/79990000001@carrier/x"},
        {"endpoint": "PJSIP/7999000000a@carrier"},
        {"endpoint": "PJSIP/+79990000001@carrier"},
        {"endpoint": "PJSIP/٧٩٩@carrier"},
        {"endpoint": "PJSIP/79990000001@carrier\r\nX: y"},
        {"endpoint": "PJSIP/" + "7" * 21 + "@carrier"},
        {"endpoint": "PJSIP/carrier/sip:79990000001@evil.example"},
        {"endpoint": "Local/s@dialer-out"},
        {"endpoint": "pjsip/79990000001@carrier"},
        {"endpoint": "PJSIP/agent101"},
        {"endpoint": ""},
        {"caller_id": '"Bank" <7495>'},
        {"caller_id": "7495\n"},
        {"caller_id": "7" * 21},
        {"caller_id": "a"},
        {"ring_timeout_s": 0},
        {"ring_timeout_s": -1},
        {"ring_timeout_s": 301},
        {"absolute_timeout_s": -1},
        {"absolute_timeout_s": 86_401},
        {"role": "boss"},
        {"variables": {"SHELL(id)": "x"}},
        {"variables": {"FILE(/etc/passwd)": "x"}},
        {"variables": {"PJSIP_HEADER(remove,From)": "x"}},
        {"variables": {"X\n": "x"}},
        {"variables": {"X": "a\r\nb"}},
        {"variables": {"X": "a\x00"}},
        {"variables": {"X": "a\u2028b"}},
        {"variables": {"X": "a\u202eb"}},
        {"variables": {"X": "${SHELL(id)}"}},
        {"variables": {"X": "$[1+1]"}},
        {"variables": {"X": "y" * 513}},
    ],
)
def test_order_that_must_not_reach_asterisk_is_not_placed_and_not_repeated_in_the_message(
    change: dict[str, Any],
) -> None:
    with pytest.raises(NotPlaced) as told:
        check(replace(_CUSTOMER, **change))
    assert "79990000001" not in str(told.value)


def test_agent_may_be_called_without_a_trunk_only() -> None:
    check(_AGENT)
    with pytest.raises(NotPlaced):
        check(replace(_AGENT, role="customer"))


@pytest.mark.parametrize(("trunk", "epoch"), [("carrier", 0), ("carrier", -1), ("carrier", 10**9), ("", 1), ("a/b", 1)])
def test_gate_needs_a_plain_trunk_and_a_possible_epoch(trunk: str, epoch: int) -> None:
    with pytest.raises(TelephonyError):
        gate_of(trunk, epoch)


def test_gates_have_a_fixed_length() -> None:
    assert gate_of("carrier", 7) == "carrier-e000000007"
    assert len(gate_of("carrier", 1)) == len(gate_of("carrier", 10**9 - 1))


@pytest.mark.parametrize("media", ["hello", "sound:../../etc/passwd", "sound:a,b", "http://x/y", "sound:", "sound:a b"])
def test_only_plain_sounds_are_played(media: str) -> None:
    with pytest.raises(TelephonyError):
        media_of(media)
    assert media_of("sound:/srv/.data/abandoned") == "sound:/srv/.data/abandoned"


def test_ids_and_variables_come_back_unchanged() -> None:
    assert id_of("ab-000001-000000001", "bridge id") == "ab-000001-000000001"
    assert variable_of("TIMEOUT(absolute)", "300") == ("TIMEOUT(absolute)", "300")
    with pytest.raises(TelephonyError):
        variable_of("TIMEOUT(absolute)", "300\n")
