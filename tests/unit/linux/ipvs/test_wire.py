"""Virtual and real servers to netlink and back."""

import struct
from socket import AF_INET, AF_INET6

import pytest

from linux.ipvs import wire
from linux.ipvs.wire import Destination, Service, ServiceKey
from linux.netlink.codec import attr_u16, attr_u32, nested, parse_attrs
from linux.netlink.generic import HEADER_BYTES, header

_KEYS = (ServiceKey("10.96.0.10", 6, 443), ServiceKey("fd00:96::a", 132, 9))


@pytest.mark.parametrize("key", _KEYS, ids=["IPv4", "IPv6"])
def test_a_virtual_server_comes_back(key: ServiceKey) -> None:
    service = Service(key, "mh", wire.PERSISTENT | wire.SOURCE_PORT, 10800)
    assert wire.parse_service(wire.service_payload(wire.NEW_SERVICE, service)) == service


def test_flags_that_the_kernel_adds_are_not_ours() -> None:
    hashed = Service(_KEYS[0], "rr", wire.PERSISTENT | 0x2, 60)
    assert wire.parse_service(wire.service_payload(wire.SET_SERVICE, hashed)) == hashed._replace(flags=1)


@pytest.mark.parametrize(("key", "mask"), [(_KEYS[0], 0xFFFFFFFF), (_KEYS[1], 128)], ids=["IPv4", "IPv6"])
def test_persistence_is_for_one_address(key: ServiceKey, mask: int) -> None:
    payload = wire.service_payload(wire.NEW_SERVICE, Service(key, "rr"))
    said = parse_attrs(parse_attrs(payload, HEADER_BYTES)[1])
    assert struct.unpack("=I", said[9])[0] == mask


@pytest.mark.parametrize(("ip", "family"), [("10.1.0.1", AF_INET), ("fd00::1", AF_INET6)])
def test_a_real_server_comes_back_with_its_connections(ip: str, family: int) -> None:
    sent = parse_attrs(wire.destination_payload(wire.NEW_DEST, _KEYS[0], Destination(ip, 8080, 1)), 4)[2]
    counts = attr_u32(7, 3) + attr_u32(8, 4)
    for told, fallback in (
        (sent + counts, family),
        (sent + counts + attr_u16(11, family), AF_INET6 if family == AF_INET else AF_INET),
    ):
        answer = header(wire.NEW_DEST) + nested(2, told)
        assert wire.parse_destination(answer, fallback) == Destination(ip, 8080, 1, 3, 4)


def test_servers_by_firewall_mark_and_empty_answers_are_passed_over() -> None:
    by_mark = header(wire.NEW_SERVICE) + nested(1, attr_u16(1, AF_INET), attr_u32(5, 7))
    assert wire.parse_service(by_mark) is None
    assert wire.parse_destination(header(wire.NEW_DEST), AF_INET) is None


def test_a_removal_names_the_server_alone() -> None:
    payload = wire.service_request(wire.DELETE_SERVICE, _KEYS[1])
    assert payload[0] == wire.DELETE_SERVICE
    assert set(parse_attrs(parse_attrs(payload, HEADER_BYTES)[1])) == {1, 2, 3, 4}


def test_timeouts_are_seconds_in_host_order() -> None:
    said = parse_attrs(wire.timeouts_payload(900, 120, 300), HEADER_BYTES)
    assert [struct.unpack("=I", said[kind])[0] for kind in (4, 5, 6)] == [900, 120, 300]
