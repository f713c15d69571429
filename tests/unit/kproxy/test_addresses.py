"""Addresses as API objects write them."""

import pytest

from kproxy import addresses as a


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("172.30.0.041", "172.30.0.41"),
        ("010.000.000.001", "10.0.0.1"),
        ("FD00:0::0001", "fd00::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("", None),
        ("10.0.0", None),
        ("10.0.0.256", None),
        ("10.0.0.x", None),
        ("fd00::g", None),
        ("host", None),
    ],
)
def test_canonical_ip(text: str, ip: str | None) -> None:
    assert a.canonical_ip(text) == ip


@pytest.mark.parametrize(
    ("text", "cidr"),
    [
        ("203.0.113.000/025", "203.0.113.0/25"),
        ("203.0.113.77/24", "203.0.113.0/24"),
        ("fd00::1/64", "fd00::/64"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.0.0.0", None),
        ("10.0.0.0/33", None),
        ("x/8", None),
        ("10.0.0.0/-1", None),
    ],
)
def test_canonical_cidr(text: str, cidr: str | None) -> None:
    assert a.canonical_cidr(text) == cidr


def test_families_do_not_meet() -> None:
    assert a.contains("10.0.0.0/8", "10.1.2.3")
    assert not a.contains("10.0.0.0/8", "fd00::1")
    assert not a.contains("10.0.0.0/8", "11.0.0.0")
    assert (a.family_of("10.0.0.1"), a.family_of("fd00::1")) == (4, 6)
    assert a.is_loopback("127.9.9.9")
    assert a.is_loopback("::1")
    assert a.pack("10.0.0.1") == bytes((10, 0, 0, 1))
    assert len(a.pack("fd00::1")) == 16
