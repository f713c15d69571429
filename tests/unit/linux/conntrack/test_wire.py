"""Connection tracking entries to netlink and back."""

import pytest

from linux.conntrack import wire
from linux.conntrack.wire import Entry, Filter, Tuple
from linux.netlink.codec import parse_attrs

_V4 = Entry(
    Tuple("10.0.0.1", "10.96.0.10", 17, 1000, 53), Tuple("10.244.0.5", "10.0.0.1", 17, 5353, 1000), 0x28
)
_V6 = Entry(Tuple("fd00::1", "fd00:96::a", 17, 1, 53), Tuple("fd00::5", "fd00::1", 17, 53, 1))


@pytest.mark.parametrize("entry", [_V4, _V6], ids=["IPv4", "IPv6"])
def test_an_entry_comes_back(entry: Entry) -> None:
    assert wire.parse_entry(wire.header(2) + wire.encode_entry(entry, timeout_s=30)) == entry


def test_a_reference_names_the_zone_and_the_id() -> None:
    data = wire.header(2) + wire.encode_reference(_V4._replace(id=7, zone=3))
    found = wire.parse_entry(data)
    assert (found.original, found.id, found.zone) == (_V4.original, 7, 3)


def test_a_filter_says_which_of_its_attributes_count() -> None:
    parts = parse_attrs(wire.encode_filter(Filter(17, "10.96.0.10", 53)))
    flags = parse_attrs(parts[25])
    assert int.from_bytes(flags[1], "little") == 0b101010
    assert wire.encode_filter(Filter()) == b""
    status = parse_attrs(wire.encode_filter(Filter(without_status=0x22)))
    assert (status[3], status[26]) == (bytes(4), bytes((0, 0, 0, 0x22)))
