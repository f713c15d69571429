"""Userdata byte for byte as nft 1.0.6 writes it (read off the kernel after `nft -f`)."""

import pytest

from linux.nft import userdata as u
from linux.nft.values import named_map, named_set, verdict_map

_BY_IP = (u.IP_DESTINATION, u.L4_PROTOCOL, u.DESTINATION_PORT)
_BY_IP6 = (u.IP6_DESTINATION, u.L4_PROTOCOL, u.DESTINATION_PORT)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            named_set("hairpin", (u.IP_SOURCE, *_BY_IP), comment="x y"),
            "000400000000035a00040d00000001520014000407000000010c00040c00000001040b0000000114000407000000010c00040c"
            "00000001040c000000020e00040900000001060004100000000314000407000000010c00040b000000010402000000070478207900",
        ),
        (
            verdict_map("services", _BY_IP),
            "000400000000010400000000034400040d000000013c0014000407000000010c00040c00000001040c000000010e000409000000"
            "01060004100000000214000407000000010c00040b00000001040200000004080004010000000100060400000000",
        ),
        (
            named_map("endpoints", (*_BY_IP, u.random_number(65536)), (u.IP_DESTINATION, u.DESTINATION_PORT)),
            "000400000000010400000000036000040d00000001580014000407000000010c00040c00000001040c000000010e000409000000"
            "01060004100000000214000407000000010c00040b000000010402000000031a0004170000000112000401000000010400000100"
            "020400000000043400040d000000012c0014000407000000010c00040c00000001040c0000000114000407000000010c00040b00"
            "0000010402000000060400000000",
        ),
        (
            named_map("affinity", (u.IP_SOURCE,), (u.IP_DESTINATION, u.DESTINATION_PORT)),
            "0004020000000104000000000314000407000000010c00040c00000001040b000000043400040d000000012c0014000407000000"
            "010c00040c00000001040c0000000114000407000000010c00040b000000010402000000060400000000",
        ),
        (
            named_set("ranges", (*_BY_IP6, u.IP6_SOURCE), ranges=True),
            "000400000000035a00040d00000001520014000407000000010c00040d000000010409000000010e000409000000010600041000"
            "00000214000407000000010c00040b0000000104020000000314000407000000010c00040d000000010408000000",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_set_is_described_as_nft_does(item: object, expected: str) -> None:
    assert item.userdata.hex() == expected  # type: ignore[attr-defined]


def test_types_and_widths_of_concatenations() -> None:
    item = named_map("endpoints", (*_BY_IP, u.random_number(65536)), (u.IP_DESTINATION, u.DESTINATION_PORT))
    assert (hex(item.key_type), item.key_bytes, hex(item.data_type or 0), item.data_bytes) == (
        "0x1cc344",
        16,
        "0x1cd",
        8,
    )
    assert named_set("one", (u.L4_PROTOCOL,)).key_bytes == 1


def test_ranges_name_the_width_of_each_part() -> None:
    assert named_set("r", (*_BY_IP, u.IP_SOURCE), ranges=True).field_bytes == (4, 1, 2, 4)


@pytest.mark.parametrize("comment", ["default/x:http", "x" * 127])
def test_a_comment_comes_back(comment: str) -> None:
    assert u.comment_of(u.of_comment(comment)) == comment


def test_a_long_comment_is_cut_where_nft_would_refuse_it() -> None:
    assert u.comment_of(u.of_comment("x" * 300)) == "x" * 127


def test_no_comment_is_no_userdata() -> None:
    assert u.of_comment("") == b""
    assert u.comment_of(b"") == ""
    assert u.comment_of(bytes((9, 1, 0))) == ""
