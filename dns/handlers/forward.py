"""Sends questions on to other servers: by a policy, passing over servers that do not answer."""

from __future__ import annotations

import struct
from collections.abc import Sized
from typing import Protocol

import msgspec

from dns.handlers.forward_measures import Measures
from dns.handlers.forward_options import Options, parse
from dns.handlers.forward_targets import order, targets_of
from dns.handlers.request import Later, Observer, Request, Response, Result, Serve, failed
from dns.handlers.site import Site, Task
from dns.upstream.targets import Target
from dns.wire import message, names, numbers
from dns.wire.encode import opt_record

WHOLE_QUERY_S = 5.0
ATTEMPTS_PER_UPSTREAM = 2

__all__ = ["Forward", "Options", "build", "parse", "query_bytes"]


def build(options: tuple[Options, ...], site: Site, following: Serve) -> Serve:
    serve = following
    for index in range(len(options) - 1, -1, -1):
        forward = Forward(options[index], site, serve, chained=index + 1 < len(options))
        site.world.tasks.append(Task("forward", forward.run))
        serve = forward.serve
        site.relay.forward = forward if len(options) == 1 else None
    site.any_class = True
    return serve


class Relayed(Protocol):
    """Sockets of `dns.udp.relay_socket` that ask one server."""

    server: str
    asked_count: int
    opened_count: int

    @property
    def waiting(self) -> Sized: ...


class Health(msgspec.Struct):
    """What is known of one upstream."""

    target: Target
    fails: int = 0
    probing: bool = False


class Forward:
    """One forward line at work. `serve` may be called from any thread, all else happens in the event loop."""

    def __init__(self, options: Options, site: Site, following: Serve, *, chained: bool) -> None:
        world = site.world
        self.options = options
        self.targets, notices = targets_of(options, world.read_text, world.lookup)
        world.notices += notices
        self.health = [Health(target) for target in self.targets]
        self.concurrent = 0
        self.relayed: list[Relayed] = []
        self._following = following
        self._chained = chained
        self._rng = world.rng
        self._clock = world.clock
        self._turn = 0
        self._why = notices[0] if notices else "no upstream server is configured"
        self._measures = Measures(world.registry)
        from dns.upstream.drive import Pool

        self._pool = Pool(options, self.targets)
        world.collectors.append(self._count_connections)

    def _count_connections(self) -> None:
        relayed = [(one.server, "udp", one.asked_count, one.opened_count) for one in self.relayed]
        self._measures.set_connections((*self._pool.counts(), *relayed))

    @property
    def is_plain(self) -> bool:
        """Whether one question over UDP is all there is to forwarding, as long as it is answered."""
        options = self.options
        special = (
            options.prefer_udp,
            options.force_tcp,
            options.failover_rcodes,
            options.source_address,
            options.exceptions,
            self._chained,
            any(target.transport != "dns" for target in self.targets),
        )
        return options.zone == "." and bool(self.targets) and not any(special)

    def pick(self) -> int | None:
        """The server a relayed question goes to; None when the long way has to say what is wrong."""
        limit = self.options.max_concurrent
        if limit and limit <= self.concurrent + self._pool.quick_count + self._relayed_count():
            return None
        self._turn += 1
        count = len(self.targets)
        index = order(self.options.policy, count, self._turn, self._rng)[0] if count > 1 else 0
        return None if self._down(index) else index

    def _relayed_count(self) -> int:
        return sum(len(one.waiting) for one in self.relayed)

    def suspect_soon(self, index: int) -> None:
        """A relayed question was not answered; from any thread."""
        self._pool.soon(lambda: self._suspect(index))

    def observer(self, index: int) -> Observer:
        """Counts answers that were relayed."""
        target = self.targets[index].text

        def observe(times: int, size_bytes: int, took_s: float) -> None:
            self._measures.took.observe(took_s, "forward", target, "NOERROR", times=times)

        return observe

    def serve(self, request: Request) -> Result:
        if request.reply is not None:
            return self._relayed(request, *request.reply)
        lower = request.query.lower
        if not names.is_within(lower, self.options.zone) or self._excepted(lower):
            return self._following(request)
        if not self.targets:
            return failed("forward", self._why, reason=numbers.EDE_NO_REACHABLE_AUTHORITY)
        if 0 < self.options.max_concurrent <= self.concurrent + self._pool.quick_count:
            self._measures.rejected.add(1)
            limit = self.options.max_concurrent
            return failed(
                "forward", f"concurrent queries exceeded maximum {limit}", rcode=numbers.REFUSED, reason=0
            )
        return self._quickly(request) or self._exchange(request)

    def _relayed(self, request: Request, index: int, data: bytes) -> Result:
        """The question was asked already: with an answer that is not plain, or with none."""
        if not data:
            return self._exchange(request)
        found = self._read(index, data, request, self._clock())
        return failed("forward", found, rcode=numbers.FORMERR) if isinstance(found, str) else found

    def _quickly(self, request: Request) -> Later | None:
        """One attempt by callback; None where the long way has to be gone from the start."""
        options = self.options
        if request.proto != "udp" or options.prefer_udp or options.failover_rcodes or self._chained:
            return None
        self._turn += 1
        count = len(self.targets)
        index = order(options.policy, count, self._turn, self._rng)[0] if count > 1 else 0
        if self._down(index):
            return None
        later = Later()
        began = self._clock()

        def done(data: bytes | None) -> None:
            if data is None:
                self._suspect(index)
                self._pool.background(self._retry(request, later))
                return
            found = self._read(index, data, request, began)
            if isinstance(found, str):
                found = failed("forward", found, rcode=numbers.FORMERR)
            later.resolve(found)

        return later if self._pool.ask_quickly(index, query_bytes(request), done) else None

    async def _retry(self, request: Request, later: Later) -> None:
        later.resolve(await self._exchange(request))

    def _excepted(self, lower: str) -> bool:
        if lower == self.options.zone:
            return False
        return any(names.is_within(lower, zone) for zone in self.options.exceptions)

    async def run(self) -> None:
        """Keeps the sockets; ends when the configuration is replaced."""
        await self._pool.run()

    async def _exchange(self, request: Request) -> Response:
        self.concurrent += 1
        try:
            return await self._try_all(request)
        finally:
            self.concurrent -= 1

    async def _try_all(self, request: Request) -> Response:
        options = self.options
        count = len(self.targets)
        self._turn += 1
        sequence = order(options.policy, count, self._turn, self._rng)
        packet = query_bytes(request)
        deadline = self._clock() + WHOLE_QUERY_S
        attempts = options.max_connect_attempts
        left = ATTEMPTS_PER_UPSTREAM * count if attempts is None else attempts or 1 << 30
        failovers = 0
        error = "no healthy proxies"
        step = 0
        skipped = 0
        while left > 0 and self._clock() < deadline:
            if step and step % count == 0:
                skipped = 0
            index = sequence[step % count]
            step += 1
            if self._down(index):
                skipped += 1
                if skipped < count:
                    continue
                self._measures.broken.add(1)
                if options.fail_fast:
                    break
                index = self._rng.randrange(count)
            try:
                found = await self._ask(index, packet, request)
            except self._pool.failures as problem:
                error = str(problem)
                left -= 1
                self._suspect(index)
                continue
            if not isinstance(found, Response):
                return failed("forward", found, rcode=numbers.FORMERR)
            failovers += found.rcode in options.failover_rcodes
            if found.rcode in options.failover_rcodes and failovers < count:
                continue
            passed = found.rcode in options.next_rcodes or (
                options.next_on_nodata and found.rcode == numbers.NOERROR and not found.answer
            )
            if passed and self._chained:
                result = self._following(request)
                return result if isinstance(result, Response) else await result
            return found
        return failed("forward", error, reason=numbers.EDE_NO_REACHABLE_AUTHORITY)

    async def _ask(self, index: int, packet: bytes, request: Request) -> Response | str:
        """The server's answer, or what is wrong with it."""
        stream = self.options.force_tcp or (request.proto != "udp" and not self.options.prefer_udp)
        began = self._clock()
        data = await self._pool.exchange(index, packet, stream=stream)
        if data[2] & 2 and not stream and self.options.prefer_udp:
            data = await self._pool.exchange(index, packet, stream=True)
        return self._read(index, data, request, began)

    def _read(self, index: int, data: bytes, request: Request, began: float) -> Response | str:
        """The response in a server's message, or what is wrong with it."""
        try:
            reply = message.decode(data)
        except message.BadMessage as problem:
            return str(problem)
        target = self.targets[index].text
        self._measures.took.observe(self._clock() - began, "forward", target, numbers.rcode_name(reply.rcode))
        if reply.name.lower() != request.query.lower or reply.kind != request.query.kind:
            return f"{target} answered another question"
        return msgspec.structs.replace(
            forwarded(reply), trace=(f"forward: answered by {target}",) if request.explain else ()
        )

    def _down(self, index: int) -> bool:
        return 0 < self.options.max_fails <= self.health[index].fails

    def _suspect(self, index: int) -> None:
        """Ask a server that failed every half second, until it answers anything at all."""
        health = self.health[index]
        if self.options.max_fails and not health.probing:
            health.probing = True
            self._pool.background(self._probe(index))

    async def _probe(self, index: int) -> None:
        import asyncio

        health = self.health[index]
        options = self.options
        flags = struct.pack("!H", numbers.RD if options.health_check_rd else 0)
        packet = b"\0\0" + flags + b"\0\1" + b"\0" * 6 + names.encode(options.health_check_name) + b"\0\2\0\1"
        try:
            while True:
                try:
                    await self._pool.exchange(index, packet, stream=options.force_tcp)
                except self._pool.failures:
                    health.fails += 1
                    self._measures.failures.add(1, "forward", health.target.text)
                    await asyncio.sleep(options.health_check_s)
                else:
                    health.fails = 0
                    return
        finally:
            health.probing = False


def forwarded(reply: message.Message) -> Response:
    """Another server's message as a response."""
    return Response(
        rcode=reply.rcode,
        answer=reply.answer,
        authority=reply.authority,
        additional=reply.additional,
        flags=reply.flags & (numbers.AA | numbers.TC | numbers.RA | numbers.AD),
        plugin="forward",
        options=reply.edns.options if reply.edns is not None else None,
    )


def query_bytes(request: Request) -> bytes:
    """The client's question as we ask it: same flags, same OPT."""
    query = request.query
    flags = query.flags & (0x7800 | numbers.RD | numbers.AD | numbers.CD)
    opt = opt_record(query.edns, options=query.edns.options) if query.edns is not None else b""
    head = struct.pack("!HHHHHH", 0, flags, 1, 0, 0, 1 if opt else 0)
    if query.question:
        return head + query.question + opt
    return head + names.encode(query.name) + struct.pack("!HH", query.kind, query.dns_class) + opt
