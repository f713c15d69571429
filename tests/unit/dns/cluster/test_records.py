from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dns.cluster.records import (
    EndpointRecord,
    ServicePort,
    address_key,
    address_text,
    canonical,
    slice_record,
)

PORTS = (ServicePort("http", "tcp", 80),)
v4 = st.integers(0, 2**32 - 1).map(IPv4Address).map(str)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address).map(str)
names = st.sampled_from(("", "", "web-0", "a"))
zones = st.sampled_from(("", "zone-a"))


@given(st.one_of(v4, v6, st.text(max_size=20)))
@example("1.2.3.4\0")
@example("::1\0")
@example("\ud800")
def test_an_address_is_found_again_by_its_key(text: str) -> None:
    again = address_text(address_key(text))
    assert again == text or canonical(text) == canonical(again)


@given(v4, v6)
def test_no_two_addresses_share_a_key(four: str, six: str) -> None:
    assert address_key(four) != address_key(six)


@given(st.one_of(st.lists(st.tuples(v4, names, zones)), st.lists(st.tuples(v6, names, zones))))
def test_endpoints_come_out_of_their_columns_as_they_went_in(found: list[tuple[str, str, str]]) -> None:
    endpoints = tuple(EndpointRecord(*one) for one in found)
    record = slice_record("s", endpoints, PORTS, not_ready_count=2, cluster="c")
    assert [(canonical(one.address), one.name, one.zone) for one in record.endpoints] == [
        (canonical(one.address), one.name, one.zone) for one in endpoints
    ]
    assert record.endpoint_count == len(endpoints)
    assert record.address_keys == {address_key(one.address) for one in endpoints}
    assert (record.not_ready_count, record.cluster, record.ports) == (2, "c", PORTS)


@pytest.mark.parametrize("strange", ["no address", "10.0.0", "2001:db8::1", ""])
def test_a_slice_of_mixed_or_strange_addresses_keeps_them_as_text(strange: str) -> None:
    endpoints = (EndpointRecord("10.0.0.1"), EndpointRecord(strange))
    record = slice_record("s", endpoints, PORTS)
    assert record.endpoints == endpoints
    assert (record.packed, record.endpoint_count) == (b"", 2)


def test_columns_that_say_nothing_are_left_out() -> None:
    plain = slice_record("s", [EndpointRecord("10.0.0.1"), EndpointRecord("10.0.0.2")], PORTS)
    assert (plain.names, plain.zones, plain.texts) == ((), (), ())
    named = slice_record("s", [EndpointRecord("10.0.0.1", "a"), EndpointRecord("10.0.0.2")], PORTS)
    assert (named.names, named.zones) == (("a", ""), ())


def test_an_endpoint_without_a_name_is_called_by_its_address() -> None:
    assert EndpointRecord("10.0.0.1").hostname == "10-0-0-1"
    assert EndpointRecord("2001:db8::").hostname == "2001-db8--0"
    assert EndpointRecord("10.0.0.1", "web-0").hostname == "web-0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:1.2.3.4", "::ffff:102:304"),
        ("nonsense", "nonsense"),
        ("10.0.0.01", "10.0.0.01"),  # octal or decimal? It stays what it is
        ("x:y", "x:y"),
    ],
)
def test_addresses_have_one_text(text: str, expected: str) -> None:
    assert canonical(text) in {
        expected,
        str(IPv6Address(expected)) if expected.startswith("::") else expected,
    }
