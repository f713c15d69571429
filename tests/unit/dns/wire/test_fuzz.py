"""Packets from nowhere: no crash, no growth. A million of them by `KDNS_FUZZ_PACKETS=1000000`, 30,000 otherwise."""

from __future__ import annotations

import os
import time
import tracemalloc
from random import Random

import pytest

from dns.answering.responder import Responder
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import encode, message, names, numbers
from dns.wire.passage import passed_on, read
from dns.wire.query import Edns

COUNT = int(os.environ.get("KDNS_FUZZ_PACKETS", "30000"))
COREFILE = (
    ". {\n cache 30\n kubernetes cluster.local in-addr.arpa ip6.arpa {\n pods insecure\n }\n loadbalance\n}"
)
SEEDS = [
    encode.question(1, "svc1.testns.svc.cluster.local.", numbers.A),
    encode.question(1, "_http._tcp.svc1.testns.svc.cluster.local.", numbers.SRV, edns=Edns(1232, 0, True)),
    encode.question(1, "100.0.0.10.in-addr.arpa.", numbers.PTR),
    encode.question(1, "www.example.com.", numbers.HTTPS, edns=Edns(4096, 0, False, ((10, b"12345678"),))),
    b"\0\1\x01\0\0\1\0\0\0\0\0\1\3www\xc0\x0c\0\1\0\1\0\0\x29\x04\xd0\0\0\0\0\0\0",
]


def mutated(rng: Random) -> bytes:
    packet = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(packet)) if packet else 0
        match rng.randrange(5):
            case 0 if packet:
                packet[place] = rng.randrange(256)
            case 1 if packet:
                packet[place] ^= 1 << rng.randrange(8)
            case 2:
                del packet[place:]
            case 3:
                packet[place:place] = rng.randbytes(rng.randrange(1, 9))
            case _:
                packet[place:place] = packet[: rng.randrange(1, 30)]
    return bytes(packet)


def broken(problem: BaseException) -> None:
    raise AssertionError("a handler failed") from problem


@pytest.mark.timeout(900)
def test_no_packet_breaks_the_server_and_memory_stays() -> None:
    router = next(iter(LocalServer(COREFILE, example_cluster()).configuration.routers.values()))
    responder = Responder(
        router,
        proto="udp",
        clock=time.monotonic,
        rng=Random(2),
        schedule=lambda _awaited, _done: None,
        panicked=broken,
    )
    rng = Random(6)
    answered = 0
    held_bytes = 0
    tracemalloc.start()
    try:
        for index in range(COUNT):
            packet = mutated(rng)
            reply = responder.respond(packet, "192.0.2.1", 53, lambda _late: None)
            if reply is not None:
                answered += 1
                assert reply[:2] == packet[:2]
                assert reply[2] & 0x80
            if index == COUNT // 2:
                held_bytes = tracemalloc.get_traced_memory()[0]
        grown_bytes = tracemalloc.get_traced_memory()[0] - held_bytes
    finally:
        tracemalloc.stop()
    assert answered > COUNT // 2
    assert len(responder.memo.lasting) < 100_000
    assert grown_bytes < 48 << 20


def test_no_reply_breaks_the_reader() -> None:
    rng = Random(8)
    asked = read(SEEDS[0][2:])
    assert asked is not None
    for _ in range(COUNT // 3):
        packet = mutated(rng)
        passed_on(packet, asked, (5, 30), None)
        try:
            message.decode(packet)
        except message.BadMessage:
            continue


def test_names_survive_the_way_to_bytes_and_back() -> None:
    rng = Random(9)
    for _ in range(COUNT // 10):
        wire = b"".join(
            bytes((len(one),)) + one
            for one in (rng.randbytes(rng.randrange(1, 20)) for _ in range(rng.randrange(5)))
        )
        text, end = names.decode(wire + b"\0", 0)
        assert end == len(wire) + 1
        assert names.encode(text) == wire + b"\0"
