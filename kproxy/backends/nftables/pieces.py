"""One service port in nftables' terms: its elements, and the chains and maps it needs beside the shared ones."""

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from kproxy.addresses import pack
from kproxy.backends.nftables import names as n
from kproxy.backends.nftables.skeleton import nf_family
from kproxy.forwarding import (
    PROTOCOL_NUMBERS,
    Drop,
    Endpoint,
    Forward,
    Frontend,
    FrontendKind,
    Reject,
    ServiceForwarding,
    Verdict,
)
from kproxy.policy import reachable
from linux.nft import phrases as p
from linux.nft.expressions import DROP, goto
from linux.nft.expressions import Verdict as NftVerdict
from linux.nft.phrases import DESTINATION_PORT, L4_PROTOCOL
from linux.nft.userdata import COMMENT_BYTES_MAX
from linux.nft.values import Chain, Element, Rule, Set, named_map

_PORT = struct.Struct(">H2x")
_INDEX = struct.Struct("=I")
_PROTOCOL_WORDS = {name: bytes((number, 0, 0, 0)) for name, number in PROTOCOL_NUMBERS.items()}
_AFFINITY_CLIENTS_MAX = 1 << 18
_REJECT = goto(n.REJECT)

Entry = tuple[str, Element]
"""The set's name and the element."""


class Pieces(NamedTuple):
    """What one service port adds to the table. Shared chains are named in the elements' verdicts."""

    entries: tuple[Entry, ...] = ()
    chains: tuple[Chain, ...] = ()
    sets: tuple[Set, ...] = ()
    remembered: tuple[tuple[str, frozenset[bytes]], ...] = ()
    """Affinity maps and the endpoints that may be in them."""


NOTHING = Pieces()


class _Side(NamedTuple):
    """How the two kinds of frontends differ: the maps and chains of addresses, and those of node ports."""

    service: str
    no_endpoint: str
    short_circuit: str
    local_only: str
    endpoints: str
    local_endpoints: str
    pick: str
    pick_local: str
    external: str
    external_local: str


_BY_IP = _Side(
    n.SERVICE_IPS,
    n.NO_ENDPOINT_IPS,
    n.SHORT_CIRCUIT_IPS,
    n.LOCAL_ONLY_IPS,
    n.ENDPOINTS,
    n.LOCAL_ENDPOINTS,
    n.PICK,
    n.PICK_LOCAL,
    n.EXTERNAL,
    n.EXTERNAL_LOCAL,
)
_BY_PORT = _Side(
    n.SERVICE_NODE_PORTS,
    n.NO_ENDPOINT_NODE_PORTS,
    n.SHORT_CIRCUIT_NODE_PORTS,
    n.LOCAL_ONLY_NODE_PORTS,
    n.NODE_PORT_ENDPOINTS,
    n.LOCAL_NODE_PORT_ENDPOINTS,
    n.PICK_NODE_PORT,
    n.PICK_LOCAL_NODE_PORT,
    n.NODE_PORT_EXTERNAL,
    n.NODE_PORT_EXTERNAL_LOCAL,
)
_ENDPOINT_MAPS = {
    n.PICK: n.ENDPOINTS,
    n.PICK_LOCAL: n.LOCAL_ENDPOINTS,
    n.PICK_NODE_PORT: n.NODE_PORT_ENDPOINTS,
    n.PICK_LOCAL_NODE_PORT: n.LOCAL_NODE_PORT_ENDPOINTS,
}
INDEXED_MAPS = frozenset(_ENDPOINT_MAPS.values())
_BEHIND_MARK = {n.EXTERNAL: n.PICK, n.NODE_PORT_EXTERNAL: n.PICK_NODE_PORT}


@lru_cache(maxsize=4096)
def _pick(prefix: str, count: int) -> NftVerdict:
    return goto(f"{prefix}-{count}")


def shared_chain(name: str, family: int) -> Chain | None:
    """The chain that all service ports with as many endpoints share; None if the name is not of one."""
    prefix, _, count = name.rpartition("-")
    if not count.isdigit():
        return None
    if prefix in _BEHIND_MARK:
        behind = f"{_BEHIND_MARK[prefix]}-{count}"
        return Chain(name, None, (Rule((*p.call(n.MARK),)), Rule((*p.go(behind),))))
    if prefix not in _ENDPOINT_MAPS:
        return None
    headers = p.headers(nf_family(family))
    key: tuple[p.Part, ...] = (L4_PROTOCOL, DESTINATION_PORT, p.random_below(int(count)))
    if prefix in (n.PICK, n.PICK_LOCAL):
        key = (headers.destination, *key)
    return Chain(name, None, (Rule(p.translate(headers.family, _ENDPOINT_MAPS[prefix], *key)),))


def shared_chains_behind(name: str) -> tuple[str, ...]:
    """The name itself and the shared chain that its rules go to."""
    prefix, _, count = name.rpartition("-")
    return (name, f"{_BEHIND_MARK[prefix]}-{count}") if prefix in _BEHIND_MARK else (name,)


def pieces(service: ServiceForwarding, family: int) -> Pieces:
    """All that the table holds for this service port. Pure, and the same for equal arguments."""
    if service.affinity_timeout_s is not None:
        return _Affinity(service, family).pieces()
    return Pieces(tuple(_entries(service, _shared)))


def packed_endpoint(endpoint: Endpoint) -> bytes:
    """As the data of a map."""
    return pack(endpoint.ip) + _PORT.pack(endpoint.port)


Choose: TypeAlias = Callable[[str, Forward], NftVerdict]
"""The chain that picks one of these endpoints, by the prefix of the shared one that would."""


def _shared(prefix: str, forward: Forward) -> NftVerdict:
    return _pick(prefix, len(forward.endpoints))


def _service_comment(service: ServiceForwarding) -> str:
    """What all ports of a service agree on."""
    return f"{service.name.namespace}/{service.name.service}"[:COMMENT_BYTES_MAX]


def _comment(service: ServiceForwarding) -> str:
    return str(service.name)[:COMMENT_BYTES_MAX]


def _entries(service: ServiceForwarding, choose: Choose) -> Iterator[Entry]:
    comment = _comment(service)
    protocol = _PROTOCOL_WORDS[service.name.protocol]
    for frontend in service.frontends:
        by_ip = frontend.kind is not FrontendKind.NODE_PORT
        address = pack(frontend.ip) if by_ip else b""
        key = address + protocol + _PORT.pack(frontend.port)
        if frontend.kind is FrontendKind.CLUSTER_IP:
            yield n.CLUSTER_IPS, Element(address, None, _service_comment(service))
            yield from _direct(service.internal, key, comment, _BY_IP, choose, _BY_IP.pick)
            continue
        side = _BY_IP if by_ip else _BY_PORT
        if frontend.allowed_sources is not None:
            yield from _firewall(frontend, key, comment)
        if service.short_circuit is None:
            yield from _direct(service.external, key, comment, side, choose, side.external)
        else:
            yield from _by_source(service, key, comment, side, choose)
    for endpoint in reachable(service):
        if endpoint.local:
            address = pack(endpoint.ip)
            yield n.HAIRPIN, Element(address + address + protocol + _PORT.pack(endpoint.port), None, comment)


def _direct(
    verdict: Verdict, key: bytes, comment: str, side: _Side, choose: Choose, prefix: str
) -> Iterator[Entry]:
    if isinstance(verdict, Forward):
        yield side.service, Element(key, choose(prefix, verdict), comment)
        yield from _indexed(side.endpoints, verdict, key, comment)
    else:
        yield side.no_endpoint, Element(key, _refusal(verdict), comment)


def _refusal(verdict: Reject | Drop) -> NftVerdict:
    return _REJECT if isinstance(verdict, Reject) else DROP


def _by_source(
    service: ServiceForwarding, key: bytes, comment: str, side: _Side, choose: Choose
) -> Iterator[Entry]:
    """External traffic policy Local: who asks decides between all endpoints and those of this node."""
    everywhere, here = service.short_circuit, service.external
    if isinstance(everywhere, Forward) or isinstance(here, Forward):
        yield side.service, Element(key, goto(side.external_local), comment)
    if isinstance(everywhere, Forward):
        yield side.short_circuit, Element(key, choose(side.pick, everywhere), comment)
        yield from _indexed(side.endpoints, everywhere, key, comment)
    if isinstance(here, Forward):
        yield side.local_only, Element(key, choose(side.pick_local, here), comment)
        yield from _indexed(side.local_endpoints, here, key, comment)
    else:
        yield side.no_endpoint, Element(key, _refusal(here), comment)


def _indexed(map_name: str, forward: Forward, key: bytes, comment: str) -> Iterator[Entry]:
    index, port = _INDEX.pack, _PORT.pack
    for i, endpoint in enumerate(forward.endpoints):
        yield map_name, Element(key + index(i), pack(endpoint.ip) + port(endpoint.port), comment)


def _firewall(frontend: Frontend, key: bytes, comment: str) -> Iterator[Entry]:
    yield n.FIREWALL_IPS, Element(key, None, comment)
    for first, last in frontend.allowed_sources or ():
        yield n.SOURCE_RANGES, Element(key + pack(first), None, comment, key + pack(last))


class _Affinity:
    """Session affinity: a map from source to endpoint, read before the random choice, written behind it.

    One map for the endpoints of the whole cluster, one for those of this node where a policy asks for them:
    what a policy forbids must not be learned from a connection that it did not apply to.
    """

    def __init__(self, service: ServiceForwarding, family: int) -> None:
        self._service = service
        self._headers = p.headers(nf_family(family))
        self._timeout_ms = (service.affinity_timeout_s or 0) * 1000
        self._everywhere = service.short_circuit or service.external
        self._main, self._local = n.own(service.name, "affinity"), n.own(service.name, "affinity-local")
        self._chains: dict[str, Chain] = {}
        self._maps: dict[str, frozenset[bytes]] = {}

    def pieces(self) -> Pieces:
        entries = list(_entries(self._service, self._choose))
        for frontend in self._service.frontends:
            maps = [name for name in self._maps_of(frontend) if name in self._maps]
            if maps:
                entries.append(self._remember(frontend, maps))
        sets = tuple(self._set(name) for name in self._maps)
        return Pieces(tuple(entries), tuple(self._chains.values()), sets, tuple(self._maps.items()))

    def _choose(self, prefix: str, forward: Forward) -> NftVerdict:
        is_main = forward == self._everywhere
        map_name = self._main if is_main else self._local
        self._maps[map_name] = frozenset(map(packed_endpoint, forward.endpoints))
        name = n.own(self._service.name, f"{prefix}-affinity" if is_main else f"{prefix}-affinity-local")
        rules = [Rule(p.call(n.MARK))] if prefix in _BEHIND_MARK else []
        rules.append(Rule(p.translate(self._headers.family, map_name, self._headers.source)))
        rules.append(Rule(p.go(_shared(_BEHIND_MARK.get(prefix, prefix), forward).chain)))
        self._chains[name] = Chain(name, None, tuple(rules))
        return goto(name)

    def _maps_of(self, frontend: Frontend) -> tuple[str, ...]:
        service = self._service
        if frontend.kind is FrontendKind.CLUSTER_IP:
            return (self._main if service.internal == self._everywhere else self._local,)
        return (self._main,) if service.short_circuit is None else (self._main, self._local)

    def _remember(self, frontend: Frontend, maps: list[str]) -> Entry:
        kind = "remember-both" if len(maps) > 1 else "remember" if maps[0] == self._main else "remember-local"
        name = n.own(self._service.name, kind)
        source, data = self._headers.original_source, (self._headers.destination, DESTINATION_PORT)
        rules = tuple(Rule(p.remember(item, source, data, self._timeout_ms)) for item in maps)
        self._chains[name] = Chain(name, None, rules)
        tail = _PROTOCOL_WORDS[self._service.name.protocol] + _PORT.pack(frontend.port)
        if frontend.kind is FrontendKind.NODE_PORT:
            return n.AFFINITY_OF_NODE_PORTS, Element(tail, goto(name), _comment(self._service))
        key = pack(frontend.ip) + tail
        return n.AFFINITY_OF_IPS, Element(key, goto(name), _comment(self._service))

    def _set(self, name: str) -> Set:
        key = p.fields(self._headers.source)
        data = p.fields(self._headers.destination, DESTINATION_PORT)
        return named_map(
            name, key, data, dynamic=True, size=_AFFINITY_CLIENTS_MAX, comment=_comment(self._service)
        )
