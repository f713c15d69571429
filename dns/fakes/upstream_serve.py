"""A DNS server that answers from a dict, over UDP and TCP on one port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from dns.wire import encode, numbers, records
from dns.wire.query import Malformed, Query, parse
from dns.wire.records import Record

Answers = Mapping[tuple[str, int], tuple[Record, ...]]


class FakeUpstream:
    """Names it does not know are NXDOMAIN. `delay_s` and `rcode` make it slow or broken; `asked` is what came."""

    def __init__(self, answers: Answers | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, int, str]] = []
        self.flags: list[int] = []  # of the questions' headers
        self.rcode: int | None = None
        self.silent = False
        self.delay_s = 0.0
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """`address:port`."""
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._stream, host, port)
        self.port = self._server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(host, self.port)
        )
        self._transport = transport
        return f"{host}:{self.port}"

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        for writer in list(self._streams):
            writer.transport.abort()
        await asyncio.sleep(0)

    def answer(self, packet: bytes, proto: str) -> bytes | None:
        query = parse(packet)
        if query is None:
            return None
        if isinstance(query, Malformed):
            return query.reply
        self.asked.append((query.lower, query.kind, proto))
        self.flags.append(query.flags)
        return None if self.silent else self._reply(query, proto)

    def _reply(self, query: Query, proto: str) -> bytes:
        found: tuple[Record, ...] = ()
        name = query.lower
        while (alias := self.answers.get((name, numbers.CNAME))) and query.kind != numbers.CNAME:
            found += alias
            name = records.target_of(alias[0]).lower()
        found += self.answers.get((name, query.kind), ())
        known = any(one == name for one, _ in self.answers)
        rcode = self.rcode if self.rcode is not None else numbers.NOERROR if known else numbers.NXDOMAIN
        soa = records.soa("example.", 60, "ns.example.", "host.example.", (1, 2, 3, 4, 20))
        opt = encode.opt_record(query.edns) if query.edns is not None else b""
        limit = encode.limit_of(query, stream=proto == "tcp")
        sections = (found, () if found else (soa,), ())
        return encode.message(query, numbers.RA, rcode, sections, limit_bytes=limit, opt=opt)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                reply = self.answer(await reader.readexactly(length), "tcp")
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if reply is not None:
                    writer.write(len(reply).to_bytes(2, "big") + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._streams.discard(writer)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        reply = self._upstream.answer(data, "udp")
        if reply is None:
            return
        if self._upstream.delay_s:
            asyncio.get_running_loop().call_later(self._upstream.delay_s, self._transport.sendto, reply, addr)
        else:
            self._transport.sendto(reply, addr)
