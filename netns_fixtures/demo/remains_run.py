"""What pods have left on the nodes: links, leased addresses, rules. Nothing, if all is well."""

import os
from typing import NamedTuple

from linux import netns
from linux.nft.socket import NftSocket
from linux.rtnl import Rtnl
from netns_fixtures import members_run
from netns_fixtures.demo.watched import NAMESPACE
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab, Member


class Remains(NamedTuple):
    node: str
    links: int
    addresses: int
    rules: int


def on_nodes(lab: Lab, folder: Folder) -> list[Remains]:
    return [_on_node(node, folder) for node in lab.nodes]


def _on_node(node: Member, folder: Folder) -> Remains:
    fd = os.open(folder.netns(node), os.O_RDONLY | os.O_CLOEXEC)
    try:
        links = netns.run_in(fd, _pod_links)
        rules = netns.run_in(fd, _rules)
    finally:
        os.close(fd)
    return Remains(node.name, links, _leases(folder, node), rules)


def _pod_links() -> int:
    with Rtnl() as rtnl:
        bridges = {link.ifindex for link in rtnl.links(kind="bridge")}
        return sum(link.master in bridges for link in rtnl.links(kind="veth"))


def _leases(folder: Folder, node: Member) -> int:
    """Files that host-local keeps, one an address (the reference's data directory)."""
    pid = members_run.find(folder, node)
    try:
        names = os.listdir(f"/proc/{pid}/root/var/lib/cni/networks/podnet")
    except FileNotFoundError:
        return 0
    return sum(name[0].isdigit() or ":" in name for name in names)


def _rules() -> int:
    """Elements of kproxy's tables whose comment names a service of the namespace."""
    found = 0
    with NftSocket() as nft:
        for table in nft.tables():
            content = nft.content(table)
            for elements in content.elements.values() if content else ():
                found += sum(element.comment.startswith(f"{NAMESPACE}/") for element in elements.values())
    return found
