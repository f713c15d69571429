"""Netlink bytes, there and back."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linux.netlink import codec

ATTRS = st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40)), max_size=6)


@given(ATTRS)
def test_attributes_come_back_in_order(pairs):
    data = b"".join(codec.attr(kind, payload) for kind, payload in pairs)
    assert len(data) % 4 == 0
    assert list(codec.iter_attrs(data)) == pairs
    assert codec.parse_attrs(data) == dict(pairs)


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=5)
)
def test_messages_come_back_in_order(rows):
    data = b"".join(codec.pack_message(kind, flags, 7, payload) for kind, flags, payload in rows)
    assert [(m.type, m.flags, m.seq, m.payload) for m in codec.iter_messages(data)] == [
        (kind, flags, 7, payload) for kind, flags, payload in rows
    ]


@given(st.binary(max_size=80))
def test_any_bytes_are_read_without_an_exception(data):
    list(codec.iter_messages(data))
    codec.parse_attrs(data)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (codec.attr_u8(1, 5), "0500010005000000"),
        (codec.attr_u16(1, 0x0102), "0600010002010000"),
        (codec.attr_u32(2, 1), "0800020001000000"),
        (codec.attr_be16(3, 80), "0600030000500000"),
        (codec.attr_be32(3, 80), "0800030000000050"),
        (codec.attr_be64(3, 80), "0c0003000000000000000050"),
        (codec.attr_str(4, "lo"), "070004006c6f0000"),
        (codec.nested(5, codec.attr_u8(1, 1)), "0c0005800500010001000000"),
    ],
)
def test_each_kind_of_attribute_has_its_bytes(made, wanted):
    assert made.hex() == wanted


def test_the_nested_flag_is_masked_off():
    assert list(codec.parse_attrs(codec.nested(9, b""))) == [9]


def test_an_error_with_the_kernels_words():
    tlvs = codec.attr_str(1, "Invalid gateway") + codec.attr_u32(2, 44)
    payload = struct.pack("=i", -22) + codec.HEADER.pack(80, 24, 5, 1, 0) + tlvs
    error = codec.parse_error(
        codec.Message(codec.NLMSG_ERROR, codec.NLM_F_CAPPED | codec.NLM_F_ACK_TLVS, 1, payload)
    )
    assert error == codec.KernelError(22, "Invalid gateway", 44)


def test_an_acknowledgement_is_error_zero():
    payload = struct.pack("=i", 0) + bytes(16)
    assert codec.parse_error(codec.Message(codec.NLMSG_ERROR, 0, 1, payload)).errno == 0
