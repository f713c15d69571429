"""Live connections by service and endpoint: connection tracking's entries, read off a ForwardingTable. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from kproxy.forwarding import PROTOCOL_NUMBERS, ForwardingTable
from kproxy.node import NodeRules


class Flow(NamedTuple):
    """A translated connection: where it was sent, and the endpoint `ip:port` that it went to."""

    destination: str
    port: int
    protocol: int
    endpoint: str


class Counted(NamedTuple):
    """New connections, counted in the kernel since their counters were made."""

    services: Mapping[str, int] = {}
    endpoints: Mapping[tuple[str, str], int] = {}


NOTHING_COUNTED = Counted()


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """`new_total` as in Row."""

    address: str
    live: int
    new_total: int | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`new_total`: counted in the kernel since the counter was made, None where nothing counts."""

    service: str
    protocol: str
    live: int
    new_total: int | None
    endpoints: tuple[EndpointRow, ...]


def rows(
    table: ForwardingTable, node: NodeRules, flows: Iterable[Flow], counted: Counted = NOTHING_COUNTED
) -> list[Row]:
    """The busiest service first; those without a connection are left out unless something was counted."""
    at_ip, at_node_port = _frontends(table)
    own = set(node.local_addresses if node.node_port_addresses is None else node.node_port_addresses)
    live: dict[tuple[str, str], Counter[str]] = {}
    for flow in flows:
        found = at_ip.get((flow.destination, flow.protocol, flow.port))
        if found is None and flow.destination in own:
            found = at_node_port.get((flow.protocol, flow.port))
        if found is not None:
            live.setdefault(found, Counter())[flow.endpoint] += 1
    names = {(str(name), name.protocol) for name in table if counted.services.get(str(name))} | live.keys()
    new: dict[str, dict[str, int]] = {}
    for (service, address), total in counted.endpoints.items():
        if total:
            new.setdefault(service, {})[address] = total
    made = [_row(name, live.get(name, Counter()), counted.services, new.get(name[0], {})) for name in names]
    return sorted(made, key=lambda row: (-row.live, -(row.new_total or 0), row.service, row.protocol))


def _row(name: tuple[str, str], live: Counter[str], totals: Mapping[str, int], new: Mapping[str, int]) -> Row:
    service, protocol = name
    endpoints = [
        EndpointRow(address=address, live=live[address], new_total=new.get(address))
        for address in {*live, *new}
    ]
    return Row(
        service=service,
        protocol=protocol,
        live=live.total(),
        new_total=totals.get(service),
        endpoints=tuple(sorted(endpoints, key=lambda e: (-e.live, -(e.new_total or 0), e.address))),
    )


def _frontends(
    table: ForwardingTable,
) -> tuple[dict[tuple[str, int, int], tuple[str, str]], dict[tuple[int, int], tuple[str, str]]]:
    at_ip: dict[tuple[str, int, int], tuple[str, str]] = {}
    at_node_port: dict[tuple[int, int], tuple[str, str]] = {}
    for name, service in table.items():
        number = PROTOCOL_NUMBERS[name.protocol]
        for frontend in service.frontends:
            if frontend.ip:
                at_ip[frontend.ip, number, frontend.port] = (str(name), name.protocol)
            else:
                at_node_port[number, frontend.port] = (str(name), name.protocol)
    return at_ip, at_node_port
