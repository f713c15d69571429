import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.server.websocket import BINARY, CLOSE, PING, ProtocolError, Receiver, accept_key, frame, unmask


def client_frame(kind: int, data: bytes, *, final: bool = True, key: bytes = b"\x01\x02\x03\x04") -> bytes:
    head = bytes([(0x80 if final else 0) | kind])
    if len(data) < 126:
        size = bytes([0x80 | len(data)])
    elif len(data) < 1 << 16:
        size = bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    else:
        size = bytes([0x80 | 127]) + len(data).to_bytes(8, "big")
    return head + size + key + unmask(data, key)


def test_the_handshake_key_of_the_rfc():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(max_size=300), st.integers(1, 40))
def test_messages_arrive_whole_however_the_bytes_are_cut(data, step):
    stream = client_frame(BINARY, data) + client_frame(PING, b"p") + client_frame(CLOSE, b"")
    receiver, found = Receiver(), []
    for start in range(0, len(stream), step):
        found += receiver.feed(stream[start : start + step])
    assert found == [(BINARY, data), (PING, b"p"), (CLOSE, b"")]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_every_length_form_is_read_and_written(size):
    data = os.urandom(size)
    assert Receiver().feed(client_frame(BINARY, data)) == [(BINARY, data)]
    assert frame(BINARY, data).endswith(data)


def test_fragments_are_joined_around_a_ping():
    stream = client_frame(BINARY, b"a", final=False) + client_frame(PING, b"") + client_frame(0, b"b")
    assert Receiver().feed(stream) == [(PING, b""), (BINARY, b"ab")]


@pytest.mark.parametrize(
    "stream",
    [b"\x82\x00", b"\xc2\x80....", client_frame(0, b"x"), client_frame(PING, b"x" * 126)],
    ids=["not masked", "unknown extension", "continues nothing", "long ping"],
)
def test_a_breach_of_the_protocol_is_noticed(stream):
    with pytest.raises(ProtocolError):
        Receiver().feed(stream)
