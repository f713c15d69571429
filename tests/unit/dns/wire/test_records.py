from __future__ import annotations

import pytest

from dns.wire import records


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        ("10.2.0.1", "1.0.2.10.in-addr.arpa."),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),
    ],
)
def test_addresses_and_their_reverse_names(ip: str, name: str) -> None:
    assert records.reverse_name(ip) == name
    assert records.reverse_address(name.upper()) == ip


@pytest.mark.parametrize(
    "name", ["2.10.in-addr.arpa.", "x.0.2.10.in-addr.arpa.", "1.2.3.256.in-addr.arpa.", "1.ip6.arpa.", "a.b."]
)
def test_names_that_stand_for_no_address(name: str) -> None:
    assert records.reverse_address(name) == ""


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (records.address("a.", 5, "2001:db8::"), "2001:db8::"),
        (records.srv("a.", 5, 10, 80, "b."), "0 10 80 b."),
        (records.mx("a.", 5, 10, "b."), "10 b."),
        (records.txt("a.", 5, 'say "x"', "y"), '"say \\"x\\"" "y"'),
        (records.soa("a.", 5, "b.", "c.", (1, 2, 3, 4, 5)), "b. c. 1 2 3 4 5"),
        (records.Record("a.", 999, 5, b"\1\2"), "\\# 2 0102"),
    ],
)
def test_data_as_text(record: records.Record, text: str) -> None:
    assert records.text_of(record) == text
