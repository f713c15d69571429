from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.wire import names


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=7))
def test_any_labels_survive_text_and_back(labels: list[bytes]) -> None:
    wire = b"".join(bytes((len(one),)) + one for one in labels) + b"\0"
    text, end = names.decode(wire, 0)
    assert end == len(wire)
    assert names.encode(text) == wire


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".", b"\0"),
        ("a.", b"\1a\0"),
        ("a", b"\1a\0"),
        ("a\\.b.", b"\3a.b\0"),
        ("a\\000b.", b"\3a\0b\0"),
        ("\\*.x.", b"\1*\1x\0"),
    ],
)
def test_text_to_wire(text: str, wire: bytes) -> None:
    assert names.encode(text) == wire


@pytest.mark.parametrize("text", ["a..b.", ".a.", "x" * 64 + ".", ("y" * 60 + ".") * 5, "\\999."])
def test_names_that_break_a_limit(text: str) -> None:
    with pytest.raises(names.BadName):
        names.encode(text)


def test_a_pointer_leads_to_an_earlier_name() -> None:
    assert names.decode(b"\1b\1c\0\1a\xc0\x00", 5) == ("a.b.c.", 9)


@pytest.mark.parametrize(
    "wire", [b"\xc0\x00", b"\1a\xc0\x00", b"\xc0\x05\0\0", b"\x80", b"\5ab", b"\1a", b""]
)
def test_wire_that_is_no_name(wire: bytes) -> None:
    with pytest.raises(names.BadName):
        names.decode(wire, 0)


def test_parents() -> None:
    assert names.parents("a.b.") == ["a.b.", "b.", "."]
    assert names.parents("a\\.b.c.") == ["a\\.b.c.", "c.", "."]
    assert names.parents(".") == ["."]


@pytest.mark.parametrize(
    ("name", "zone", "inside"),
    [("a.b.", "b.", True), ("b.", "b.", True), ("ab.", "b.", False), ("a.", ".", True), (".", "b.", False)],
)
def test_is_within(name: str, zone: str, inside: bool) -> None:
    assert names.is_within(name, zone) is inside
