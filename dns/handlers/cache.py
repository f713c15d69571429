"""Keeps answers of other servers for their TTL, within limits; refreshes popular ones, and may serve stale ones.

Answers from the cluster are not kept here: they are made from what the API said last, and never older.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dns.handlers.cache_items import (
    DEFAULT_TTL_S,
    DENIAL,
    FAILURE,
    SUCCESS,
    Item,
    Key,
    answers_question,
    bounds_of,
    classify,
    key_of,
    shortest_ttl_s,
    with_ttl,
)
from dns.handlers.cache_options import Options, parse
from dns.handlers.request import THIS_SECOND, Observer, Request, Response, Result, Serve, observed, then
from dns.handlers.site import Site
from dns.wire import names, numbers
from dns.wire.query import Query

if TYPE_CHECKING:
    import asyncio

# What this plugin answers is never kept: its zone is as new as the API.
LIVE = "kubernetes"
_WITH_TTL = frozenset((numbers.NOERROR, numbers.NXDOMAIN))

__all__ = ["Cache", "Options", "build", "parse"]


def _wants_ad(request: Request) -> bool:
    """RFC 6840 5.7: a client that sets AD understands it."""
    return request.query.dnssec_ok or bool(request.query.flags & numbers.AD)


def _asking_ad(request: Request) -> Request:
    """What is kept says whether it was verified, for the next client who wants to know."""
    query = request.query
    if query.flags & numbers.AD:
        return request
    return replace(request, query=replace(query, flags=query.flags | numbers.AD))


def build(options: Options, site: Site, following: Serve) -> Serve:
    cache = site.relay.cache = Cache(options, site, following)
    return cache.serve


class Cache:
    """Read and written by the data thread and the event loop; each operation on the stores is one step."""

    def __init__(self, options: Options, site: Site, following: Serve) -> None:
        self.options = options
        self._world = site.world
        self._following = following
        self._stores: dict[str, dict[Key, Item]] = {SUCCESS: {}, DENIAL: {}}
        self._verifying: set[asyncio.Future[Response]] = set()
        registry = site.world.registry
        zones = ",".join(options.zones)
        self._labels = (site.server, zones, "")
        names_ = ("server", "zones", "view")
        self._requests = registry.counter(
            "coredns_cache_requests_total", "The count of cache requests.", *names_
        )
        self._misses = registry.counter(
            "coredns_cache_misses_total",
            "The count of cache misses. Deprecated, derive misses from cache hits/requests counters.",
            *names_,
        )
        self._prefetches = registry.counter(
            "coredns_cache_prefetch_total",
            "The number of times the cache has prefetched a cached item.",
            *names_,
        )
        self._stale = registry.counter(
            "coredns_cache_served_stale_total",
            "The number of requests served from stale cache entries.",
            *names_,
        )
        self._hits = registry.counter(
            "coredns_cache_hits_total", "The count of cache hits.", "server", "type", "zones", "view"
        )
        self._evictions = registry.counter(
            "coredns_cache_evictions_total",
            "The count of cache evictions.",
            "server",
            "type",
            "zones",
            "view",
        )
        entries = registry.gauge(
            "coredns_cache_entries", "The number of elements in the cache.", "server", "type", "zones", "view"
        )

        def count() -> None:
            for kind, store in self._stores.items():
                entries.set(len(store), site.server, kind, zones, "")

        site.world.collectors.append(count)
        self.count_miss = self._counter(None)
        self._count_hit = {kind: self._counter(kind) for kind in (SUCCESS, DENIAL)}

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing else to it than keeping answers."""
        return bool(self.options.success_capacity)

    def has(self, key: Key) -> bool:
        """Whether there is an answer, fresh or such as may be served stale."""
        now = self._world.clock()
        stale_s = self.options.stale_s
        for store in self._stores.values():
            item = store.get(key)
            if item is not None and item.left_s(now) > -stale_s:
                return True
        return False

    def keep_reply(self, key: Key, reply: bytes, ttl_s: int) -> None:
        """Store another server's answer as it came."""
        self._stores[DENIAL].pop(key, None)
        self._store(key, Item(reply, self._world.clock(), ttl_s, SUCCESS), self.options.success_capacity)

    def _store(self, key: Key, item: Item, capacity: int) -> None:
        kind = DENIAL if item.kind == FAILURE else item.kind
        store = self._stores[kind]
        if capacity and len(store) >= capacity and key not in store:
            self._evict(store, kind)
        if capacity:
            store[key] = item

    def _counter(self, hit: str | None) -> Observer:
        server, zones, view = self._labels

        def observe(times: int, size_bytes: int, took_s: float) -> None:
            self._requests.add(times, server, zones, view)
            if hit is None:
                self._misses.add(times, server, zones, view)
            else:
                self._hits.add(times, server, hit, zones, view)

        return observe

    def serve(self, request: Request) -> Result:
        query = request.query
        if not any(names.is_within(query.lower, zone) for zone in self.options.zones):
            return self._following(request)
        key = key_of(query)
        now = self._world.clock()
        for kind in (SUCCESS, DENIAL) if self.options.prefer_positive else (DENIAL, SUCCESS):
            item = self._stores[kind].get(key)
            if item is None or self._is_passed_over(kind, item, query):
                continue
            left_s = item.left_s(now)
            if left_s > 0:
                self._prefetch(request, key, item, now, left_s)
                ttl_s = item.ttl_s if self.options.keep_ttl else left_s
                return self._from(request, item, kind, int(ttl_s), now)
            if kind == SUCCESS and left_s > -self.options.stale_s:
                return self._from_stale(request, key, item, now)
        result = self._following(_asking_ad(request))
        if isinstance(result, Response):
            if result.plugin == LIVE and result.written and not query.flags & 0x7800:
                return self._pass(result)
            return observed(self._keep(request, key, result), self.count_miss)
        return then(result, lambda late: observed(self._keep(request, key, late), self.count_miss))

    def _is_passed_over(self, kind: str, item: Item, query: Query) -> bool:
        """With `prefer_positive` only what answers the question stands before a denial."""
        positive = kind == SUCCESS and self.options.prefer_positive
        return positive and not answers_question(query, item.response.answer)

    def _pass(self, response: Response) -> Response:
        """An answer of the cluster's own: not kept, but within the bounds that CoreDNS's cache sets to TTLs."""
        section = response.answer or response.authority
        low, high = self.options.success_ttl_s if response.answer else self.options.denial_ttl_s
        ttl_s = section[0].ttl if section else DEFAULT_TTL_S
        for record in section:
            ttl_s = min(ttl_s, record.ttl)
        for record in response.additional:
            ttl_s = min(ttl_s, record.ttl)
        if response.rcode not in _WITH_TTL:
            bound = int(self.options.failure_ttl_s)
        else:
            bound = int(max(low, min(ttl_s, high)))
        return observed(with_ttl(response, bound), self.count_miss)

    def _from(self, request: Request, item: Item, kind: str, ttl_s: int, now: float) -> Response:
        response = with_ttl(item.response, ttl_s)
        trace = (f"cache: kept answer, {ttl_s} s left",) if request.explain else ()
        return replace(
            response,
            flags=(response.flags | numbers.AA) & (-1 if _wants_ad(request) else ~numbers.AD),
            lifetime=THIS_SECOND,
            observers=(self._count_hit[kind],),
            trace=(*trace, *item.response.trace) if request.explain else (),
        )

    def _from_stale(self, request: Request, key: Key, item: Item, now: float) -> Result:
        """RFC 8767: an old answer is better than none."""
        options = self.options
        age_s = int(-item.left_s(now))

        def old() -> Response:
            self._stale.add(1, *self._labels)
            found = replace(self._from(request, item, SUCCESS, options.stale_ttl_s, now), lifetime=None)
            return replace(found, reason=(numbers.EDE_STALE, f"{age_s} s past its time"))

        if now - item.failed_at_s < options.recheck_s:
            return old()
        if not options.stale_verify or (item.refreshing and options.recheck_s):
            self._refresh(request, key, item)
            return old()

        def choose(fresh: Response) -> Response:
            item.refreshing = False
            if not self._is_better(request.query, fresh):
                item.failed_at_s = self._world.clock()
                return old()
            return observed(self._keep(request, key, fresh), self.count_miss)

        item.refreshing = True
        result = then(self._following(_asking_ad(request)), choose)
        if isinstance(result, Response) or not options.verify_s:
            return result
        return self._within(result, options.verify_s, old)

    async def _within(
        self, result: Awaitable[Response], timeout_s: float, old: Callable[[], Response]
    ) -> Response:
        """The fresh answer if it comes in time. What comes later is kept for the next question."""
        import asyncio

        async def wait() -> Response:
            return await result

        fresh = asyncio.ensure_future(wait())
        done, _ = await asyncio.wait((fresh,), timeout=timeout_s)
        if done:
            return fresh.result()
        self._verifying.add(fresh)
        fresh.add_done_callback(self._verifying.discard)
        return old()

    def _is_better(self, query: Query, fresh: Response) -> bool:
        """Whether a refresh brought what stands in for an old answer."""
        if fresh.rcode == numbers.SERVFAIL or not fresh.written:
            return False
        return not self.options.prefer_positive or answers_question(query, fresh.answer)

    def _prefetch(self, request: Request, key: Key, item: Item, now: float, left_s: float) -> None:
        """Ask again for an answer that is wanted often, shortly before it ends."""
        options = self.options
        if not options.prefetch_count:
            return
        item.hits = item.hits + 1 if now - item.last_hit_s < options.prefetch_span_s else 1
        item.last_hit_s = now
        if item.hits >= options.prefetch_count and left_s <= item.ttl_s * options.prefetch_percent / 100:
            self._prefetches.add(1, *self._labels)
            self._refresh(request, key, item)

    def _refresh(self, request: Request, key: Key, item: Item) -> None:
        if item.refreshing:
            return
        item.refreshing = True

        def done(response: Response) -> None:
            item.refreshing = False
            if self._is_better(request.query, response):
                self._keep(request, key, response)
            else:
                item.failed_at_s = self._world.clock()

        result = self._following(_asking_ad(request))
        if isinstance(result, Response):
            done(result)
        else:
            self._world.schedule(result, done)

    def _keep(self, request: Request, key: Key, response: Response) -> Response:
        """Store the answer if it may be; what is sent carries the TTL it is kept for."""
        options = self.options
        if not response.written or response.silent:
            return response
        kind = classify(request.query, response)
        limits = kind or bounds_of(request.query, response)
        if limits == FAILURE:
            ttl_s = options.failure_ttl_s
        else:
            low, high = options.success_ttl_s if limits == SUCCESS else options.denial_ttl_s
            ttl_s = float(max(low, min(shortest_ttl_s(request.query, response), high)))
        sent = with_ttl(response, int(ttl_s))
        if sent.options is not None:
            sent = replace(sent, options=None)
        if response.flags & numbers.AD and not _wants_ad(request):
            sent = replace(sent, flags=sent.flags & ~numbers.AD)
        off = options.success_off if kind == SUCCESS else options.denial_off
        live = response.plugin == LIVE
        if not kind or ttl_s <= 0 or live or any(names.is_within(request.query.lower, zone) for zone in off):
            return sent
        if (
            options.prefer_positive
            and kind == SUCCESS
            and not answers_question(request.query, response.answer)
        ):
            return sent  # it would push out the last answer that says something
        store = self._stores[SUCCESS if kind == SUCCESS else DENIAL]
        capacity = options.success_capacity if kind == SUCCESS else options.denial_capacity
        if capacity and len(store) >= capacity and key not in store:
            self._evict(store, SUCCESS if kind == SUCCESS else DENIAL)
        if kind == SUCCESS:
            self._stores[DENIAL].pop(key, None)
        kept = replace(response, observers=(), options=None, lifetime=None, reason=None)
        if capacity:
            store[key] = Item(kept, self._world.clock(), ttl_s, kind)
        return sent

    def _evict(self, store: dict[Key, Item], kind: str) -> None:
        """Make room: the oldest goes."""
        try:
            store.pop(next(iter(store)), None)
        except (StopIteration, RuntimeError):  # another thread was faster
            return
        server, zones, view = self._labels
        self._evictions.add(1, server, kind, zones, view)
