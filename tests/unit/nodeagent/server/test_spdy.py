import zlib

from nodeagent.server.spdy import GoneAway, Opened, Peer, Pinged, Received, Reset
from nodeagent.server.spdy_dictionary import DICTIONARY


class Client:
    """The other end, as kubectl's library writes it."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def open(self, stream: int, headers: dict[str, str]) -> bytes:
        block = len(headers).to_bytes(4, "big")
        for name, value in headers.items():
            block += (
                len(name).to_bytes(4, "big") + name.encode() + len(value).to_bytes(4, "big") + value.encode()
            )
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        payload = stream.to_bytes(4, "big") + bytes(6) + packed
        return b"\x80\x03\x00\x01\x00" + len(payload).to_bytes(3, "big") + payload


def test_the_dictionary_is_the_standards():
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2  # what every SPDY/3 zlib stream names in its header


def test_streams_are_opened_with_headers_that_share_one_compression():
    client, peer = Client(), Peer()
    first = client.open(1, {"streamtype": "error", "port": "80", "requestid": "0"})
    second = client.open(3, {"StreamType": "data", "port": "80", "requestid": "0"})
    assert peer.feed(first + second[:7]) == [
        Opened(1, {"streamtype": "error", "port": "80", "requestid": "0"}, last=False)
    ]
    assert peer.feed(second[7:]) == [
        Opened(3, {"streamtype": "data", "port": "80", "requestid": "0"}, last=False)
    ]


def test_data_and_control_frames():
    peer = Peer()
    data = (3).to_bytes(4, "big") + b"\x01\x00\x00\x02hi"
    ping = b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x07"
    reset = b"\x80\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00\x03\x00\x00\x00\x05"
    away = b"\x80\x03\x00\x07\x00\x00\x00\x08" + bytes(8)
    settings = b"\x80\x03\x00\x04\x00\x00\x00\x04" + bytes(4)
    assert peer.feed(settings + data + ping + reset + away) == [
        Received(3, b"hi", last=True),
        Pinged(7),
        Reset(3),
        GoneAway(),
    ]


def test_what_a_peer_sends_another_peer_reads():
    sender, receiver = Peer(), Peer()
    assert receiver.feed(sender.data(5, b"x" * 1000, last=True)) == [Received(5, b"x" * 1000, last=True)]
    assert receiver.feed(sender.pong(9)) == [Pinged(9)]
    assert receiver.feed(sender.reset(5)) == [Reset(5)]
    assert receiver.feed(sender.accept(5)) == []
