"""Metrics at `/metrics` on port 9153, under CoreDNS's names."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Observer, Request, Response, Result, Serve, observed, then
from dns.handlers.site import HttpAnswer, HttpRoute, Site, listen_address, no_args, one_line, unknown_option
from dns.metrics import Registry
from dns.version import VERSION
from dns.wire import numbers

TIME_BOUNDS_S = tuple(0.00025 * 2**power for power in range(16))
SIZE_BOUNDS_BYTES = (0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3)
# Types that have a label of their own; all else is "other", so that clients cannot make series.
MONITORED = frozenset(
    (
        "A", "AAAA", "CNAME", "DNSKEY", "DS", "MX", "NSEC", "NSEC3", "NS", "PTR", "RRSIG", "SOA", "SRV", "TXT",
        "HTTPS", "SVCB", "IXFR", "AXFR", "ANY",
    )
)  # fmt: skip


MAX_OBSERVERS = 1000


class Options(msgspec.Struct, frozen=True):
    address: str = ":9153"


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    if line.has_body and not line.body:
        raise line.error("prometheus: the block is empty, remove it")
    for option in line.body:
        if option.name.text != "runtime_metrics":
            raise unknown_option("prometheus", option)
        no_args(option)  # of Go's runtime, which we have not
    return Options(listen_address(line, "localhost:9153"))


class Meters:
    """The families of coredns_dns_*."""

    def __init__(self, registry: Registry) -> None:
        server, zone, view = "server", "zone", "view"
        self._observers: dict[tuple[object, ...], Observer] = {}
        self.requests = registry.counter(
            "coredns_dns_requests_total",
            "Counter of DNS requests made per zone, protocol and family.",
            *(server, zone, view, "proto", "family", "type"),
        )
        self.duration = registry.histogram(
            "coredns_dns_request_duration_seconds",
            "Histogram of the time (in seconds) each request took per zone.",
            TIME_BOUNDS_S,
            *(server, zone, view),
        )
        self.request_size = registry.histogram(
            "coredns_dns_request_size_bytes",
            "Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.",
            SIZE_BOUNDS_BYTES,
            *(server, zone, view, "proto"),
        )
        self.response_size = registry.histogram(
            "coredns_dns_response_size_bytes",
            "Size of the returned response in bytes.",
            SIZE_BOUNDS_BYTES,
            *(server, zone, view, "proto"),
        )
        self.do_requests = registry.counter(
            "coredns_dns_do_requests_total",
            "Counter of DNS requests with DO bit set per zone.",
            server,
            zone,
            view,
        )
        self.responses = registry.counter(
            "coredns_dns_responses_total",
            "Counter of response status codes.",
            *(server, zone, view, "rcode", "plugin"),
        )

    def observer(self, request: Request, response: Response, server: str, zone: str) -> Observer:
        """Counts one answer, any number of times."""
        query = request.query
        key = (
            *(server, zone, request.proto, ":" in request.client, query.kind, len(query.question)),
            *(response.rcode, response.plugin, query.edns is not None, query.dnssec_ok),
        )
        found = self._observers.get(key)
        if found is None:
            if len(self._observers) > MAX_OBSERVERS:
                self._observers.clear()
            found = self._observers[key] = self._make(request, response, server, zone)
        return found

    def _make(self, request: Request, response: Response, server: str, zone: str) -> Observer:
        query = request.query
        name = numbers.type_name(query.kind)
        kind = name if name in MONITORED else "other"
        proto = "udp" if request.proto == "udp" else "tcp"
        family = "2" if ":" in request.client else "1"
        rcode = numbers.rcode_name(response.rcode)
        question_bytes = len(query.question) + 12 + (11 if query.edns is not None else 0)
        dnssec = query.dnssec_ok
        plugin = response.plugin

        def observe(times: int, size_bytes: int, took_s: float) -> None:
            self.requests.add(times, server, zone, "", proto, family, kind)
            self.responses.add(times, server, zone, "", rcode, plugin)
            self.duration.observe(took_s, server, zone, "", times=times)
            self.request_size.observe(question_bytes, server, zone, "", proto, times=times)
            self.response_size.observe(size_bytes, server, zone, "", proto, times=times)
            if dnssec:
                self.do_requests.add(times, server, zone, "")

        return observe

    def dropped(self, server: str) -> Serve:
        """Counts what no server block serves, as zone "dropped"."""

        def serve(request: Request) -> Response:
            refused = Response(rcode=numbers.REFUSED, written=False)
            return observed(refused, self.observer(request, refused, server, "dropped"))

        return serve


def build(options: Options, site: Site, following: Serve) -> Serve:
    world = site.world
    registry = world.registry
    meters = Meters(registry)
    site.relay.meter = meters.observer
    registry.gauge(
        "coredns_build_info",
        "A metric with a constant '1' value labeled by version.",
        "version",
        "revision",
        "goversion",
    ).set(1, VERSION, "", "")
    registry.counter("coredns_panics_total", "A metrics that counts the number of panics.").add(0)
    enabled = registry.gauge(
        "coredns_plugin_enabled",
        "A metric that indicates whether a plugin is enabled on per server and zone basis.",
        *("server", "zone", "view", "name"),
    )
    for zone in site.zones:
        for name in site.handlers:
            enabled.set(1, site.server, zone, "", name)

    def metrics(_: dict[str, str]) -> HttpAnswer:
        return 200, "text/plain; version=0.0.4; charset=utf-8", registry.render().encode()

    if not any(route.address == options.address and route.path == "/metrics" for route in world.routes):
        world.routes.append(HttpRoute(options.address, "/metrics", metrics, "prometheus"))

    def serve(request: Request) -> Result:
        if request.depth:
            return following(request)
        result = following(request)
        if isinstance(result, Response):
            return observed(result, meters.observer(request, result, request.server, request.zone))
        return then(
            result, lambda late: observed(late, meters.observer(request, late, request.server, request.zone))
        )

    return serve
