from __future__ import annotations

import time
from random import Random

from dns.answering.responder import Responder, Seen
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import encode, message, numbers

NAME = "svc1.testns.svc.cluster.local."


def raise_again(problem: BaseException) -> None:
    raise problem


def responder() -> Responder:
    server = LocalServer(". {\n kubernetes cluster.local\n}", example_cluster())
    return Responder(
        next(iter(server.configuration.routers.values())),
        proto="udp",
        clock=time.monotonic,
        rng=Random(1),
        schedule=lambda awaited, done: None,
        panicked=raise_again,
    )


def ask(found: Responder, name: str) -> message.Message:
    reply = found.respond(encode.question(9, name, numbers.A), "192.0.2.1", 5, lambda late: None)
    assert reply is not None
    return message.decode(reply)


def test_an_answer_is_kept_at_once_and_a_denial_when_it_is_asked_for_again() -> None:
    found = responder()
    assert ask(found, NAME).answer
    assert len(found.memo.lasting) == 1
    for expected in (1, 2, 2):
        assert ask(found, "nosuch.testns.svc.cluster.local.").rcode == numbers.NXDOMAIN
        assert len(found.memo.lasting) == expected


def test_names_that_come_once_take_no_memory() -> None:
    found = responder()
    for index in range(2000):
        assert ask(found, f"w{index}.example.com.cluster.local.").rcode == numbers.NXDOMAIN
    assert len(found.memo.lasting) < 50  # but for those that share a place


def test_what_was_seen_is_forgotten_in_the_end() -> None:
    seen = Seen()
    first = b"the first"
    assert not seen.again(first)
    assert seen.again(first)
    for index in range(200_000):
        seen.again(b"%d" % index)
    assert seen._taken <= 1 << 16


def test_packets_that_are_no_question_get_what_they_deserve() -> None:
    found = responder()
    assert found.respond(b"short", "192.0.2.1", 5, lambda late: None) is None
    assert found.respond(b"\0\1\x81\0" + b"\0" * 20, "192.0.2.1", 5, lambda late: None) is None
    status = found.respond(b"\0\1\x11\0\0\1" + b"\0" * 6, "192.0.2.1", 5, lambda late: None)
    assert status is not None
    assert message.decode(status).rcode == numbers.NOTIMP
