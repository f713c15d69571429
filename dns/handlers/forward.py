"""Sends questions on to other servers: by a policy, passing over servers that do not answer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Request, Response, Result, Serve, failed
from dns.handlers.site import Site, Task, duration_s, no_args, one_word, unknown_option, whole_number
from dns.upstream.targets import BadTarget, Target, parse_target, resolv_conf_targets
from dns.wire import message, names, numbers
from dns.wire.encode import opt_record

MAX_TARGETS = 15
WHOLE_QUERY_S = 5.0
ATTEMPTS_PER_UPSTREAM = 2
# Limits and details of CoreDNS's sockets that ours have no use for.
_IGNORED = frozenset(("max_idle_conns", "max_age", "dnstap", "resolver", "doh_method"))
POLICIES = ("random", "round_robin", "sequential")
TIME_BOUNDS_S = tuple(0.00025 * 2**power for power in range(16))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One forward line. `places` are addresses and resolv.conf files in order."""

    zone: str
    places: tuple[str, ...]
    line: Line
    exceptions: tuple[str, ...] = ()
    policy: str = "random"
    max_fails: int = 2
    expire_s: float = 10.0
    read_timeout_s: float = 2.0
    max_concurrent: int = 0
    force_tcp: bool = False
    prefer_udp: bool = False
    fail_fast: bool = False
    tls: tuple[str, ...] | None = None
    tls_server_name: str = ""
    health_check_s: float = 0.5
    health_check_rd: bool = True
    health_check_name: str = "."
    failover_rcodes: tuple[int, ...] = ()
    next_rcodes: tuple[int, ...] = ()
    next_on_nodata: bool = False
    max_connect_attempts: int | None = None
    source_address: str = ""


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Options, ...]:
    return tuple(_parse_line(line) for line in lines)


def _parse_line(line: Line) -> Options:
    if len(line.args) < 2:
        raise line.error("forward takes a zone and the servers to ask: forward . 10.0.0.1")
    settings: dict[str, object] = {}
    for option in line.body:
        if option.name.text in _IGNORED:
            continue
        if option.name.text == "health_check":
            settings |= _health_check(option)
            continue
        name, value = _option(option)
        settings[name] = (*_old(settings, name), *value) if isinstance(value, tuple) else value
    for token in line.args[1:]:
        if token.text.startswith(("/", ".")):
            continue
        try:
            parse_target(token.text)
        except BadTarget as problem:
            raise line.error(f"plugin/forward: {problem}") from None
    zone = normalize_zones(line.args[0].text, line.args[0])[0]
    return Options(zone=zone, places=line.words[1:], line=line, **settings)  # type: ignore[arg-type]


def _old(settings: dict[str, object], name: str) -> tuple[object, ...]:
    old = settings.get(name, ())
    return old if isinstance(old, tuple) else ()


def _option(line: Line) -> tuple[str, object]:
    words = line.words
    match line.name.text:
        case "except":
            if not words:
                raise line.error("except needs at least one zone")
            return "exceptions", tuple(
                zone for token in line.args for zone in normalize_zones(token.text, token)
            )
        case "policy":
            if one_word(line) not in POLICIES:
                raise line.error(f"policy is one of {', '.join(POLICIES)}, found {words[0]!r}")
            return "policy", words[0]
        case "max_fails":
            return "max_fails", whole_number(line, one_word(line), 0)
        case "max_concurrent":
            return "max_concurrent", whole_number(line, one_word(line), 0)
        case "max_connect_attempts":
            return "max_connect_attempts", whole_number(line, one_word(line), 0)
        case "expire" | "read_timeout" as name:
            return f"{name}_s", duration_s(line, one_word(line))
        case "force_tcp" | "prefer_udp" as flag:
            no_args(line)
            return flag, True
        case "failfast_all_unhealthy_upstreams":
            no_args(line)
            return "fail_fast", True
        case "tls":
            if len(words) > 3:
                raise line.error("tls takes up to three files: certificate, key, CA")
            return "tls", words
        case "tls_servername":
            return "tls_server_name", one_word(line)
        case "failover":
            return "failover_rcodes", _rcodes(line)
        case "next":
            if "NODATA" in (word.upper() for word in words):
                return "next_on_nodata", True
            return "next_rcodes", _rcodes(line)
        case "source_address":
            return "source_address", one_word(line)
        case _:
            raise unknown_option("forward", line)


def _health_check(line: Line) -> dict[str, object]:
    """`health_check INTERVAL [no_rec] [domain NAME]`."""
    if not line.args:
        raise line.error("health_check needs an interval")
    found: dict[str, object] = {"health_check_s": duration_s(line, line.words[0])}
    rest = list(line.args[1:])
    while rest:
        token = rest.pop(0)
        if token.text == "no_rec":
            found["health_check_rd"] = False
        elif token.text == "domain" and rest:
            name = rest.pop(0)
            found["health_check_name"] = normalize_zones(name.text, name)[0]
        else:
            raise line.error(f"health_check takes no_rec or domain NAME, found {token.text!r}")
    return found


def _rcodes(line: Line) -> tuple[int, ...]:
    found = []
    for word in line.words:
        if word.upper() not in numbers.RCODES:
            raise line.error(f"{word!r} is no rcode such as SERVFAIL")
        found.append(numbers.RCODES[word.upper()])
    if not found:
        raise line.error(f"{line.name.text} needs at least one rcode")
    return tuple(found)


def build(options: tuple[Options, ...], site: Site, following: Serve) -> Serve:
    serve = following
    for index in range(len(options) - 1, -1, -1):
        forward = Forward(options[index], site, serve, chained=index + 1 < len(options))
        site.world.tasks.append(Task("forward", forward.run))
        serve = forward.serve
    site.any_class = True
    return serve


class Health(msgspec.Struct):
    """What is known of one upstream."""

    target: Target
    fails: int = 0
    probing: bool = False


def order(policy: str, count: int, turn: int, rng: Random) -> list[int]:
    """In which order servers are tried for one question."""
    if policy == "sequential" or count == 1:
        return list(range(count))
    if policy == "round_robin":
        start = turn % count
        return [*range(start, count), *range(start)]
    order_ = list(range(count))
    rng.shuffle(order_)
    return order_


def targets_of(options: Options, read_text: Callable[[str], str]) -> tuple[list[Target], list[str]]:
    """The servers that a line's words name, and what there is to say about them."""
    found: list[Target] = []
    notices: list[str] = []
    for place in options.places:
        if not place.startswith(("/", ".")):
            target = parse_target(place)
            name = target.server_name or options.tls_server_name
            found.append(msgspec.structs.replace(target, server_name=name))
            continue
        try:
            listed, said = resolv_conf_targets(place, read_text)
        except OSError as problem:
            raise options.line.error(f"plugin/forward: {place}: {problem.strerror}") from problem
        found += listed
        notices += said
    if len(found) > MAX_TARGETS:
        raise options.line.error(f"plugin/forward: more than {MAX_TARGETS} servers: {len(found)}")
    return list(dict.fromkeys(found)), notices


class Forward:
    """One forward line at work. `serve` may be called from any thread, all else happens in the event loop."""

    def __init__(self, options: Options, site: Site, following: Serve, *, chained: bool) -> None:
        world = site.world
        self.options = options
        self.targets, notices = targets_of(options, world.read_text)
        world.notices += notices
        self.health = [Health(target) for target in self.targets]
        self.concurrent = 0
        self._following = following
        self._chained = chained
        self._rng = world.rng
        self._clock = world.clock
        self._turn = 0
        self._why = notices[0] if notices else "no upstream server is configured"
        registry = world.registry
        self._took = registry.histogram(
            "coredns_proxy_request_duration_seconds",
            "Histogram of the time each request took.",
            TIME_BOUNDS_S,
            "proxy_name",
            "to",
            "rcode",
        )
        self._failures = registry.counter(
            "coredns_proxy_healthcheck_failures_total",
            "Counter of the number of failed healthchecks.",
            "proxy_name",
            "to",
        )
        self._rejected = registry.counter(
            "coredns_forward_max_concurrent_rejects_total",
            "Counter of the number of queries rejected because the concurrent queries were at maximum.",
        )
        self._rejected.add(0)
        self._broken = registry.counter(
            "coredns_forward_healthcheck_broken_total",
            "Counter of the number of complete failures of the healthchecks.",
        )
        self._broken.add(0)
        from dns.upstream.drive import Pool

        self._pool = Pool(options, self.targets)

    def serve(self, request: Request) -> Result:
        lower = request.query.lower
        if not names.is_within(lower, self.options.zone) or self._excepted(lower):
            return self._following(request)
        if not self.targets:
            return failed("forward", self._why, reason=numbers.EDE_NO_REACHABLE_AUTHORITY)
        if 0 < self.options.max_concurrent <= self.concurrent:
            self._rejected.add(1)
            limit = self.options.max_concurrent
            return failed(
                "forward", f"concurrent queries exceeded maximum {limit}", rcode=numbers.REFUSED, reason=0
            )
        return self._exchange(request)

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
                self._broken.add(1)
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
        try:
            reply = message.decode(data)
        except message.BadMessage as problem:
            return str(problem)
        target = self.targets[index].text
        self._took.observe(self._clock() - began, "forward", target, numbers.rcode_name(reply.rcode))
        if reply.name.lower() != request.query.lower or reply.kind != request.query.kind:
            return f"{target} answered another question"
        return Response(
            rcode=reply.rcode,
            answer=reply.answer,
            authority=reply.authority,
            additional=reply.additional,
            flags=reply.flags & (numbers.AA | numbers.TC | numbers.RA | numbers.AD),
            plugin="forward",
            lifetime=None,
            options=reply.edns.options if reply.edns is not None else None,
            trace=(f"forward: answered by {target}",) if request.explain else (),
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
                    self._failures.add(1, "forward", health.target.text)
                    await asyncio.sleep(options.health_check_s)
                else:
                    health.fails = 0
                    return
        finally:
            health.probing = False


def query_bytes(request: Request) -> bytes:
    """The client's question as we ask it: same flags, same OPT."""
    query = request.query
    flags = query.flags & (0x7800 | numbers.RD | numbers.AD | numbers.CD)
    opt = opt_record(query.edns, options=query.edns.options) if query.edns is not None else b""
    head = struct.pack("!HHHHHH", 0, flags, 1, 0, 0, 1 if opt else 0)
    tail = struct.pack("!HH", query.kind, query.dns_class)
    return head + names.encode(query.name) + tail + opt
