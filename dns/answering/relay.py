"""Which questions may go straight to another server and back, past the handlers, and what is counted for them. No I/O.

A server block whose handlers do nothing else to a forwarded question than what is done here gets a Lane; all other
blocks, names and replies go through the handlers, which are the measure of what is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

import msgspec

from dns.handlers.request import Observer, Request, Response
from dns.handlers.site import RelayParts
from dns.wire import names, numbers
from dns.wire.passage import Asked, passed_on
from dns.wire.query import Query, parse

if TYPE_CHECKING:
    from dns.handlers.cache import Cache
    from dns.handlers.cache_items import Key
    from dns.handlers.forward import Forward

# Handlers that a Lane stands in for, and those that see no question.
STOOD_IN = frozenset(("prometheus", "errors", "loadbalance", "cache", "kubernetes", "loop", "forward"))
UNCONCERNED = frozenset(
    ("root", "timeouts", "multisocket", "reload", "bind", "ready", "health", "tls", "nodecache", "debug")
)
MAX_COUNTED = 1000


class Lane:
    """One server block's way to its other servers."""

    def __init__(self, zone: str, server: str, parts: RelayParts, forward: Forward, rng: Random) -> None:
        self.zone = zone
        self.server = server
        self.forward = forward
        self._cache: Cache | None = parts.cache
        self._meter = parts.meter
        self._rng = rng if parts.shuffle else None
        self._bounds_s = self._cache.options.success_ttl_s if self._cache is not None else None
        own = [*parts.own_zones, *(self._cache.options.success_off if self._cache is not None else ())]
        self._own = tuple(names.encode(one) for one in own)
        self._counted: dict[tuple[object, ...], tuple[Observer, ...]] = {}

    def question_of(self, question: bytes) -> bytes:
        """As it is asked: what is kept says whether it was verified, for the next client who wants to know."""
        second = question[1]
        if self._cache is None or second & numbers.AD:
            return question
        return b"%c%c%b" % (question[0], second | numbers.AD, question[2:])

    def take(self, asked: Asked) -> int | None:
        """Which server is asked; None when the handlers have to see the question."""
        for own in self._own:
            if asked.name.endswith(own):
                return None
        if self._cache is not None and self._cache.has(self._key(asked)):
            return None
        return self.forward.pick()

    def _key(self, asked: Asked) -> Key:
        checking_disabled = bool(asked.question[1] & numbers.CD)
        return asked.name, asked.kind, numbers.IN, asked.dnssec_ok, checking_disabled

    def bring(self, reply: bytes, asked: Asked) -> bytes | None:
        """The client's answer behind its ID; None when the handlers have to see the reply."""
        found = passed_on(reply, asked, self._bounds_s, self._rng)
        if found is None:
            return None
        body, ttl_s = found
        if self._cache is not None:
            self._cache.keep_reply(self._key(asked), reply, ttl_s)
        return body

    def observers(self, asked: Asked, client: str, index: int) -> tuple[Observer, ...]:
        """Who counts the answer, in the order the handlers would have it."""
        key = asked.kind, asked.end, asked.with_opt, asked.dnssec_ok, ":" in client, index
        found = self._counted.get(key)
        if found is None:
            if len(self._counted) > MAX_COUNTED:
                self._counted.clear()
            found = self._counted[key] = self._observers(asked, client, index)
        return found

    def _observers(self, asked: Asked, client: str, index: int) -> tuple[Observer, ...]:
        query = parse(b"\0\0" + asked.question)
        assert isinstance(query, Query)
        found: list[Observer] = [self.forward.observer(index)]
        if self._cache is not None:
            found.append(self._cache.count_miss)
        if self._meter is not None:
            request = Request(query, client, server=self.server, zone=self.zone)
            found.append(self._meter(request, Response(plugin="forward"), self.server, self.zone))
        return tuple(found)


class Lanes(msgspec.Struct, frozen=True):
    """The lanes of one listening address, longest zone first; None for a zone without."""

    zones: tuple[tuple[bytes, Lane | None], ...]

    def lane(self, asked: Asked) -> Lane | None:
        name = asked.name
        for zone, lane in self.zones:
            if name.endswith(zone) and _at_label(name, len(name) - len(zone)):
                return lane
        return None


def _at_label(name: bytes, place: int) -> bool:
    at = 0
    while at < place:
        at += name[at] + 1
    return at == place


def lane_of(zone: str, server: str, handlers: Sequence[str], parts: RelayParts, rng: Random) -> Lane | None:
    """A lane, where the block's handlers allow one."""
    forward = parts.forward
    if forward is None or not set(handlers) <= STOOD_IN | UNCONCERNED or not forward.is_plain:
        return None
    if parts.orders:
        return None
    cache = parts.cache
    if cache is not None and ("." not in cache.options.zones or not cache.is_plain):
        return None
    return Lane(zone, server, parts, forward, rng)


def lanes_of(lanes: Mapping[str, Lane | None]) -> Lanes | None:
    """None when no block has a lane."""
    if not any(lanes.values()):
        return None
    ordered = sorted(lanes.items(), key=lambda pair: -len(pair[0]))
    return Lanes(tuple((names.encode(zone), lane) for zone, lane in ordered))
