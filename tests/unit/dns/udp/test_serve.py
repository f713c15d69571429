"""Datagrams over loopback, to the loop that answers them in batches and to the one that takes them one by one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from dns.answering.responder import Responder
from dns.fakes.cluster import LocalServer, apply
from dns.fakes.objects import example_cluster, service
from dns.handlers.request import Response
from dns.udp import serve
from dns.udp.serve import UdpServer
from dns.udp.socket import HAS_MMSG, open_udp
from dns.wire import encode, message, numbers, records
from dns.wire.query import Edns

NAME = "svc1.testns.svc.cluster.local."
COREFILE = ". {\n prometheus :9153\n loadbalance\n cache 30\n kubernetes cluster.local {\n ttl 30\n }\n}"


class Stand:
    def __init__(self, host: str) -> None:
        self.local = LocalServer(COREFILE, example_cluster())
        self.problems: list[Any] = []
        self.responder = Responder(
            next(iter(self.local.configuration.routers.values())),
            proto="udp",
            clock=time.monotonic,
            rng=Random(1),
            schedule=lambda awaited, done: done(Response(rcode=numbers.REFUSED, written=False)),
            panicked=self.problems.append,
        )
        sock = open_udp(host, 0)
        self.port = sock.getsockname()[1]
        self.server = UdpServer(sock, self.responder, lambda level, text: self.problems.append(text))
        self.server.start()
        self.clients: list[socket.socket] = []

    def client(self, address: str = "127.0.0.1") -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.connect((address, self.port))
        sock.settimeout(60.0)
        self.clients.append(sock)
        return sock

    def ask(
        self, name: str, kind: int = numbers.A, *, address: str = "127.0.0.1", **fields: Any
    ) -> message.Message:
        sock = self.client(address)
        sock.send(encode.question(7, name, kind, **fields))
        return message.decode(sock.recv(4096))

    def count(self, *parts: str) -> float:
        self.responder.settle()
        text = self.local.configuration.world.registry.render()
        return sum(
            float(line.split()[-1]) for line in text.splitlines() if all(part in line for part in parts)
        )


@pytest.fixture(params=["batches", "singles"])
def stand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    if request.param == "singles":
        monkeypatch.setattr(serve, "HAS_MMSG", False)
    elif not HAS_MMSG:
        pytest.skip("recvmmsg needs 64-bit Linux")
    found = Stand("")
    yield found
    for sock in found.clients:
        sock.close()
    found.server.stop()
    assert found.problems == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "::1"])
def test_answers_come_from_the_address_that_was_asked(stand: Stand, address: str) -> None:
    for _ in range(4):  # made, then from memory; a connected socket takes them from nowhere else
        reply = stand.ask(NAME, address=address)
        assert [records.text_of(one) for one in reply.answer] == ["10.0.0.100"]


def test_many_at_once_each_get_their_own_answer(stand: Stand) -> None:
    sock = stand.client()
    names = [NAME, "dual.testns.svc.cluster.local.", "nosuch.testns.svc.cluster.local.", NAME.title(), "x."]
    asked = {}
    for number in range(1, 151):
        name = names[number % len(names)]
        asked[number] = name
        sock.send(encode.question(number, name, numbers.A))
    for _ in range(150):
        reply = message.decode(sock.recv(4096))
        assert reply.name == asked.pop(reply.packet_id)
        expected = {"nosuch.testns.svc.cluster.local.": 3, "x.": 2}.get(reply.name, 0)
        assert reply.rcode == expected
    assert not asked


def test_a_change_is_answered_by_the_next_question(stand: Stand) -> None:
    for last in (1, 2, 3):
        changed = service("svc1", [f"10.0.1.{last}"])
        stand.responder.invalidate(apply(stand.local.clusters[0], changed))
        for _ in range(3):
            assert [records.text_of(one) for one in stand.ask(NAME).answer] == [f"10.0.1.{last}"]


def test_silence_and_garbage_do_not_stop_it(stand: Stand) -> None:
    sock = stand.client()
    for packet in (
        b"",
        b"x",
        b"\0" * 11,
        encode.question(1, NAME, 1)[:2] + b"\x80" + b"\0" * 20,
        b"\xff" * 4000,
    ):
        sock.send(packet)
    assert stand.ask(NAME).answer


def test_clients_of_both_families_are_counted_apart(stand: Stand) -> None:
    for index in range(3):
        stand.ask(f"w{index}.example.com.cluster.local.")
        stand.ask(f"w{index}.example.com.cluster.local.", address="::1", edns=Edns(1232))
    for family in ("1", "2"):
        assert stand.count("coredns_dns_requests_total{", f'family="{family}"') == 3


def test_stopping_answers_what_has_come(stand: Stand) -> None:
    sock = stand.client()
    for number in range(20):
        sock.send(encode.question(number, NAME, numbers.A))
    stand.server.stop()
    found = {message.decode(sock.recv(4096)).packet_id for _ in range(20)}
    assert found == set(range(20))
