"""Which UDP entries of the connection tracking table have become wrong. Pure.

A datagram's "connection" lives as long as its sender goes on: after an endpoint went, its packets would be
translated to it for ever. So with every change of a UDP port, of its endpoints or of its addresses, also when
the last endpoint or the service itself goes, the entries that lead elsewhere are removed. TCP and SCTP notice
by themselves.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kproxy.forwarding import PROTOCOL_NUMBERS, ForwardingTable, ServicePortName
from kproxy.intake import Change, Known
from linux.conntrack.wire import STATUS_DESTINATION_NAT, STATUS_SEEN_REPLY, UDP, Entry, Filter

_FILTERS_MAX = 16
UNANSWERED = Filter(without_status=STATUS_DESTINATION_NAT | STATUS_SEEN_REPLY)


class Stale(NamedTuple):
    """What one port's traffic may look like now: anything else at these frontends is stale.

    `node_port` counts at the node's own addresses; 0: none.
    """

    addresses: frozenset[tuple[str, int]]
    node_port: int
    endpoints: frozenset[tuple[str, int]]


def stale_of(changes: Mapping[ServicePortName, Change]) -> tuple[Stale, ...]:
    """For the UDP ports among the changes."""
    found = []
    for name, change in changes.items():
        if name.protocol != "UDP":
            continue
        endpoints = _serving(change.new)
        addresses = _addresses(change.old) | _addresses(change.new)
        ports = {item.port.node_port for item in (change.old, change.new) if item is not None}
        for place, port in enumerate(sorted(ports)):
            found.append(Stale(addresses if place == 0 else frozenset(), port, endpoints))
    return tuple(found)


def _serving(known: Known | None) -> frozenset[tuple[str, int]]:
    """Readiness, policy and topology do not count: who still serves keeps the clients that it has."""
    if known is None:
        return frozenset()
    return frozenset((e.ip, e.port) for e in known.endpoints if e.serving)


def _addresses(known: Known | None) -> frozenset[tuple[str, int]]:
    if known is None:
        return frozenset()
    port = known.port
    return frozenset(
        (ip, port.port) for ip in (port.cluster_ip, *port.load_balancer_vips, *port.external_ips)
    )


class _Frontends:
    """Where services are reached."""

    def __init__(self, table: ForwardingTable, local_addresses: frozenset[str]) -> None:
        self._local = local_addresses
        self._at: set[tuple[str, int, int]] = set()
        self._node_ports: set[tuple[int, int]] = set()
        for name, service in table.items():
            number = PROTOCOL_NUMBERS[name.protocol]
            for frontend in service.frontends:
                if frontend.ip:
                    self._at.add((frontend.ip, number, frontend.port))
                else:
                    self._node_ports.add((number, frontend.port))

    def have(self, ip: str, protocol: int, port: int) -> bool:
        return (ip, protocol, port) in self._at or (
            ip in self._local and (protocol, port) in self._node_ports
        )


def untranslated(
    entries: Iterable[Entry], table: ForwardingTable, local_addresses: frozenset[str]
) -> list[Entry]:
    """Of a time without our rules: sent to a service, not translated, and never answered.

    Connection tracking would keep each of them on that way to nowhere, however often its sender tries again,
    and whoever comes to use the same port within two minutes.
    """
    frontends = _Frontends(table, local_addresses)
    return [
        entry
        for entry in entries
        if not entry.status & UNANSWERED.without_status
        and frontends.have(
            entry.original.destination, entry.original.protocol, entry.original.destination_port
        )
    ]


def relayed(entries: Iterable[Entry], table: ForwardingTable, local_addresses: frozenset[str]) -> list[Entry]:
    """Of a mode that relays datagrams itself: between a client and a service, either of them the first, untranslated.

    A sender that goes on would never be translated, and reach nobody once that mode is gone.
    """
    frontends = _Frontends(table, local_addresses)

    def is_relayed(entry: Entry) -> bool:
        first = entry.original
        return not entry.status & STATUS_DESTINATION_NAT and (
            frontends.have(first.destination, UDP, first.destination_port)
            or frontends.have(first.source, UDP, first.source_port)
        )

    return [entry for entry in entries if entry.original.protocol == UDP and is_relayed(entry)]


def filters(stale: Iterable[Stale]) -> tuple[Filter, ...]:
    """What to ask the kernel for: single ports, or all of UDP where they are many."""
    ports = {port for item in stale for _, port in item.addresses}
    ports |= {item.node_port for item in stale if item.node_port}
    if len(ports) > _FILTERS_MAX:
        return (Filter(UDP),)
    return tuple(Filter(UDP, destination_port=port) for port in sorted(ports))


def choose(entries: Iterable[Entry], stale: Iterable[Stale], local_addresses: frozenset[str]) -> list[Entry]:
    """The entries to remove."""
    by_address: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
    by_node_port: dict[int, frozenset[tuple[str, int]]] = {}
    for item in stale:
        by_address |= dict.fromkeys(item.addresses, item.endpoints)
        if item.node_port:
            by_node_port[item.node_port] = item.endpoints
    found = []
    for entry in entries:
        original, answers = entry.original, (entry.reply.source, entry.reply.source_port)
        if original.protocol != UDP:
            continue
        allowed = by_address.get((original.destination, original.destination_port))
        if allowed is None and original.destination in local_addresses:
            allowed = by_node_port.get(original.destination_port)
        if allowed is not None and answers not in allowed:
            found.append(entry)
    return found
