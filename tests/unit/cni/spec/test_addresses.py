"""Addresses as numbers, against the standard library."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cni.spec.addresses import IP, parse_cidr, parse_ip, parse_ip_or_cidr


@given(st.ip_addresses(), st.data())
def test_networks_are_those_of_the_standard_library(address, data):
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    wanted = ipaddress.ip_interface(f"{address}/{prefix}").network
    if address.version == 6 and address.ipv4_mapped is not None:
        return
    cidr = parse_cidr(f"{address}/{prefix}")
    assert ipaddress.ip_network(cidr.network.text) == wanted
    assert ipaddress.ip_address(cidr.last.text) == wanted.broadcast_address
    assert cidr.contains(cidr.ip)
    assert len(cidr.ip.mapped) == 16


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4/24", "::g", "1.2.3.256", "a\0b", "1.2.3.4 "]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="invalid IP address"):
        parse_ip(text)


@pytest.mark.parametrize(
    "text", ["1.2.3.4", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "::1/129", "/24", "1.2.3.4/٢"]
)
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match="invalid CIDR address"):
        parse_cidr(text)


def test_a_mapped_address_is_ipv4():
    assert parse_ip("::ffff:10.1.2.3") == IP(32, 0x0A010203)
    assert parse_cidr("::ffff:10.1.2.3/120").text == "10.1.2.3/24"


def test_a_bare_address_is_one_host():
    assert parse_ip_or_cidr("10.1.2.3").text == "10.1.2.3/32"
    assert parse_ip_or_cidr("fd00::1").text == "fd00::1/128"


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.0.0.0/9", "10.128.0.0/9", False),
        ("::/0", "10.0.0.0/8", False),
    ],
)
def test_overlap(one, other, wanted):
    assert parse_cidr(one).overlaps(parse_cidr(other)) is wanted
    assert parse_cidr(other).overlaps(parse_cidr(one)) is wanted
