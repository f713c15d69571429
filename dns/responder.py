"""From a packet to the packet that answers it: at once, or later through a callback. No I/O of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from dns.handlers.request import Later, Request, Response, failed
from dns.memo import Memo
from dns.server import Router, repeatable, reply_bytes, rotations
from dns.wire.query import Malformed, parse

Send = Callable[[bytes], None]
# Runs the awaited response in the event loop and hands it on.
Schedule = Callable[[Awaitable[Response], Callable[[Response], None]], None]


class Responder:
    """One listening address. `router` may be replaced at any time; then `memo` must be cleared."""

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
        self._proto = proto
        self._clock = clock
        self._rng = rng
        self._schedule = schedule
        self._panicked = panicked

    def respond(self, packet: bytes, client: str, port: int, send: Send, local: str = "") -> bytes | None:
        """The answer; None when there is none, or when it comes through `send`."""
        query = parse(packet)
        if query is None:
            return None
        if isinstance(query, Malformed):
            return query.reply
        began = self._clock()
        version = self.memo.version
        request = Request(query, client, port, self._proto, local=local)
        try:
            result = self.router.answer(request)
        except Exception as problem:
            self._panicked(problem)
            result = failed("", "internal error")
        if isinstance(result, Response):
            return self._finish(packet, request, result, began, version)

        def finish(response: Response) -> None:
            reply = self._finish(packet, request, response, began, version)
            if reply is not None:
                send(reply)

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
            if lifetime is None:
                reply = reply_bytes(request, response, self._rng)
            else:
                variants = rotations(request, response, self._rng)
                reply = variants[0]
                if self.memo.put(packet[2:], variants, lifetime, response.observers, version):
                    return reply
        except Exception as problem:
            self._panicked(problem)
            reply = reply_bytes(request, failed("", "internal error"), self._rng)
        took_s = self._clock() - began
        for observer in response.observers:
            observer(1, len(reply), took_s)
        return reply
