"""The IPVS backend with real connections, in a kernel that has it: run by `make guest`."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
import pytest

from kproxy.backends.ipvs.apply import IpvsBackend, clean, unusable
from kproxy.backends.ipvs.names import DEVICE
from kproxy.backends.ipvs.pieces import Real, Virtual
from kproxy.backends.ipvs.servers_socket import Servers
from kproxy.forwarding import Endpoint, Forward, Frontend, FrontendKind, ServiceForwarding, ServicePortName
from kproxy.node import IpvsRules, LocalCIDR, NodeRules
from linux.rtnl import Rtnl
from tests.lab.pod_town import LOCAL_RANGE, NODE, PORT, Place, Town, ask, town

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="needs a kernel with ip_vs: run `make guest`"
    ),
    # Sockets of pyroute2 that a test left to the garbage collector: they say nothing of the traffic.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
_VIPS = ("10.96.0.50", "fd00:10:96::50")
_NODE_PORT = 30080
_NAME = ServicePortName("ns", "web", "p", "TCP")


class Proxied:
    """One family's backend in the node's namespace."""

    def __init__(self, streets: Town, family: int) -> None:
        place = family == 6
        self.town, self.family, self.vip, self.node_ip = streets, family, _VIPS[place], NODE[place]
        self._backend = IpvsBackend(
            NodeRules(
                family=family,
                detector=LocalCIDR(("10.244.0.0/16", "fd00:10:244::/56")[place]),
                local_addresses=(NODE[place],),
                bridged_pod_ranges=(LOCAL_RANGE[place],),
                ipvs=IpvsRules(tcp_timeout_s=901),
            )
        )

    def on_node(self, act: Callable[[IpvsBackend], object]) -> object:
        """As the daemon does it: within an event loop."""

        async def within() -> object:
            return act(self._backend)

        return self.town.node.run(lambda: asyncio.run(within()))

    def put(self, *pods: Place, affinity_s: int | None = None, only: bool = True) -> None:
        ends = Forward(tuple(Endpoint(ip=pod.ip(self.family), port=PORT, local=True) for pod in pods))
        service = ServiceForwarding(
            name=_NAME,
            frontends=(
                Frontend(kind=FrontendKind.CLUSTER_IP, ip=self.vip, port=80),
                Frontend(kind=FrontendKind.NODE_PORT, port=_NODE_PORT),
            ),
            internal=ends,
            external=ends,
            affinity_timeout_s=affinity_s,
        )
        self.on_node(lambda backend: backend.sync({_NAME: service}, {_NAME} if only else None))

    def servers(self) -> dict[Virtual, dict[Real, int]]:
        return self.town.node.run(lambda: {v: dict(s.reals) for v, s in Servers(self.family).read().items()})


@pytest.fixture(params=[4, 6])
def proxied(request: pytest.FixtureRequest) -> Iterator[Proxied]:
    with town() as streets:
        assert streets.node.run(unusable) is None
        yield Proxied(streets, request.param)
        streets.node.run(clean)


def _answers(place: Place, ip: str, port: int, count: int = 6) -> Counter[str]:
    return Counter(ask(place, ip, port, timeout_s=5).server for _ in range(count))


def test_pods_the_node_and_strangers_are_served_in_turn(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    proxied.put(other, proxied.town.remote)
    even = {other.name: 3, "remote": 3}
    assert _answers(pod, proxied.vip, 80) == even
    assert _answers(proxied.town.node, proxied.vip, 80) == even
    assert _answers(proxied.town.client, proxied.node_ip, _NODE_PORT) == even
    seen = ask(proxied.town.client, proxied.vip, 80, timeout_s=5).seen_source
    assert seen != proxied.town.client.ip(proxied.family)  # not of this node's pods: masqueraded
    with pytest.raises(ConnectionRefusedError):
        ask(pod, proxied.vip, 81, timeout_s=5)
    report = proxied.on_node(lambda backend: backend.sync({}, set()))
    assert msgspec.to_builtins(report)[1] == 0
    proxied.put(pod)
    assert _answers(pod, proxied.vip, 80) == {pod.name: 6}  # it reaches itself


def test_affinity_and_an_endpoint_that_leaves_in_peace(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    proxied.put(other, proxied.town.remote, affinity_s=60)
    assert len(_answers(pod, proxied.vip, 80)) == 1
    proxied.put(other)

    def connect() -> socket.socket:
        return socket.create_connection((proxied.vip, 80), timeout=5)

    with pod.run(connect):
        proxied.put(proxied.town.remote)
        there = proxied.servers()[Virtual("TCP", proxied.vip, 80)]
        assert there[Real(other.ip(proxied.family), PORT)] == 0
        proxied.on_node(lambda backend: backend.settle())
        assert Real(other.ip(proxied.family), PORT) in proxied.servers()[Virtual("TCP", proxied.vip, 80)]
    assert _answers(proxied.town.client, proxied.vip, 80) == {"remote": 6}


def test_a_restart_finds_nothing_to_do_and_cleaning_leaves_nothing(proxied: Proxied) -> None:
    pod = proxied.town.pods[0]
    proxied.put(pod)
    proxied.on_node(lambda backend: backend.distrust())
    before = proxied.servers()
    proxied.put(pod)
    assert proxied.servers() == before
    assert set(before) == {
        Virtual("TCP", proxied.vip, 80),
        Virtual("TCP", proxied.node_ip, _NODE_PORT),
    }
    proxied.town.node.run(clean)
    assert proxied.servers() == {}
    assert proxied.town.node.run(lambda: Rtnl().link(DEVICE)) is None
