"""From a packet to the packet that answers it: at once, or later through a callback. No I/O of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from dns.answering.memo import Memo
from dns.answering.server import Router, repeatable, reply_bytes, rotations
from dns.answering.shortcut import SHORT_S
from dns.answering.tally import Tally
from dns.handlers.request import Later, Lifetime, Request, Response, failed
from dns.wire.numbers import NXDOMAIN
from dns.wire.query import Malformed, parse

Send = Callable[[bytes], None]
# Runs the awaited response in the event loop and hands it on.
Schedule = Callable[[Awaitable[Response], Callable[[Response], None]], None]


# Questions seen once are remembered in this many places, and forgotten when half of them are taken.
_SEEN_PLACES = 1 << 17


class Seen:
    """Which questions were asked before, roughly: one-off names, as search paths make them, do not fill the memory."""

    def __init__(self) -> None:
        self._places = bytearray(_SEEN_PLACES)
        self._taken = 0

    def again(self, question: bytes) -> bool:
        """Whether it was here before; from now on it was. Another question in its place answers True, harmlessly."""
        place = hash(question) & _SEEN_PLACES - 1
        if self._places[place]:
            return True
        self._places[place] = 1
        self._taken += 1
        if self._taken > _SEEN_PLACES // 2:
            self._places = bytearray(_SEEN_PLACES)
            self._taken = 0
        return False


class Responder:
    """One listening address. `take` replaces its router at any time."""

    def __init__(
        self,
        router: Router,
        *,
        proto: str,
        clock: Callable[[], float],
        rng: Random,
        schedule: Schedule,
        panicked: Callable[[BaseException], None],
    ) -> None:
        self.router = router
        self.memo = Memo()
        self.tally = Tally()
        self._seen = Seen()
        self._proto = proto
        self._sources = proto, proto + " ipv6"
        self._clock = clock
        self._rng = rng
        self._schedule = schedule
        self._panicked = panicked

    def take(self, router: Router) -> None:
        """Answer by another configuration from now on."""
        self._settle_shortcut()
        self.router = router
        self.memo.clear()

    def invalidate(self, keys: frozenset[str]) -> None:
        """Forget what rests on one of the keys."""
        self.memo.invalidate(keys)
        if self.router.shortcut is not None:
            self.router.shortcut.forget(keys)

    def forget(self) -> None:
        """Forget all answers."""
        self.memo.clear()
        if self.router.shortcut is not None:
            self.router.shortcut.forget()

    def settle(self) -> None:
        """Count what was answered so far, before metrics are read."""
        self.memo.settle()
        self.tally.settle()
        self._settle_shortcut()

    def _settle_shortcut(self) -> None:
        if self.router.shortcut is not None:
            self.router.shortcut.settle()

    def short_answer(self, packet_id: bytes, question: bytes, *, from_ipv6: bool = False) -> bytes | None:
        """The answer made without the handlers; None where they have to see the question."""
        shortcut, memo = self.router.shortcut, self.memo
        if shortcut is None:
            return None
        version = memo.version
        found = shortcut.answer(packet_id, question, self._sources[from_ipv6])
        if found is None:
            return None
        answer, shape, finding = found
        if memo.is_roomy and self._seen.again(question):
            lifetime = Lifetime(finding.keys)
            if memo.put(question, (answer,), lifetime, shape.observers, version):
                return answer
        if len(answer) == shape.size_bytes:
            shape.hits += 1
        else:
            self.tally.add(shape.observers, len(answer), SHORT_S)
        return answer

    def respond(
        self,
        packet: bytes,
        client: str,
        port: int,
        send: Send,
        local: str = "",
        *,
        reply: tuple[int, bytes] | None = None,
    ) -> bytes | None:
        """The answer; None when there is none, or when it comes through `send`. `reply`: as Request.reply."""
        query = parse(packet)
        if query is None:
            return None
        if isinstance(query, Malformed):
            return query.reply
        began = self._clock()
        version = self.memo.version
        request = Request(query, client, port, self._proto, local=local, reply=reply)
        try:
            result = self.router.answer(request)
        except Exception as problem:
            self._panicked(problem)
            result = failed("", "internal error")
        if isinstance(result, Response):
            answer = self._finish(packet, request, result, began, version)
            shortcut = self.router.shortcut
            if shortcut is not None and answer is not None and version == self.memo.version:
                shortcut.learn(packet[2:], answer, result, self._sources[":" in client])
            return answer

        def finish(response: Response) -> None:
            answer = self._finish(packet, request, response, began, version)
            if answer is not None:
                send(answer)

        if isinstance(result, Later):
            result.on_done(finish)
        else:
            self._schedule(result, finish)
        return None

    def _finish(
        self, packet: bytes, request: Request, response: Response, began: float, version: int
    ) -> bytes | None:
        if response.silent:
            return None
        lifetime = repeatable(request.query, response)
        try:
            if lifetime is None or (response.rcode == NXDOMAIN and not self._seen.again(packet[2:])):
                reply = reply_bytes(request, response, self._rng)
            else:
                variants = rotations(request, response, self._rng)
                reply = variants[0]
                if self.memo.put(packet[2:], variants, lifetime, response.observers, version):
                    return reply
        except Exception as problem:
            self._panicked(problem)
            reply = reply_bytes(request, failed("", "internal error"), self._rng)
        self.tally.add(response.observers, len(reply), self._clock() - began)
        return reply
