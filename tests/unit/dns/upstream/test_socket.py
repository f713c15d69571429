"""The long way and the quick way to ask another server, over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dns.fakes.upstream_serve import FakeUpstream
from dns.upstream.quick_socket import QuickAsker
from dns.upstream.socket import Upstream, UpstreamError
from dns.upstream.targets import Target
from dns.wire import encode, message, numbers, records

WWW = "www.example.com."
ANSWERS = {(WWW, numbers.A): (records.address(WWW, 300, "192.0.2.1"),)}


def packet(number: int = 7) -> bytes:
    return encode.question(number, WWW, numbers.A)


def run(steps: Callable[[FakeUpstream, Target], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        server = FakeUpstream(ANSWERS)
        await server.start()
        try:
            return await steps(server, Target("127.0.0.1", server.port))
        finally:
            await server.stop()
            await asyncio.sleep(0.01)

    return asyncio.run(main())


def with_upstream(steps: Callable[[FakeUpstream, Upstream], Awaitable[Any]], **fields: Any) -> Any:
    async def inner(server: FakeUpstream, target: Target) -> Any:
        upstream = Upstream(target, **{"read_timeout_s": 60.0, **fields})
        try:
            return await steps(server, upstream)
        finally:
            await upstream.close()

    return run(inner)


@pytest.mark.parametrize(("stream", "proto"), [(False, "udp"), (True, "tcp")])
def test_the_answer_has_the_id_of_the_question(stream: bool, proto: str) -> None:
    async def steps(server: FakeUpstream, upstream: Upstream) -> None:
        reply = await upstream.exchange(packet(0x1234), stream=stream)
        assert reply[:2] == b"\x12\x34"
        assert [records.text_of(one) for one in message.decode(reply).answer] == ["192.0.2.1"]
        assert server.asked == [(WWW, numbers.A, proto)]

    with_upstream(steps)


@pytest.mark.parametrize("stream", [False, True])
def test_sockets_are_shared_and_used_again(stream: bool) -> None:
    async def steps(server: FakeUpstream, upstream: Upstream) -> tuple[int, int]:
        found = await asyncio.gather(*(upstream.exchange(packet(one), stream=stream) for one in range(50)))
        assert [int.from_bytes(one[:2], "big") for one in found] == list(range(50))
        proto = "tcp" if stream else "udp"
        return upstream.hits[proto], upstream.misses[proto]

    assert with_upstream(steps) == (49, 1)


@pytest.mark.parametrize("fields", [{"expire_s": 0.05}, {"max_age_s": 0.05}])
def test_a_connection_that_is_too_old_is_left(fields: dict[str, float]) -> None:
    async def steps(server: FakeUpstream, upstream: Upstream) -> int:
        for _ in range(2):
            await upstream.exchange(packet(), stream=True)
            await asyncio.sleep(0.1)
        return upstream.misses["tcp"]

    assert with_upstream(steps, **fields) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_silence_is_given_up_on(stream: bool) -> None:
    async def steps(server: FakeUpstream, upstream: Upstream) -> None:
        server.silent = True
        with pytest.raises(UpstreamError, match="i/o timeout"):
            await upstream.exchange(packet(), stream=stream)
        server.silent = False
        assert await upstream.exchange(packet(), stream=stream)

    with_upstream(steps, read_timeout_s=0.2)


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_there_is_said(stream: bool) -> None:
    async def steps(server: FakeUpstream, target: Target) -> None:
        upstream = Upstream(Target("127.0.0.1", 1))
        with pytest.raises(UpstreamError, match=r"connection refused|connect call failed"):
            await upstream.exchange(packet(), stream=stream)
        await upstream.close()

    run(steps)


def test_a_connection_the_server_ends_fails_what_waits_on_it() -> None:
    async def steps(server: FakeUpstream, upstream: Upstream) -> None:
        server.silent = True
        waiting = asyncio.ensure_future(upstream.exchange(packet(), stream=True))
        while not server.asked:  # noqa: ASYNC110  # the fake has no event
            await asyncio.sleep(0.005)
        for writer in list(server._streams):
            writer.transport.abort()
        with pytest.raises(UpstreamError, match=r"closed|reset"):
            await waiting

    with_upstream(steps)


def quickly(steps: Callable[[FakeUpstream, QuickAsker], Awaitable[Any]], **fields: Any) -> Any:
    async def inner(server: FakeUpstream, target: Target) -> Any:
        asker = QuickAsker(target, **{"expire_s": 10.0, "read_timeout_s": 60.0, **fields})
        task = asyncio.ensure_future(asker.run())
        try:
            await asyncio.sleep(0)  # until its first socket is open
            return await steps(server, asker)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return run(inner)


async def answered(asker: QuickAsker, number: int = 7) -> bytes | None:
    future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    assert asker.ask(packet(number), future.set_result)
    async with asyncio.timeout(90):
        return await future


def test_quick_answers_come_by_callback() -> None:
    async def steps(server: FakeUpstream, asker: QuickAsker) -> None:
        found = await asyncio.gather(*(answered(asker, one) for one in range(30)))
        assert all(one is not None and message.decode(one).answer for one in found)
        assert (asker.asked_count, asker.opened_count, asker.in_flight_count) == (30, 1, 0)

    quickly(steps)


def test_what_is_not_answered_quickly_is_told() -> None:
    async def steps(server: FakeUpstream, asker: QuickAsker) -> None:
        server.silent = True
        assert await answered(asker) is None
        assert asker.in_flight_count == 0

    quickly(steps, read_timeout_s=0.2)


def test_source_ports_change_with_time() -> None:
    async def steps(server: FakeUpstream, asker: QuickAsker) -> int:
        for _ in range(3):
            assert await answered(asker)
            await asyncio.sleep(0.15)
        return asker.opened_count

    assert quickly(steps, expire_s=0.05) >= 2


def test_an_answer_with_another_id_is_not_taken() -> None:
    async def steps(server: FakeUpstream, asker: QuickAsker) -> None:
        server.delay_s = 0.05
        waiting = asyncio.ensure_future(answered(asker))
        await asyncio.sleep(0)
        assert asker._current is not None
        here = asker._current.sock.getsockname()
        assert server._transport is not None
        others = [
            one
            for one in (number.to_bytes(2, "big") for number in range(64))
            if one not in asker._current.waiting
        ]
        for packet_id in others:  # from the server's own address, as a spoofer would
            server._transport.sendto(packet_id + b"\x81\x80" + bytes(8), here)
        reply = await waiting
        assert reply is not None
        assert message.decode(reply).answer

    quickly(steps)
