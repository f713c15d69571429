"""From a Corefile to what answers on each address. Handlers are built, nothing is opened yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dns.answering.cookies import baker
from dns.answering.relay import Lane, lane_of, lanes_of
from dns.answering.server import Chain, Router
from dns.answering.shortcut import Shortcut, shortcut_of
from dns.corefile.blocks import Importer, Line, no_imports, parse_blocks
from dns.corefile.config import ServerBlock, server_blocks
from dns.corefile.tokens import CorefileError
from dns.handlers import HANDLERS, Handler, load
from dns.handlers.request import Request, Response, Serve, failed
from dns.handlers.site import Site, World
from dns.handlers.tls import Options as TlsOptions
from dns.wire import numbers

# Handlers of CoreDNS that we lack; said apart from words that nobody knows.
UNSUPPORTED = frozenset(
    (
        "metadata", "geoip", "cancel", "proxyproto", "quic", "grpc_server", "https", "https3", "trace", "pprof",
        "shed", "dnstap", "tsig", "dnssec", "transfer", "route53", "azure", "clouddns",
        "k8s_external", "auto", "secondary", "etcd", "grpc", "on", "sign", "view", "nomad",
    )
)  # fmt: skip


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a router listens; an empty host means every address."""

    transport: str
    host: str
    port: int

    @property
    def text(self) -> str:
        """As metrics name it: `dns://:53`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"


class Parsed(msgspec.Struct, frozen=True):
    """One server block, its handlers in order with their options."""

    block: ServerBlock
    handlers: tuple[tuple[str, Handler, Any], ...]

    def options(self, name: str) -> Any:
        return next((options for one, _, options in self.handlers if one == name), None)


class Configuration(msgspec.Struct, frozen=True):
    """A whole Corefile, ready to serve."""

    routers: Mapping[Place, Router]
    world: World
    text: str
    tls: Mapping[Place, TlsOptions]


def parse(
    text: str,
    *,
    file: str = "Corefile",
    environment: Mapping[str, str],
    importer: Importer = no_imports,
    default_port: int = 53,
) -> tuple[Parsed, ...]:
    """The server blocks of a Corefile with all options read. Raises CorefileError with line and column."""
    blocks = parse_blocks(text, file=file, environment=environment, importer=importer)
    if not blocks:
        raise CorefileError(f"{file} has no server block: write at least `. {{ }}`")
    return tuple(_parsed(block) for block in server_blocks(blocks, default_port=default_port))


def _parsed(block: ServerBlock) -> Parsed:
    for line in block.lines:
        _check_known(line)
    found = []
    for name in HANDLERS:
        lines = block.find(name)
        if lines:
            handler = load(name)
            found.append((name, handler, handler.parse(lines, block.zones)))
    return Parsed(block, tuple(found))


def _check_known(line: Line) -> None:
    name = line.name.text
    if name in HANDLERS:
        return
    if name in UNSUPPORTED:
        raise line.error(f"the plugin {name!r} of CoreDNS is not supported here: remove the line")
    from difflib import get_close_matches  # only for those who mistype

    near = get_close_matches(name, HANDLERS, 1)
    raise line.error(f"unknown plugin {name!r}" + (f": did you mean {near[0]}?" if near else ""))


def assemble(
    parsed: tuple[Parsed, ...],
    world: World,
    *,
    text: str = "",
    addresses_of: Callable[[str], tuple[str, ...]] = lambda place: (place,),
) -> Configuration:
    """Build all handlers. `addresses_of` turns a word of `bind` (an address or an interface) into addresses."""
    chains: dict[Place, dict[str, Chain]] = {}
    tls: dict[Place, TlsOptions] = {}
    lanes: dict[Place, dict[str, Lane | None]] = {}
    sites: dict[Place, list[tuple[list[str], Site]]] = {}
    strict = False
    for one in parsed:
        places = [
            place for key in one.block.keys for place in _places(one, key.transport, key.port, addresses_of)
        ]
        site = Site(one.block, world, places[0].text, tuple(name for name, _, _ in one.handlers))
        site.root = one.options("root") or ""
        serve: Serve = _last
        for _, handler, options in reversed(one.handlers):
            serve = handler.build(options, site, serve)
        kubernetes = one.options("kubernetes")
        strict = strict or (kubernetes is not None and kubernetes.zone.strict)
        for key in one.block.keys:
            for place in _places(one, key.transport, key.port, addresses_of):
                held = chains.setdefault(place, {})
                if key.zone in held:
                    message = f"{key.zone} is served twice on {place.text}"
                    raise CorefileError(message, one.block.token)
                sites.setdefault(place, []).append(([own.zone for own in one.block.keys], site))
                held[key.zone] = Chain(key.zone, serve if one.handlers else _refuse, site.any_class)
                lane = lane_of(key.zone, place.text, site.handlers, site.relay, world.rng)
                lanes.setdefault(place, {})[key.zone] = lane
                if key.transport == "tls":
                    found = one.options("tls")
                    if found is None:
                        raise CorefileError("a tls:// zone needs `tls CERTIFICATE KEY`", one.block.token)
                    tls[place] = msgspec.structs.replace(found, files=tuple(map(site.path, found.files)))
    _check_ports(parsed, chains)
    routers = {
        place: Router(
            place.text,
            held,
            any_class=any(chain.any_class for chain in held.values()),
            strict=strict,
            unrouted=_unrouted(world, place.text),
            bake=baker(world.secret, world.now) if strict else None,
            lanes=lanes_of(lanes[place]) if not strict else None,
            shortcut=_shortcut(held, sites[place]),
        )
        for place, held in chains.items()
    }
    return Configuration(routers, world, text, tls)


def _check_ports(parsed: tuple[Parsed, ...], places: Mapping[Place, object]) -> None:
    """Several processes share a port only if it is a given one."""
    for one in parsed:
        if (one.options("multisocket") or 1) > 1 and any(not place.port for place in places):
            line = one.block.find("multisocket")[0]
            raise line.error("multisocket needs ports other than 0: each process would have one of its own")


def _shortcut(chains: Mapping[str, Chain], sites: list[tuple[list[str], Site]]) -> Shortcut | None:
    """The one of the first block that has one."""
    found = (shortcut_of(zones, chains, site.handlers, site.relay) for zones, site in sites)
    return next((one for one in found if one is not None), None)


def _places(
    parsed: Parsed, transport: str, port: int, addresses_of: Callable[[str], tuple[str, ...]]
) -> list[Place]:
    bind = parsed.options("bind")
    if bind is None:
        return [Place(transport, "", port)]
    left_out = {address for word in bind.exceptions for address in addresses_of(word)}
    hosts = dict.fromkeys(address for word in bind.places for address in addresses_of(word))
    found = [Place(transport, host, port) for host in hosts if host not in left_out]
    if not found:
        line = parsed.block.find("bind")[0]
        raise line.error(f"bind {' '.join(bind.places)} leaves no address to listen on")
    return found


def _last(request: Request) -> Response:
    """Behind the last handler: CoreDNS's "no next plugin found"."""
    return failed("", "no next plugin found")


def _refuse(request: Request) -> Response:
    return failed("", "the server block has no plugin", rcode=numbers.REFUSED)


def _unrouted(world: World, server: str) -> Serve | None:
    """Counts queries that no block serves, where metrics are on."""
    if "coredns_dns_requests_total" not in world.registry.families:
        return None
    from dns.handlers.prometheus import Meters

    return Meters(world.registry).dropped(server)
