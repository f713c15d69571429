"""Routes and tunnels of hosts without a cluster: what cannot be laid, and what an earlier agent left."""

import os
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

import pytest

from kube.objects import Node, NodeAddress, NodeSpec, NodeStatus, ObjectMeta
from linux import netns, process, sysctl
from linux.rtnl import Rtnl
from nodeagent.overlay.apply import Kernel
from nodeagent.overlay.plan import Settings, arranged, place_of, plan_overlay
from nodeagent.overlay.steps import steps

pytestmark = pytest.mark.lab


@pytest.mark.usefixtures("vxlan")
def test_an_agent_without_an_overlay_removes_what_an_earlier_one_left() -> None:
    fd = netns.create()
    script = """
import sys
from linux.rtnl import Rtnl
from nodeagent.overlay.apply import Kernel, PacketFilter
from nodeagent.overlay.drive import remove_leftovers
from nodeagent.overlay.plan import OverlayState, PodRoute, Tunnel
from nodeagent.overlay.steps import steps
mark = sys.argv[1]
wanted = OverlayState(
    Tunnel(7, 8472, "192.0.2.1", "0e:58:00:00:00:01", 1430),
    frozenset({"10.1.0.1", "fd00:1::1"}),
    frozenset({PodRoute("10.2.0.0/24", "10.2.0.1", True), PodRoute("fd00:2::/64", "fd00:2::1", True)}),
    frozenset({("10.2.0.1", "0e:58:00:00:00:02"), ("fd00:2::1", "0e:58:00:00:00:02")}),
    frozenset({("0e:58:00:00:00:02", "192.0.2.2")}),
)
kernel = Kernel()
assert not kernel.carry_out(steps(wanted, kernel.read()))
assert kernel.read() == wanted, kernel.read()
assert steps(wanted, kernel.read()) == ()
PacketFilter().replace(("10.1.0.0/24",), ("10.1.0.0/24", "255.255.255.0/24"))
remove_leftovers(mark)
assert kernel.read() == OverlayState()
"""
    try:
        mark = f"/tmp/overlay-mark-{os.getpid()}"
        with open(mark, "w", encoding="ascii"):
            pass
        netns.run_in(fd, lambda: process.run([sys.executable, "-c", script, mark]))
        assert not os.path.exists(mark)
    finally:
        os.close(fd)


def host(name: str, cidr: str, address: str) -> Node:
    return Node(
        metadata=ObjectMeta(name=name),
        spec=NodeSpec(pod_cidrs=(cidr,)),
        status=NodeStatus(addresses=(NodeAddress(type="InternalIP", address=address),)),
    )


class Segment:
    """Two hosts on one wire, each with a pod's address on a link of its own."""

    NODES = (host("a", "10.1.0.0/24", "192.0.2.1"), host("b", "10.2.0.0/24", "192.0.2.2"))

    def __init__(self) -> None:
        self.fds = (netns.create(), netns.create())
        netns.run_in(self.fds[0], self._wire)
        for fd, node in zip(self.fds, self.NODES, strict=True):
            netns.run_in(fd, lambda node=node: self._furnish(node))

    def _wire(self) -> None:
        with Rtnl() as rtnl:
            rtnl.add_veth("eth0", "eth0", peer_netns_fd=self.fds[1])

    @staticmethod
    def _furnish(node: Node) -> None:
        sysctl.write("net/ipv4/ip_forward", 1)
        with Rtnl() as rtnl:
            rtnl.add_bridge("cni0")
            pod = str(ip_network(node.spec.pod_cidrs[0])[2])
            for name, ip, prefix in (("eth0", node.status.addresses[0].address, 24), ("cni0", pod, 24)):
                link = rtnl.link(name)
                assert link is not None
                rtnl.set_link(link.ifindex, up=True)
                rtnl.add_address(link.ifindex, ip, prefix)

    def bring_about(self, number: int, nodes: Sequence[Node] = NODES) -> list[str]:
        """What the kernel refused."""
        own = self.NODES[number]
        settings = Settings("routes", own.metadata.name, (own.status.addresses[0].address,))

        def work() -> list[str]:
            kernel = Kernel()
            places = arranged(map(place_of, nodes), settings.node_name)
            wanted = plan_overlay(settings, places, kernel.underlay(settings))
            refused = kernel.carry_out(steps(wanted, kernel.read()))
            assert refused or kernel.read() == wanted
            kernel.close()
            return [str(error) for error in refused]

        return netns.run_in(self.fds[number], work)

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)


@pytest.fixture
def segment() -> Iterator[Segment]:
    made = Segment()
    yield made
    made.close()


def test_hosts_on_one_segment_route_for_each_others_pods(segment: Segment) -> None:
    assert [segment.bring_about(0), segment.bring_about(1)] == [[], []]
    ping = ["ping", "-c", "1", "-W", "2", "-I", "10.1.0.2", "10.2.0.2"]
    netns.run_in(segment.fds[0], lambda: process.run([*ping[:4], "20", *ping[5:]]))
    assert segment.bring_about(0, segment.NODES[:1]) == []  # the other one has left
    assert netns.run_in(segment.fds[0], lambda: process.run(ping, check=False)).code != 0


def test_a_route_that_cannot_be_laid_says_why_and_does_not_stop_the_others(segment: Segment) -> None:
    with_others = (
        *segment.NODES,
        host("far", "10.9.0.0/24", "198.51.100.9"),
        host("x", "10.8.0.0/24", "192.0.2.8"),
    )

    def foreign() -> None:
        with Rtnl() as rtnl:
            rtnl.add_route("10.8.0.0/24", via="192.0.2.99")

    netns.run_in(segment.fds[0], foreign)
    refused = sorted(segment.bring_about(0, with_others))
    assert refused == [
        "pods in 10.8.0.0/24 by 192.0.2.8 cannot be reached: somebody else's route is there: `ip route del 10.8.0.0/24`",
        "pods in 10.9.0.0/24 by 198.51.100.9 cannot be reached: Network is unreachable: Nexthop has invalid gateway;"
        " nodes of --network routes share a layer 2 segment, else use vxlan",
    ]
    segment.bring_about(1)
    netns.run_in(
        segment.fds[0], lambda: process.run(["ping", "-c", "1", "-W", "20", "-I", "10.1.0.2", "10.2.0.2"])
    )
