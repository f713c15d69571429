"""Session affinity out of the kernel's maps and into them: what another backend remembers goes on."""

from collections.abc import Iterable
from ipaddress import ip_address

from kproxy.addresses import pack
from kproxy.backends.nftables.pieces import packed_endpoint, pieces
from kproxy.forwarding import ForwardingTable, Remembered, keepers
from linux.nft.batch import AddElements
from linux.nft.socket import NftSocket
from linux.nft.values import Element, Table


def recall(socket: NftSocket, kernel: Table, table: ForwardingTable, family: int) -> list[Remembered]:
    """Of all services of the table that have affinity."""
    found: dict[tuple[object, str], Remembered] = {}
    for service, endpoints in keepers(table):
        packed = {packed_endpoint(endpoint): endpoint for endpoint in endpoints}
        for map_name, _ in pieces(service, family).remembered:
            for element in socket.elements(kernel, map_name):
                endpoint = packed.get(element.data) if isinstance(element.data, bytes) else None
                if endpoint is not None:
                    client = str(ip_address(element.key))
                    left_s = (element.expires_ms or element.timeout_ms) / 1000
                    found[(service.name, client)] = Remembered(service.name, client, endpoint, left_s)
    return list(found.values())


def memorize(
    socket: NftSocket, kernel: Table, table: ForwardingTable, family: int, clients: Iterable[Remembered]
) -> None:
    """Into each map that may hold the endpoint."""
    by_service: dict[object, list[Remembered]] = {}
    for client in clients:
        by_service.setdefault(client.service, []).append(client)
    operations = []
    for service, _ in keepers(table):
        timeout_ms = (service.affinity_timeout_s or 0) * 1000
        for map_name, allowed in pieces(service, family).remembered:
            elements = [
                Element(
                    pack(client.client),
                    packed_endpoint(client.endpoint),
                    timeout_ms=timeout_ms,
                    expires_ms=max(1, min(timeout_ms, int(client.left_s * 1000))),
                )
                for client in by_service.get(service.name, ())
                if packed_endpoint(client.endpoint) in allowed
            ]
            if elements:
                operations.append(AddElements(kernel, map_name, elements))
    if operations:
        socket.apply(operations)
