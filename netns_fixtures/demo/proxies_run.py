"""Whether every node's kproxy has taken up the endpoints of a Service: the API knows them before the kernels do."""

import os
from collections.abc import Iterator
from ipaddress import ip_address

from kproxy.backends.nftables import names
from linux import netns
from linux.nft.socket import NftSocket
from linux.nft.values import Table
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab, Member

_ADDRESS_BYTES = {2: 4, 10: 16}  # by address family; a port follows


def have_taken_up(lab: Lab, folder: Folder, service: str, addresses: set[str]) -> bool:
    """`service` as NAMESPACE/NAME. Said of the rules in nf_tables; of other modes nothing is known: True."""
    if lab.proxy_mode != "nftables":
        return True
    wanted = {str(ip_address(address)) for address in addresses}
    return all(_held(node, folder, service) == wanted for node in lab.nodes)


def _held(node: Member, folder: Folder, service: str) -> set[str]:
    fd = os.open(folder.netns(node), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return netns.run_in(fd, lambda: set(_endpoints(service)))
    finally:
        os.close(fd)


def _endpoints(service: str) -> Iterator[str]:
    with NftSocket() as nft:
        for family, size in _ADDRESS_BYTES.items():
            content = nft.content(Table(family, names.TABLE))
            for name in (names.ENDPOINTS, names.NODE_PORT_ENDPOINTS) if content else ():
                for element in content.elements.get(name, {}).values() if content else ():
                    if element.comment.startswith(f"{service}:") and isinstance(element.data, bytes):
                        yield str(ip_address(element.data[:size]))
