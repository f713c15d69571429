"""Connections over loopback, to a server in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from dns.answering.responder import Responder
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.tcp.crowd import Crowd
from dns.tcp.serve import open_tcp, serve_tcp
from dns.wire import encode, message, numbers, records

NAME = "svc1.testns.svc.cluster.local."
COREFILE = ". {\n loadbalance\n cache 30\n kubernetes cluster.local {\n ttl 30\n }\n}"


def raise_again(problem: BaseException) -> None:
    raise problem


def framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


def question(number: int = 7, name: str = NAME) -> bytes:
    return framed(encode.question(number, name, numbers.A))


async def reply_of(reader: asyncio.StreamReader) -> message.Message:
    async with asyncio.timeout(90):
        length = int.from_bytes(await reader.readexactly(2), "big")
        return message.decode(await reader.readexactly(length))


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(90):
            return await reader.read(1) == b""
    except ConnectionError:
        return True


Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def run(
    steps: Callable[[Open], Awaitable[Any]],
    *,
    crowd: Crowd | None = None,
    idle_s: float = 10.0,
    questions: int = 0,
) -> Any:
    async def main() -> Any:
        local = LocalServer(COREFILE, example_cluster())
        responder = Responder(
            next(iter(local.configuration.routers.values())),
            proto="tcp",
            clock=time.monotonic,
            rng=Random(1),
            schedule=lambda awaited, done: None,
            panicked=raise_again,
        )
        sock = open_tcp("127.0.0.1", 0)
        port = sock.getsockname()[1]
        server = await serve_tcp(
            sock, responder, Crowd() if crowd is None else crowd, idle_s=idle_s, questions=questions
        )
        writers: list[asyncio.StreamWriter] = []

        async def open_one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            return reader, writer

        try:
            return await steps(open_one)
        finally:
            for writer in writers:
                writer.close()
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0.01)

    return asyncio.run(main())


def test_questions_in_one_go_are_all_answered() -> None:
    async def steps(open_one: Open) -> None:
        reader, writer = await open_one()
        names = [
            NAME,
            "nosuch.testns.svc.cluster.local.",
            "dual.testns.svc.cluster.local.",
            NAME,
            NAME.upper(),
        ]
        writer.write(b"".join(question(number, name) for number, name in enumerate(names, 1)))
        replies = [await reply_of(reader) for _ in names]
        assert [one.packet_id for one in replies] == [1, 2, 3, 4, 5]
        assert [one.rcode for one in replies] == [0, numbers.NXDOMAIN, 0, 0, 0]
        assert replies[4].name == NAME.upper()

    run(steps)


def test_denials_of_a_kind_are_answered_alike_the_short_way() -> None:
    async def steps(open_one: Open) -> None:
        reader, writer = await open_one()
        for number in range(1, 40):
            writer.write(question(number, f"w{number:02}.example.com.cluster.local."))
            reply = await reply_of(reader)
            assert (reply.packet_id, reply.rcode) == (number, numbers.NXDOMAIN)
            assert reply.authority[0].kind == numbers.SOA

    run(steps)


def test_a_question_may_come_byte_by_byte() -> None:
    async def steps(open_one: Open) -> None:
        reader, writer = await open_one()
        for byte in question() + question(8):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        found = [await reply_of(reader) for _ in range(2)]
        assert [one.packet_id for one in found] == [7, 8]
        assert records.text_of(found[0].answer[0]) == "10.0.0.100"

    run(steps)


def test_what_is_no_question_is_passed_over() -> None:
    async def steps(open_one: Open) -> None:
        reader, writer = await open_one()
        writer.write(framed(b"") + framed(b"short") + question())
        assert (await reply_of(reader)).packet_id == 7

    run(steps)


def test_a_silent_client_is_left() -> None:
    async def steps(open_one: Open) -> None:
        reader, writer = await open_one()
        assert await is_closed(reader)
        reader, writer = await open_one()
        writer.write(b"\0")  # the first half of a length
        assert await is_closed(reader)

    run(steps, idle_s=0.2)


def test_many_connections_at_once_are_taken_without_delay() -> None:
    async def steps(open_one: Open) -> None:
        found = await asyncio.gather(*(open_one() for _ in range(400)))
        for reader, writer in (found[0], found[-1]):
            writer.write(question())
            assert (await reply_of(reader)).answer

    run(steps)


def test_with_too_many_the_longest_silent_one_is_closed() -> None:
    async def steps(open_one: Open) -> None:
        first = await open_one()
        second = await open_one()
        first[1].write(question())
        await reply_of(first[0])
        third = await open_one()
        assert await is_closed(second[0])
        for reader, writer in (first, third):
            writer.write(question())
            assert (await reply_of(reader)).answer

    run(steps, crowd=Crowd(max_count=2))


def test_questions_that_never_end_are_not_kept() -> None:
    crowd = Crowd(max_held_bytes=50_000)

    async def steps(open_one: Open) -> None:
        found = [await open_one() for _ in range(4)]
        for _, writer in found:
            writer.write(b"\xff\xff" + bytes(20_000))
            await writer.drain()
        # The fourth, if not the third: two fit.
        closed = 0
        for reader, _ in found:
            try:
                async with asyncio.timeout(0.3):
                    closed += await reader.read(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed += 1
        assert closed == 2
        assert crowd.held_bytes <= 50_000
        reader, writer = await open_one()
        writer.write(question())
        assert (await reply_of(reader)).answer

    run(steps, crowd=crowd)


def test_a_client_that_does_not_read_is_not_read_from() -> None:
    async def steps(open_one: Open) -> int:
        _, writer = await open_one()
        many = question() * 2000
        sent = 0
        try:
            async with asyncio.timeout(1.0):
                while sent < 400_000_000:
                    writer.write(many)
                    sent += len(many)
                    await writer.drain()
        except TimeoutError:
            pass
        writer.transport.abort()
        return sent

    assert run(steps) < 100_000_000


def test_a_connection_may_ask_no_more_than_it_is_let() -> None:
    async def steps(open_one: Open) -> None:
        reader, writer = await open_one()
        writer.write(question(1) + question(2) + question(3))
        assert [(await reply_of(reader)).packet_id for _ in range(2)] == [1, 2]
        assert await is_closed(reader)

    run(steps, questions=2)
