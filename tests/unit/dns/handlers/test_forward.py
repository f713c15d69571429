from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.upstream_serve import FakeUpstream
from dns.handlers.forward_targets import order
from dns.wire import numbers, records
from dns.wire.query import Edns

WWW = "www.example.com."
ANSWERS = {(WWW, numbers.A): (records.address(WWW, 300, "192.0.2.1"),)}


def run(corefile: str, steps: Any, *, upstreams: int = 1, **fields: Any) -> Any:
    """`{0}`, `{1}` in the Corefile are the addresses of upstreams."""

    async def main() -> Any:
        found = [FakeUpstream(ANSWERS) for _ in range(upstreams)]
        addresses = [await one.start() for one in found]
        text = corefile
        for index, address in enumerate(addresses):
            text = text.replace(f"{{{index}}}", address)
        server = LocalServer(text, **fields)
        server.configuration.world.clock = asyncio.get_running_loop().time
        tasks = [asyncio.ensure_future(task.run()) for task in server.configuration.world.tasks]
        try:
            return await steps(server, *found)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in found:
                await one.stop()

    return asyncio.run(main())


def test_an_answer_is_passed_on_with_its_flags() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        reply = await server.ask_later(WWW)
        assert [records.text_of(record) for record in reply.answer] == ["192.0.2.1"]
        assert reply.flags & numbers.RA
        assert not reply.authoritative

    run(". {\n forward . {0}\n}", steps)


@pytest.mark.parametrize(
    ("option", "asked_by", "proto"),
    [("", "udp", "udp"), ("", "tcp", "tcp"), ("force_tcp", "udp", "tcp"), ("prefer_udp", "tcp", "udp")],
)
def test_the_transport_is_the_clients_unless_told(option: str, asked_by: str, proto: str) -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> str:
        await server.ask_later(WWW, proto=asked_by)
        return upstream.asked[0][2]

    assert run(f". {{\n forward . {{0}} {{\n {option}\n }}\n}}", steps) == proto


def test_many_questions_at_once_each_get_their_answer() -> None:
    names = [f"n{index}.example." for index in range(150)]

    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        upstream.answers = {
            (name, numbers.A): (records.address(name, 5, f"10.0.{i // 250}.{i % 250}"),)
            for i, name in enumerate(names)
        }
        replies = await asyncio.gather(*(server.ask_later(name) for name in names))
        assert [records.text_of(reply.answer[0]) for reply in replies] == [
            f"10.0.{i // 250}.{i % 250}" for i in range(150)
        ]

    run(". {\n forward . {0}\n}", steps)


def test_a_dead_server_is_passed_over() -> None:
    async def steps(server: LocalServer, first: FakeUpstream, second: FakeUpstream) -> None:
        await first.stop()
        for _ in range(4):
            assert (await server.ask_later(WWW)).rcode == numbers.NOERROR
        assert len(second.asked) == 4

    run(". {\n forward . {0} {1} {\n policy sequential\n }\n}", steps, upstreams=2)


def test_all_dead_is_servfail_with_a_reason() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        await upstream.stop()
        reply = await server.ask_later(WWW, edns=Edns(1232))
        assert reply.rcode == numbers.SERVFAIL
        assert reply.edns is not None
        assert b"connection refused" in reply.edns.options[0][1]
        assert any("www.example.com. A" in line for line in server.lines)

    run(". {\n errors\n forward . {0}\n}", steps)


def test_too_many_at_once_are_refused() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> list[int]:
        upstream.delay_s = 0.5
        waiting = [asyncio.ensure_future(server.ask_later(WWW)) for _ in range(5)]
        while len(upstream.asked) < 5:  # noqa: ASYNC110 - the fake has no event
            await asyncio.sleep(0.005)
        late = await server.ask_later(WWW)
        return sorted([late.rcode, *(reply.rcode for reply in await asyncio.gather(*waiting))])

    found = run(". {\n forward . {0} {\n max_concurrent 5\n }\n}", steps)
    assert found == [numbers.NOERROR] * 5 + [numbers.REFUSED]


def test_names_may_be_excepted() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        assert (await server.ask_later("a.internal.example.")).rcode == numbers.SERVFAIL
        assert upstream.asked == []

    run(". {\n forward . {0} {\n except internal.example\n }\n}", steps)


def test_failover_asks_the_next_server() -> None:
    async def steps(server: LocalServer, first: FakeUpstream, second: FakeUpstream) -> int:
        first.rcode = numbers.REFUSED
        return (await server.ask_later(WWW)).rcode

    corefile = ". {\n forward . {0} {1} {\n policy sequential\n failover REFUSED\n }\n}"
    assert run(corefile, steps, upstreams=2) == numbers.NOERROR


def test_an_alias_of_the_cluster_is_completed_by_the_upstream() -> None:
    from dns.fakes.objects import namespace, service

    async def steps(server: LocalServer, upstream: FakeUpstream) -> list[str]:
        reply = await server.ask_later("x.testns.svc.cluster.local.")
        assert reply.authoritative
        return [records.text_of(record) for record in reply.answer]

    corefile = ". {\n kubernetes cluster.local\n forward . {0}\n}"
    objects = [namespace("testns"), service("x", external_name=WWW)]
    assert run(corefile, steps, objects=objects) == [WWW, "192.0.2.1"]


def test_an_alias_to_nothing_is_the_alias_alone() -> None:
    from dns.fakes.objects import namespace, service

    async def steps(server: LocalServer, upstream: FakeUpstream) -> tuple[int, int, int]:
        reply = await server.ask_later("x.testns.svc.cluster.local.")
        return reply.rcode, len(reply.answer), len(reply.authority)

    corefile = ". {\n kubernetes cluster.local\n forward . {0}\n}"
    objects = [namespace("testns"), service("x", external_name="gone.example.")]
    assert run(corefile, steps, objects=objects) == (numbers.NOERROR, 1, 0)


def test_without_any_upstream_names_fail_at_once_with_the_reason() -> None:
    server = LocalServer(
        ". {\n forward . /etc/resolv.conf\n}", files={"/etc/resolv.conf": "nameserver 127.0.0.53\n"}
    )
    reply = server.ask(WWW, edns=Edns(1232))
    assert reply.rcode == numbers.SERVFAIL
    assert reply.edns is not None
    assert b"has only the stub 127.0.0.53" in reply.edns.options[0][1]


def test_a_missing_resolv_conf_is_a_mistake_at_start() -> None:
    with pytest.raises(CorefileError, match=r"Corefile:2:2: plugin/forward: /etc/resolv\.conf: No such file"):
        LocalServer(". {\n forward . /etc/resolv.conf\n}")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("sequential", [[0, 1, 2], [0, 1, 2]]), ("round_robin", [[1, 2, 0], [2, 0, 1]])],
)
def test_policies(policy: str, expected: list[list[int]]) -> None:
    assert [order(policy, 3, turn, Random(1)) for turn in (1, 2)] == expected


def test_the_random_policy_begins_everywhere() -> None:
    rng = Random(1)
    assert {order("random", 3, 0, rng)[0] for _ in range(50)} == {0, 1, 2}
