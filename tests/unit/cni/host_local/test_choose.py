"""Which address comes next."""

import pytest

from cni.host_local import choose
from cni.host_local.choose import Cursor
from cni.host_local.config import Range, RangeSet
from cni.spec.addresses import parse_cidr, parse_ip


def pool(*ranges):
    return RangeSet(
        tuple(Range(parse_cidr(s), parse_ip(a), parse_ip(b), parse_ip(g)) for s, a, b, g in ranges)
    )


SMALL = pool(("10.1.2.0/29", "10.1.2.1", "10.1.2.6", "10.1.2.1"))
TWO = pool(
    ("10.1.2.0/29", "10.1.2.5", "10.1.2.6", "10.1.2.1"), ("10.2.0.0/29", "10.2.0.1", "10.2.0.3", "10.2.0.2")
)


def texts(found):
    return [ip.text for ip, _ in found]


@pytest.mark.parametrize(
    ("ranges", "last", "wanted"),
    [
        (SMALL, None, ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]),
        (SMALL, "10.1.2.4", ["10.1.2.5", "10.1.2.6", "10.1.2.2", "10.1.2.3", "10.1.2.4"]),
        (SMALL, "10.1.2.6", ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]),
        (SMALL, "192.0.2.1", ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]),
        (TWO, None, ["10.1.2.5", "10.1.2.6", "10.2.0.1", "10.2.0.3"]),
        (TWO, "10.1.2.6", ["10.2.0.1", "10.2.0.3", "10.1.2.5", "10.1.2.6"]),
    ],
)
def test_once_around_all_ranges_without_the_gateway(ranges, last, wanted):
    cursor = choose.cursor_after(ranges, parse_ip(last) if last else None)
    assert texts(choose.candidates(ranges, cursor)) == wanted


def test_the_cursor_goes_on_where_it_stopped():
    cursor = choose.cursor_after(SMALL, None)
    seen = []
    while True:
        ip, cursor = choose.next_fresh(SMALL, cursor, lambda ip: False)
        if ip is None:
            break
        seen.append(ip.text)
    assert seen == ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]
    assert cursor.remaining == 0


def test_used_addresses_are_passed_over():
    ip, cursor = choose.next_fresh(SMALL, Cursor(0, 6), lambda ip: ip.number & 1 == 0)
    assert ip is not None
    assert (ip.text, cursor) == ("10.1.2.3", Cursor(3, 3))


def test_an_ipv6_range_is_not_walked_in_vain():
    big = pool(("fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff", "fd00::1"))
    ip, _ = choose.next_fresh(
        big, choose.cursor_after(big, parse_ip("fd00::ffff:ffff:ffff:ffff")), lambda ip: False
    )
    assert ip is not None
    assert ip.text == "fd00::2"


@pytest.mark.parametrize("position", range(5))
def test_positions_and_addresses_are_inverse(position):
    assert choose.position_of(TWO, choose.at(TWO, position)) == position


def test_capacity_leaves_the_gateway_out():
    assert (SMALL.capacity, TWO.capacity) == (5, 4)
