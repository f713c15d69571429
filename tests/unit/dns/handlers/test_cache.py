from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.fakes.upstream_serve import FakeUpstream
from dns.handlers import cache_options
from dns.handlers.cache_items import bounds_of, classify, shortest_ttl_s
from dns.handlers.request import Response
from dns.wire import encode, numbers, records
from dns.wire.query import Query, parse

WWW = "www.example.com."
ANSWERS = {
    (WWW, numbers.A): (records.address(WWW, 300, "192.0.2.1"),),
    ("short.example.com.", numbers.A): (records.address("short.example.com.", 1, "192.0.2.2"),),
}

ADDRESS = ANSWERS[WWW, numbers.A]
ALIAS = (records.cname(WWW, 200, "elsewhere.example.com."),)
SOA = (records.soa("example.com.", 60, "a.", "b.", (1, 2, 3, 4, 5)),)
NS = (records.ns("example.com.", 100, "a."),)


def run(options: str, steps: Any, *, plugins: str = "", zone: str = ".", answers: Any = None) -> Any:
    """Start an upstream, build the server, run the steps against both."""

    async def main() -> Any:
        upstream = FakeUpstream(ANSWERS if answers is None else answers)
        address = await upstream.start()
        corefile = f"{zone} {{\n cache {options}\n forward . {address}\n{plugins}\n}}"
        server = LocalServer(corefile, example_cluster())
        tasks = [asyncio.ensure_future(task.run()) for task in server.configuration.world.tasks]
        try:
            return await steps(server, upstream)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await upstream.stop()

    return asyncio.run(main())


def test_an_answer_is_asked_for_once_and_its_ttl_counts_down() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        first = await server.ask_later(WWW)
        server.now_s += 10.4
        second = await server.ask_later(WWW)
        assert [first.answer[0].ttl, second.answer[0].ttl] == [30, 20]
        assert (first.authoritative, second.authoritative) == (False, True)
        assert len(upstream.asked) == 1
        server.now_s += 20
        await server.ask_later(WWW)
        assert len(upstream.asked) == 2

    run("30", steps)


@pytest.mark.parametrize(
    ("options", "name", "ttl"),
    [("20 {\n success 5000\n}", WWW, 20), ("", WWW, 300), ("30", WWW, 30), ("30", "short.example.com.", 5)],
)
def test_ttls_are_brought_within_limits(options: str, name: str, ttl: int) -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        return (await server.ask_later(name)).answer[0].ttl

    assert run(options, steps) == ttl


def test_denials_are_kept_too() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        for _ in range(2):
            reply = await server.ask_later("nothing.example.com.")
            assert (reply.rcode, reply.authority[0].kind) == (numbers.NXDOMAIN, numbers.SOA)
        assert len(upstream.asked) == 1

    run("30", steps)


@pytest.mark.parametrize(
    ("block", "name"),
    [("30 {\n disable success example.com\n}", WWW), ("30 {\n disable denial\n}", "nothing.example.com.")],
)
def test_a_zone_may_be_left_out(block: str, name: str) -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        for _ in range(3):
            await server.ask_later(name)
        return len(upstream.asked)

    assert run(block, steps) == 3


def test_do_and_cd_are_kept_apart() -> None:
    from dns.wire.query import Edns

    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        await server.ask_later(WWW)
        await server.ask_later(WWW, edns=Edns(1232))
        await server.ask_later(WWW, edns=Edns(1232, dnssec_ok=True))
        return len(upstream.asked)

    assert run("30", steps) == 2


def test_the_oldest_answer_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_options, "LEAST_CAPACITY", 3)
    answers = {
        (f"n{index}.", numbers.A): (records.address(f"n{index}.", 300, "192.0.2.1"),) for index in range(4)
    }

    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        for index in range(4):
            await server.ask_later(f"n{index}.")
        await server.ask_later("n3.")
        assert len(upstream.asked) == 4
        await server.ask_later("n0.")
        assert len(upstream.asked) == 5

    run("{\n success 3\n}", steps, answers=answers)


def test_a_popular_answer_is_fetched_again_before_it_ends() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        for _ in range(3):
            await server.ask_later(WWW)
        server.now_s += 28
        reply = await server.ask_later(WWW)
        assert reply.answer[0].ttl == 2
        await server.settle()
        assert len(upstream.asked) == 2
        assert (await server.ask_later(WWW)).answer[0].ttl == 30

    run("30 {\n prefetch 2 1m 10%\n}", steps)


def test_a_stale_answer_is_better_than_none() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        await server.ask_later(WWW)
        server.now_s += 100
        upstream.rcode = numbers.SERVFAIL
        reply = await server.ask_later(WWW)
        assert (reply.rcode, reply.answer[0].ttl) == (numbers.NOERROR, 0)
        await server.settle()
        server.now_s += 4000
        assert (await server.ask_later(WWW)).rcode == numbers.SERVFAIL

    run("30 {\n serve_stale 1h immediate\n}", steps)


def test_stale_answers_may_be_checked_first() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        await server.ask_later(WWW)
        server.now_s += 100
        assert (await server.ask_later(WWW)).answer[0].ttl == 30
        server.now_s += 100
        upstream.rcode = numbers.SERVFAIL
        assert (await server.ask_later(WWW)).answer[0].ttl == 0

    run("30 {\n serve_stale 1h verify\n}", steps)


def test_failures_are_kept_for_five_seconds() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        upstream.rcode = numbers.SERVFAIL
        await server.ask_later(WWW)
        await server.ask_later(WWW)
        assert len(upstream.asked) == 1
        server.now_s += 6
        await server.ask_later(WWW)
        assert len(upstream.asked) == 2

    run("30", steps)


def test_an_alias_without_its_end_is_not_kept() -> None:
    answers = {("a.example.", numbers.CNAME): (records.cname("a.example.", 60, "b.example."),)}

    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        await server.ask_later("a.example.")
        await server.ask_later("a.example.")
        return len(upstream.asked)

    assert run("30", steps, answers=answers) == 2


def test_the_clusters_own_answers_are_never_old() -> None:
    from dns.fakes.cluster import apply
    from dns.fakes.objects import service

    server = LocalServer(". {\n cache 30\n kubernetes cluster.local {\n ttl 30\n }\n}", example_cluster())
    name = "svc1.testns.svc.cluster.local."
    assert records.text_of(server.ask(name).answer[0]) == "10.0.0.100"
    apply(server.clusters[0], service("svc1", ["10.0.0.222"]))
    assert records.text_of(server.ask(name).answer[0]) == "10.0.0.222"
    assert server.ask("dns-version.cluster.local.", "TXT").answer[0].ttl == 30


@pytest.mark.parametrize(
    ("options", "ttl"),
    [
        ("1h", 0),
        ("1h immediate 30s", 30),
        ("1h IMMEDIATE 7s 1m", 7),
        ("1h verify 0 30s", 30),
        ("1h verify 2s 30s 1m", 30),
    ],
)
def test_stale_answers_carry_the_ttl_that_is_set(options: str, ttl: int) -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        await server.ask_later(WWW)
        server.now_s += 100
        upstream.rcode = numbers.SERVFAIL
        reply = await server.ask_later(WWW)
        await server.settle()
        return reply.answer[0].ttl

    assert run(f"30 {{\n serve_stale {options}\n}}", steps) == ttl


@pytest.mark.parametrize("mode", ["immediate 0", "verify 0 0"])
def test_after_a_failed_refresh_nothing_is_asked_for_a_while(mode: str) -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> list[int]:
        await server.ask_later(WWW)
        server.now_s += 100
        upstream.rcode = numbers.SERVFAIL
        counts = []
        for wait_s in (0, 10, 10, 30):
            server.now_s += wait_s
            assert (await server.ask_later(WWW)).answer
            await server.settle()
            counts.append(len(upstream.asked))
        return counts

    assert run(f"30 {{\n serve_stale 1h {mode} 30s\n servfail 0\n}}", steps) == [2, 2, 2, 3]


def test_a_slow_check_gives_way_to_the_stale_answer_and_is_kept_when_it_comes() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        await server.ask_later(WWW)
        server.now_s += 100
        upstream.delay_s = 0.3
        assert (await server.ask_later(WWW)).answer[0].ttl == 0
        for _ in range(3000):
            await asyncio.sleep(0.02)
            if (await server.ask_later(WWW)).answer[0].ttl == 30:
                return
        pytest.fail("the late answer was not kept")

    run("30 {\n serve_stale 1h verify 50ms\n}", steps)


@pytest.mark.parametrize(
    ("policy", "rcode"), [("", numbers.NXDOMAIN), ("serve_stale_policy prefer_positive", 0)]
)
def test_an_old_answer_may_be_preferred_to_a_fresh_denial(policy: str, rcode: int) -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        await server.ask_later(WWW)
        server.now_s += 100
        upstream.answers.clear()
        return (await server.ask_later(WWW)).rcode

    assert run(f"30 {{\n serve_stale 1h verify\n {policy}\n}}", steps) == rcode


@pytest.mark.parametrize(
    "options",
    [
        "serve_stale 1h immediate 1.5s",
        "serve_stale 1h immediate 1s 6m",
        "serve_stale 1h immediate 1s 1s 1s",
        "serve_stale 1h later",
        "serve_stale_policy newest",
    ],
)
def test_mistakes_in_serve_stale(options: str) -> None:
    with pytest.raises(CorefileError, match="Corefile:3:"):
        LocalServer(f". {{\n cache 30 {{\n {options}\n }}\n}}")


def test_a_cache_of_no_size_keeps_all_the_same() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> int:
        for _ in range(2):
            await server.ask_later(WWW)
        return len(upstream.asked)

    assert run("30 {\n success 0\n}", steps) == 1


def test_with_keepttl_the_ttl_within_the_limits_does_not_count_down() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> list[int]:
        found = []
        for _ in range(3):
            found.append((await server.ask_later(WWW)).answer[0].ttl)
            server.now_s += 10
        return found

    assert run("30 {\n keepttl\n}", steps) == [30, 30, 30]


@pytest.mark.parametrize(
    ("response", "store", "bounds", "ttl_s"),
    [
        (Response(answer=ADDRESS), "success", "success", 300),
        (Response(answer=ADDRESS, flags=numbers.TC), "", "success", 300),
        (Response(answer=ALIAS), "", "success", 200),  # leads nowhere, without a SOA
        (Response(answer=ALIAS, authority=SOA), "denial", "denial", 60),
        (Response(authority=SOA), "denial", "denial", 60),
        (Response(authority=NS), "success", "success", 5),  # a referral
        (Response(rcode=numbers.NXDOMAIN, authority=SOA), "denial", "denial", 60),
        (Response(rcode=numbers.NXDOMAIN), "", "denial", 5),
        (Response(rcode=numbers.NXDOMAIN, answer=ALIAS, authority=SOA), "", "success", 5),
        (Response(rcode=numbers.SERVFAIL), "failure", "failure", 5),
        (Response(rcode=numbers.REFUSED), "", "success", 5),
    ],
)
def test_what_is_kept_where_and_for_how_long(response: Response, store: str, bounds: str, ttl_s: int) -> None:
    query = parse(encode.question(1, WWW, numbers.A))
    assert isinstance(query, Query)
    assert classify(query, response) == store
    assert (bounds_of(query, response), shortest_ttl_s(query, response)) == (bounds, ttl_s)


def test_the_other_server_is_always_asked_whether_it_verified() -> None:
    async def steps(server: LocalServer, upstream: FakeUpstream) -> None:
        await server.ask_later(WWW)
        assert [bool(flags & numbers.AD) for flags in upstream.flags] == [True]

    run("30", steps)
