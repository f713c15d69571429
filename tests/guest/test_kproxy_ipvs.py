"""The IPVS backend with real connections, in a kernel that has it: run by `make guest`."""

import os
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
import pytest

from kproxy.backends.ipvs.apply import IpvsBackend, clean, unusable
from kproxy.backends.ipvs.names import DEVICE
from kproxy.backends.ipvs.pieces import Real, Server, Virtual
from kproxy.backends.ipvs.servers_socket import Servers
from kproxy.forwarding import (
    Endpoint,
    Forward,
    Frontend,
    FrontendKind,
    ServiceForwarding,
    ServicePortName,
    Verdict,
)
from kproxy.node import IpvsRules, LocalCIDR, NodeRules
from linux import process, sysctl
from linux.ipset import run as ipset
from linux.rtnl import Rtnl
from tests.lab.pod_town import LOCAL_RANGE, NODE, PORT, Place, Town, ask, town

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="needs a kernel with ip_vs: run `make guest`"
    ),
]
T = TypeVar("T")
_VIPS, _LBS, _EXTERNAL = ("10.96.0.50", "fd00:10:96::50"), ("1.2.3.4", "fd01::4"), ("5.6.7.8", "fd05::8")
_NODE_PORT = 30080
_PATIENCE_S = 40.0  # emulated, everything takes its time
_REFUSED_OR_SILENT = (ConnectionRefusedError, TimeoutError)


class Proxied:
    """One family's backend in the node's namespace."""

    def __init__(self, streets: Town, family: int) -> None:
        place = family == 6
        self.town, self.family = streets, family
        self.vip, self.lb, self.external_ip = _VIPS[place], _LBS[place], _EXTERNAL[place]
        self.node_ip, self.client_ip = NODE[place], streets.client.ip(family)
        self.at_vip = Virtual("TCP", self.vip, 80)
        self.rules = NodeRules(
            family=family,
            detector=LocalCIDR(("10.244.0.0/16", "fd00:10:244::/56")[place]),
            local_addresses=(NODE[place],),
            bridged_pod_ranges=(LOCAL_RANGE[place],),
            ipvs=IpvsRules(tcp_timeout_s=901),
        )
        self.backend = IpvsBackend(self.rules)

    def on_node(self, act: Callable[[IpvsBackend], T]) -> T:
        return self.town.node.run(lambda: act(self.backend))

    def put(
        self,
        *pods: Place,
        protocol: str = "TCP",
        affinity_s: int | None = None,
        local: tuple[Place, ...] | None = None,
        sources: tuple[tuple[str, str], ...] | None = None,
    ) -> None:
        """`local`: external traffic goes to these alone and keeps its source."""
        name = ServicePortName("ns", "web", "p", protocol)
        everywhere = self._forward(pods)
        external: Verdict = everywhere if local is None else self._forward(local)
        service = ServiceForwarding(
            name=name,
            frontends=(
                Frontend(kind=FrontendKind.CLUSTER_IP, ip=self.vip, port=80),
                Frontend(kind=FrontendKind.EXTERNAL_IP, ip=self.external_ip, port=80),
                Frontend(kind=FrontendKind.LOAD_BALANCER, ip=self.lb, port=80, allowed_sources=sources),
                Frontend(kind=FrontendKind.NODE_PORT, port=_NODE_PORT),
            ),
            internal=everywhere,
            external=external,
            short_circuit=None if local is None else everywhere,
            affinity_timeout_s=affinity_s,
        )
        self.on_node(lambda backend: backend.sync({name: service}, {name}))

    def _forward(self, pods: tuple[Place, ...]) -> Forward:
        here = self.town.pods
        return Forward(tuple(Endpoint(ip=pod.ip(self.family), port=PORT, local=pod in here) for pod in pods))

    def real(self, pod: Place) -> Real:
        return Real(pod.ip(self.family), PORT)

    def servers(self) -> dict[Virtual, Server]:
        def read() -> dict[Virtual, Server]:
            servers = Servers(self.family)
            try:
                return servers.read()
            finally:
                servers.close()

        return self.town.node.run(read)


@pytest.fixture(params=[4, 6])
def proxied(request: pytest.FixtureRequest) -> Iterator[Proxied]:
    with town() as streets:
        assert streets.node.run(unusable) is None
        made = Proxied(streets, request.param)
        yield made
        made.backend.close()
        streets.node.run(clean)


def _ask(place: Place, ip: str, port: int = 80) -> str:
    return ask(place, ip, port, timeout_s=5).server


def _answers(place: Place, ip: str, port: int = 80, count: int = 6) -> Counter[str]:
    return Counter(_ask(place, ip, port) for _ in range(count))


def test_every_address_is_served_in_turn_from_everywhere(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    client, node = proxied.town.client, proxied.town.node
    proxied.put(other, proxied.town.remote)
    even = {other.name: 2, "remote": 2}
    assert _answers(pod, proxied.vip, count=4) == even
    assert _answers(node, proxied.vip, count=4) == even
    for ip, port in (
        (proxied.vip, 80),
        (proxied.lb, 80),
        (proxied.external_ip, 80),
        (proxied.node_ip, _NODE_PORT),
    ):
        assert _answers(client, ip, port, count=4) == even
        assert ask(client, ip, port, timeout_s=5).seen_source != proxied.client_ip  # masqueraded
    assert ask(pod, proxied.vip, 80, timeout_s=5).seen_source  # between nodes with its own
    with pytest.raises(ConnectionRefusedError):
        ask(pod, proxied.vip, 81, timeout_s=5)
    proxied.put(pod)
    assert _answers(pod, proxied.vip, count=2) == {pod.name: 2}  # it reaches itself
    proxied.put()
    with pytest.raises(_REFUSED_OR_SILENT):
        ask(client, proxied.vip, 80, timeout_s=2)


def test_a_local_policy_stays_here_and_keeps_the_source(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    client = proxied.town.client
    proxied.put(other, proxied.town.remote, local=(other,))
    for ip, port in ((proxied.lb, 80), (proxied.external_ip, 80), (proxied.node_ip, _NODE_PORT)):
        assert _answers(client, ip, port, count=3) == {other.name: 3}
        assert ask(client, ip, port, timeout_s=5).seen_source == proxied.client_ip
    assert set(_answers(pod, proxied.vip, count=4)) == {other.name, "remote"}


def test_source_ranges_let_in_whom_they_name(proxied: Proxied) -> None:
    own, another = proxied.client_ip, proxied.town.remote_node.ip(proxied.family)
    client = proxied.town.client
    proxied.put(proxied.town.pods[0], sources=((own, own),))
    assert _ask(client, proxied.lb) == proxied.town.pods[0].name
    proxied.put(proxied.town.pods[0], sources=((another, another),))
    with pytest.raises(TimeoutError):
        ask(client, proxied.lb, 80, timeout_s=2)
    assert _ask(client, proxied.node_ip, _NODE_PORT)  # the balancer's addresses alone are guarded
    assert _ask(client, proxied.external_ip)
    node = proxied.town.node
    with pytest.raises(TimeoutError):  # nor is the node itself let in
        ask(node, proxied.lb, 80, timeout_s=2)
    with_guards = proxied.on_node(lambda backend: backend.is_intact())
    proxied.put(proxied.town.pods[0], sources=((another, another), (proxied.lb, proxied.lb)))
    assert _ask(node, proxied.lb) == proxied.town.pods[0].name  # as when a range holds the node's address
    assert with_guards


def test_affinity_and_an_endpoint_that_leaves_in_peace(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    proxied.put(other, proxied.town.remote, affinity_s=60)
    assert len(_answers(pod, proxied.vip)) == 1
    assert proxied.servers()[proxied.at_vip].persistent_s == 60
    proxied.put(other)
    at_vip, leaving = proxied.at_vip, proxied.real(other)

    def connect() -> socket.socket:
        made = socket.create_connection((proxied.vip, 80), timeout=5)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it ends with a reset
        return made

    with pod.run(connect):
        proxied.put(proxied.town.remote)
        assert proxied.servers()[at_vip].reals[leaving] == 0
        proxied.on_node(lambda backend: backend.settle())
        assert proxied.servers()[at_vip].reals[leaving] == 0  # it has a connection yet
        assert proxied.on_node(lambda backend: backend.has_leftovers)
        assert proxied.on_node(lambda backend: backend.is_intact())
        assert _answers(proxied.town.client, proxied.vip, count=3) == {"remote": 3}
        proxied.put(other)  # it comes back
        assert proxied.servers()[at_vip].reals[leaving] == 1
        proxied.put(proxied.town.remote)
    until_s = time.monotonic() + _PATIENCE_S  # the kernel remembers a reset for ten
    while proxied.on_node(lambda backend: backend.has_leftovers) and time.monotonic() < until_s:
        proxied.on_node(lambda backend: backend.settle())
        time.sleep(0.5)
    assert set(proxied.servers()[at_vip].reals) == {proxied.real(proxied.town.remote)}


def test_datagrams_of_an_endpoint_that_goes_find_the_next(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    client, at_vip = proxied.town.client, Virtual("UDP", proxied.vip, 80)
    proxied.put(other, protocol="UDP")

    def asked() -> str:
        return ask(client, proxied.vip, 80, udp=True, source_port=4444, timeout_s=5).server

    assert asked() == other.name
    proxied.put(pod, protocol="UDP")
    assert proxied.servers()[at_vip].reals == {proxied.real(pod): 1}
    assert asked() == pod.name


def test_a_restart_takes_over_repairs_and_cleans(proxied: Proxied) -> None:
    """pyroute2 is the witness: it knows nothing of our codec's mistakes."""
    pod = proxied.town.pods[0]
    proxied.put(pod, affinity_s=60)
    before = proxied.servers()
    assert {v.ip for v in before} == {proxied.vip, proxied.lb, proxied.external_ip, proxied.node_ip}
    assert proxied.town.node.run(_as_pyroute2_sees) == {
        (v.ip, v.port): (s.scheduler, s.persistent_s, tuple((*r, w, 0) for r, w in s.reals.items()))
        for v, s in before.items()
    }
    proxied.backend.close()
    proxied.backend = IpvsBackend(proxied.rules)
    proxied.put(pod, affinity_s=60)
    assert proxied.servers() == before
    assert proxied.on_node(lambda backend: backend.is_intact())

    def empty() -> None:
        servers = Servers(proxied.family)
        servers.remove([proxied.at_vip])
        servers.close()
        ipset.restore([f"flush {'KUBE-6' if proxied.family == 6 else 'KUBE'}-CLUSTER-IP"])

    proxied.town.node.run(empty)
    assert not proxied.on_node(lambda backend: backend.is_intact())
    proxied.on_node(lambda backend: backend.distrust())
    proxied.put(pod, affinity_s=60)
    assert proxied.servers() == before
    assert proxied.on_node(lambda backend: backend.is_intact())
    proxied.town.node.run(clean)
    assert proxied.servers() == {}
    assert proxied.town.node.run(lambda: [name for name in ipset.save() if name.startswith("KUBE")]) == []
    with_rules = proxied.town.node.run(lambda: process.run(["iptables-save"]).stdout)
    assert "KUBE-NODE-PORT" not in with_rules
    assert proxied.town.node.run(_device) is None


def test_strict_arp_schedulers_and_foreign_servers(proxied: Proxied) -> None:
    foreign = Virtual("TCP", ("9.9.9.9", "fd09::9")[proxied.family == 6], 80)
    excluded = ("9.9.9.0/24", "fd09::/64")[proxied.family == 6]

    def add() -> None:
        servers = Servers(proxied.family)
        servers.put([(foreign, Server("wlc", 0, {}))])
        servers.close()

    proxied.town.node.run(add)
    rules = IpvsRules(scheduler="mh", strict_arp=True, excluded_cidrs=(excluded,))
    proxied.backend.close()
    proxied.backend = IpvsBackend(msgspec.structs.replace(proxied.rules, ipvs=rules))
    proxied.put(*proxied.town.pods)
    assert len(_answers(proxied.town.client, proxied.vip)) >= 1
    there = proxied.servers()
    assert there[foreign].scheduler == "wlc"
    assert there[proxied.at_vip].scheduler == "mh"
    if proxied.family == 4:
        said = proxied.town.node.run(
            lambda: [sysctl.read(f"net/ipv4/conf/all/{key}") for key in ("arp_ignore", "arp_announce")]
        )
        assert said == ["1", "2"]


def _device() -> object:
    with Rtnl() as rtnl:
        return rtnl.link(DEVICE)


def _as_pyroute2_sees() -> dict[tuple[str, int], tuple[str, int, tuple[object, ...]]]:
    """Virtual servers: scheduler, persistence in seconds, real servers with weight and forwarding method."""
    from pyroute2 import IPVS, IPVSService

    found = {}
    with IPVS() as ipvs:
        for message in ipvs.service("dump"):
            said = message.get_attr("IPVS_CMD_ATTR_SERVICE")
            reals = tuple(
                (
                    dest.get_attr("IPVS_DEST_ATTR_ADDR"),
                    dest.get_attr("IPVS_DEST_ATTR_PORT"),
                    dest.get_attr("IPVS_DEST_ATTR_WEIGHT"),
                    dest.get_attr("IPVS_DEST_ATTR_FWD_METHOD") & 7,
                )
                for answer in ipvs.dest("dump", IPVSService.from_message(message))
                if (dest := answer.get_attr("IPVS_CMD_ATTR_DEST")) is not None
            )
            timeout_s = said.get_attr("IPVS_SVC_ATTR_TIMEOUT")
            where = (said.get_attr("IPVS_SVC_ATTR_ADDR"), said.get_attr("IPVS_SVC_ATTR_PORT"))
            found[where] = (said.get_attr("IPVS_SVC_ATTR_SCHED_NAME"), timeout_s, reals)
    return found
