"""Which addresses to listen on, and where to send what comes in. Decides, does nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from kproxy.addresses import IPV4, contains, is_loopback, pack
from kproxy.forwarding import (
    Endpoint,
    Forward,
    ForwardingTable,
    Frontend,
    FrontendKind,
    ServiceForwarding,
    ServicePortName,
    Verdict,
)
from kproxy.node import LocalCIDR, NodeRules

PROTOCOLS = ("TCP", "UDP")


class Key(NamedTuple):
    """Where one listens."""

    protocol: str
    ip: str
    port: int


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What one does with who comes: `inside` for this node and its pods, `outside` for all others.

    `allowed`: ranges (first, last) of packed addresses, None: everybody.
    """

    name: ServicePortName
    inside: tuple[Endpoint, ...]
    outside: tuple[Endpoint, ...]
    allowed: tuple[tuple[bytes, bytes], ...] | None = None
    affinity_timeout_s: int | None = None


class Work(NamedTuple):
    """Listeners by key, None: close it; and the ranges that must be local."""

    listeners: dict[Key, Route | None]
    local_ranges: frozenset[str]


def _endpoints(verdict: Verdict) -> tuple[Endpoint, ...]:
    return verdict.endpoints if isinstance(verdict, Forward) else ()


def routes(service: ServiceForwarding, node: NodeRules) -> Iterator[tuple[Key, Route]]:
    """Of one service port. What has no endpoint has no listener: the kernel refuses for us."""
    if service.name.protocol not in PROTOCOLS:
        return
    for frontend in service.frontends:
        outside = _endpoints(service.verdict_for(frontend))
        inside = outside
        if frontend.kind is not FrontendKind.CLUSTER_IP and service.short_circuit is not None:
            inside = _endpoints(service.short_circuit)
        if not inside and not outside:
            continue
        route = Route(
            name=service.name,
            inside=inside,
            outside=outside,
            allowed=_packed(frontend),
            affinity_timeout_s=service.affinity_timeout_s,
        )
        for ip in _addresses(frontend, node):
            yield Key(service.name.protocol, ip, frontend.port), route


def _packed(frontend: Frontend) -> tuple[tuple[bytes, bytes], ...] | None:
    if frontend.allowed_sources is None:
        return None
    return tuple((pack(first), pack(last)) for first, last in frontend.allowed_sources)


def _addresses(frontend: Frontend, node: NodeRules) -> tuple[str, ...]:
    if frontend.ip:
        return (frontend.ip,)
    if node.node_port_addresses is not None:
        return node.node_port_addresses
    loopback = "127.0.0.1" if node.family == IPV4 else "::1"
    return (*node.local_addresses, loopback) if node.localhost_node_ports else node.local_addresses


def is_inside(node: NodeRules, source: str) -> bool:
    """This node's pods and the node itself. Detectors by interface cannot be asked of a socket."""
    if source in node.local_addresses or is_loopback(source):
        return True
    if isinstance(node.detector, LocalCIDR):
        return contains(node.detector.cidr, source)
    return False


def choices(route: Route, node: NodeRules, source: str, *, own_address: bool = False) -> tuple[Endpoint, ...]:
    """Endpoints that this client may be sent to; empty: it is turned away.

    `own_address`: the client has the address that it calls, as the node has when it calls a cluster address.
    """
    if route.allowed is not None and not own_address:
        packed = pack(source)
        if not any(first <= packed <= last for first, last in route.allowed):
            return ()
    return route.inside if own_address or is_inside(node, source) else route.outside


class Plan:
    """What listens, for one IP family."""

    def __init__(self, node: NodeRules) -> None:
        self.node = node
        self._claims: dict[Key, dict[ServicePortName, Route]] = {}
        self._keys: dict[ServicePortName, tuple[Key, ...]] = {}
        self._external: dict[ServicePortName, frozenset[str]] = {}

    def full(self, table: ForwardingTable) -> Work:
        """Everything; what listened before and is not named is to be closed by the caller's comparison."""
        before = set(self._claims)
        self._claims, self._keys, self._external = {}, {}, {}
        for name, service in table.items():
            self._add(name, service)
        return self._work({*before, *self._claims})

    def partial(self, table: ForwardingTable, names: Iterable[ServicePortName]) -> Work:
        touched: set[Key] = set()
        for name in names:
            touched |= self._remove(name)
            service = table.get(name)
            if service is not None:
                self._add(name, service)
                touched |= set(self._keys[name])
        return self._work(touched)

    def wanted(self) -> Mapping[Key, Route]:
        """All that should listen."""
        return {key: claims[min(claims)] for key, claims in self._claims.items()}

    def _add(self, name: ServicePortName, service: ServiceForwarding) -> None:
        found = dict(routes(service, self.node))
        self._keys[name] = tuple(found)
        for key, route in found.items():
            self._claims.setdefault(key, {})[name] = route
        own = {*self.node.local_addresses}
        self._external[name] = frozenset(f.ip for f in service.frontends if f.ip and f.ip not in own)

    def _remove(self, name: ServicePortName) -> set[Key]:
        keys = self._keys.pop(name, ())
        self._external.pop(name, None)
        for key in keys:
            claims = self._claims[key]
            claims.pop(name, None)
            if not claims:
                del self._claims[key]
        return set(keys)

    def _work(self, touched: set[Key]) -> Work:
        listeners: dict[Key, Route | None] = {}
        for key in touched:
            claims = self._claims.get(key)
            listeners[key] = claims[min(claims)] if claims else None
        return Work(listeners, self.local_ranges())

    def local_ranges(self) -> frozenset[str]:
        """The service ranges as a whole, and each address beside them."""
        ranges = self.node.service_cidrs
        bits = 32 if self.node.family == IPV4 else 128
        single = {ip for ips in self._external.values() for ip in ips}
        outside = {f"{ip}/{bits}" for ip in single if not any(contains(cidr, ip) for cidr in ranges)}
        return frozenset((*ranges, *outside))
