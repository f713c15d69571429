"""Makes the lab's network: namespaces pinned by path, the hub's bridge, a veth to each node and one to the host."""

import os
from ipaddress import ip_network

from linux import mounts, netns, sysctl
from linux.rtnl import Rtnl
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab, LabError, Member, Network

BRIDGE = "underlay"
NODE_LINK = "eth0"


def networks_in_use() -> list[Network]:
    """Where this host already has addresses or routes, and other labs have theirs; default routes do not count."""
    with Rtnl() as rtnl:
        texts = [f"{address.ip}/{address.prefix}" for address in rtnl.addresses()]
        texts += [route.dst for route in rtnl.routes()]
    return [network for text in texts if (network := ip_network(text, strict=False)).prefixlen > 0]


def create_underlay(lab: Lab, folder: Folder) -> None:
    """All namespaces and links of a planned lab."""
    folder.host_netns.touch()
    mounts.bind("/proc/self/ns/net", str(folder.host_netns))
    hub_fd = netns.create(str(folder.netns(lab.hub)))
    try:
        netns.run_in(hub_fd, lambda: _prepare_hub(lab))
        for node in lab.nodes:
            _add_node(lab, node, folder, hub_fd)
        _plug_host(lab, hub_fd)
    finally:
        os.close(hub_fd)


def _prepare_hub(lab: Lab) -> None:
    _prepare_stack()
    with Rtnl() as rtnl:
        _loopback_up(rtnl)
        rtnl.add_bridge(BRIDGE, up=True)
        _add_addresses(rtnl, BRIDGE, lab.hub.addresses, lab)


def _add_node(lab: Lab, node: Member, folder: Folder, hub_fd: int) -> None:
    node_fd = netns.create(str(folder.netns(node)))
    try:
        netns.run_in(node_fd, _prepare_stack)
        netns.run_in(hub_fd, lambda: _plug(node.hub_link, NODE_LINK, node_fd))
        netns.run_in(node_fd, lambda: _prepare_node(lab, node))
    finally:
        os.close(node_fd)


def _prepare_node(lab: Lab, node: Member) -> None:
    with Rtnl() as rtnl:
        _loopback_up(rtnl)
        _add_addresses(rtnl, NODE_LINK, node.addresses, lab)
        link = rtnl.link(NODE_LINK)
        assert link is not None
        for gateway in lab.hub.addresses:
            default = "::/0" if ":" in gateway else "0.0.0.0/0"
            rtnl.add_route(default, via=gateway, oif=link.ifindex)


def _plug_host(lab: Lab, hub_fd: int) -> None:
    """The host gets one link with addresses, and nothing else: no rule, no sysctl, no route beyond the subnet."""
    with Rtnl() as rtnl:
        if rtnl.link(lab.host_link) is not None:
            again = f"klab down --name {lab.name}"
            raise LabError(
                f"link {lab.host_link} of an earlier lab {lab.name!r} is in the way: '{again}' removes it"
            )
    host_fd = netns.current()
    try:
        netns.run_in(hub_fd, lambda: _plug("host", lab.host_link, host_fd))
    finally:
        os.close(host_fd)
    with Rtnl() as rtnl:
        _add_addresses(rtnl, lab.host_link, lab.host_addresses, lab)


def _plug(hub_end: str, other_end: str, other_fd: int) -> None:
    """A veth from the hub's bridge into another namespace; called in the hub."""
    with Rtnl() as rtnl:
        bridge = rtnl.link(BRIDGE)
        assert bridge is not None
        rtnl.add_veth(hub_end, other_end, master=bridge.ifindex, up=True, peer_netns_fd=other_fd)


def _add_addresses(rtnl: Rtnl, link_name: str, addresses: tuple[str, ...], lab: Lab) -> None:
    link = rtnl.link(link_name)
    assert link is not None
    rtnl.set_link(link.ifindex, up=True)
    for address, subnet in zip(addresses, lab.subnets, strict=True):
        # Addresses are planned, so duplicate detection would only delay the first packet by a second.
        rtnl.add_address(link.ifindex, address, ip_network(subnet).prefixlen, nodad=":" in address)


def _loopback_up(rtnl: Rtnl) -> None:
    loopback = rtnl.link("lo")
    assert loopback is not None
    rtnl.set_link(loopback.ifindex, up=True)


def _prepare_stack() -> None:
    """Before the first link, since links inherit: forward, and do not wait for duplicates of planned addresses."""
    sysctl.write("net/ipv4/ip_forward", 1)
    if sysctl.read("net/ipv6/conf/all/forwarding") is not None:
        sysctl.write("net/ipv6/conf/all/forwarding", 1)
        for scope in ("all", "default"):
            sysctl.write(f"net/ipv6/conf/{scope}/accept_dad", 0)
