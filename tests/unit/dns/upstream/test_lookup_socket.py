from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from dns.fakes.upstream_serve import FakeUpstream
from dns.upstream.lookup_socket import host_addresses
from dns.wire import numbers, records

NAME = "dns.test."


@pytest.fixture
def server() -> Iterator[str]:
    """A name server in a thread of its own: the look-up waits for it."""
    upstream = FakeUpstream(
        {
            (NAME, numbers.A): (records.address(NAME, 9, "192.0.2.7"),),
            (NAME, numbers.AAAA): (records.address(NAME, 9, "2001:db8::7"),),
        }
    )
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            data, client = sock.recvfrom(4096)
            if not data:
                return
            sock.sendto(upstream.answer(data, "udp") or b"", client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{sock.getsockname()[1]}"
    sock.sendto(b"", sock.getsockname())
    thread.join(5)
    sock.close()


def test_both_families_are_asked_of_the_server_named(server: str) -> None:
    assert host_addresses("dns.test", (server,)) == ("192.0.2.7", "2001:db8::7")


def test_the_next_server_is_asked_when_one_is_not_there(server: str) -> None:
    assert host_addresses("dns.test", ("127.0.0.1:1", server))[0] == "192.0.2.7"


def test_a_host_that_nobody_knows(server: str) -> None:
    with pytest.raises(OSError, match="no such host"):
        host_addresses("nosuch.test", (server,))


def test_the_systems_own_resolver() -> None:
    assert "127.0.0.1" in host_addresses("127.0.0.1", ())
