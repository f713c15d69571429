"""The userspace proxy with real connections, without any packet filter in the way."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from kproxy.backends.userspace.apply import UserspaceBackend
from kproxy.intake import Intake
from kproxy.node import LocalCIDR, NodeRules
from kproxy.policy import Place as ProxyPlace
from kube.objects import EndpointSlice, Service, key_of
from linux.nft.socket import NftSocket
from linux.nft.values import Table
from tests.lab.pod_town import NODE, PORT, Place, Town, ask, town

pytestmark = pytest.mark.lab
_VIPS = ("10.96.0.50", "fd00:10:96::50")
_NODE_PORT = 30080


class Proxied:
    """One backend a family in the node's namespace."""

    def __init__(self, streets: Town) -> None:
        self.town = streets
        self.intake = Intake((4, 6), ProxyPlace(node_name="node"))
        self.backends = {
            family: UserspaceBackend(
                NodeRules(
                    family=family,
                    detector=LocalCIDR(("10.244.0.0/16", "fd00:10:244::/56")[place]),
                    node_port_addresses=(NODE[place],),
                    service_cidrs=(("10.96.0.0/16",), ("fd00:10:96::/112",))[place],
                    local_addresses=(NODE[place],),
                )
            )
            for place, family in enumerate((4, 6))
        }

    def put(self, *ips: tuple[str, str], protocol: str = "TCP", **spec: object) -> None:
        service = msgspec.convert(
            {
                "metadata": {"name": "web", "namespace": "ns"},
                "spec": {
                    "type": "NodePort",
                    "clusterIP": _VIPS[0],
                    "clusterIPs": list(_VIPS),
                    "ipFamilies": ["IPv4", "IPv6"],
                    "ports": [{"name": "p", "port": 80, "protocol": protocol, "nodePort": _NODE_PORT}],
                    **spec,
                },
            },
            Service,
        )
        self.intake.set_service(key_of(service), service)
        for place, family in enumerate(("IPv4", "IPv6")):
            item = msgspec.convert(
                {
                    "metadata": {
                        "name": f"web-{family}",
                        "namespace": "ns",
                        "labels": {"kubernetes.io/service-name": "web"},
                    },
                    "addressType": family,
                    "ports": [{"name": "p", "port": PORT, "protocol": protocol}],
                    "endpoints": [{"addresses": [ip[place]]} for ip in ips],
                },
                EndpointSlice,
            )
            self.intake.set_slice(key_of(item), item)
        changes = self.intake.refresh()
        for family, backend in self.backends.items():
            self.town.node.run(
                lambda backend=backend, family=family: backend.sync(  # type: ignore[misc]
                    self.intake.tables[family], changes.forwarding[family]
                )
            )


@pytest.fixture
def proxied() -> Iterator[Proxied]:
    with town() as streets:
        made = Proxied(streets)
        yield made
        for backend in made.backends.values():
            streets.node.run(backend.cleanup)


def _servers(place: Place, ip: str, port: int, count: int = 30) -> Counter[str]:
    return Counter(ask(place, ip, port).server for _ in range(count))


@pytest.mark.parametrize("family", [4, 6])
def test_pods_the_node_and_strangers_are_served(proxied: Proxied, family: int) -> None:
    pod, other = proxied.town.pods
    proxied.put(other.ips, proxied.town.remote.ips)
    vip, node = _VIPS[family == 6], NODE[family == 6]
    assert set(_servers(pod, vip, 80)) == {other.name, "remote"}
    assert set(_servers(proxied.town.node, vip, 80)) == {other.name, "remote"}
    assert set(_servers(proxied.town.client, node, _NODE_PORT)) == {other.name, "remote"}
    proxied.put(pod.ips)
    assert set(_servers(pod, vip, 80)) == {pod.name}


@pytest.mark.parametrize("family", [4, 6])
def test_an_endpoint_that_refuses_is_followed_by_the_next(proxied: Proxied, family: int) -> None:
    pod = proxied.town.pods[0]
    nobody = ("10.244.1.1", "fd00:10:244:1::1")  # the node's own bridge address: nothing listens there
    proxied.put(nobody, pod.ips)
    assert set(_servers(proxied.town.client, _VIPS[family == 6], 80, 20)) == {pod.name}
    proxied.put(nobody)
    with pytest.raises((ConnectionRefusedError, ConnectionResetError)):
        ask(proxied.town.client, _VIPS[family == 6], 80)


@pytest.mark.parametrize("family", [4, 6])
def test_without_endpoints_and_on_unknown_ports_it_refuses(proxied: Proxied, family: int) -> None:
    proxied.put()
    for place in (proxied.town.pods[0], proxied.town.client, proxied.town.node):
        for port in (80, 81):
            with pytest.raises(ConnectionRefusedError):
                ask(place, _VIPS[family == 6], port)


@pytest.mark.parametrize("family", [4, 6])
def test_datagrams_follow_their_endpoints(proxied: Proxied, family: int) -> None:
    pod, other = proxied.town.pods
    vip = _VIPS[family == 6]
    proxied.put(pod.ips, protocol="UDP")

    def asked() -> str:
        return ask(proxied.town.client, vip, 80, udp=True, source_port=4444).server

    assert {asked() for _ in range(3)} == {pod.name}
    proxied.put(other.ips, protocol="UDP")
    assert {asked() for _ in range(3)} == {other.name}


def test_no_packet_filter_has_a_part_in_it(proxied: Proxied) -> None:
    """Every question to netfilter would be refused here: nobody may ask one, and all is served."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("netfilter is not to be used")

    pod = proxied.town.pods[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("linux.nft.socket.NftSocket.__init__", refused)
        patch.setattr("linux.conntrack.socket.Conntrack.__init__", refused)
        proxied.put(pod.ips)
        for family in (4, 6):
            assert set(_servers(proxied.town.client, _VIPS[family == 6], 80, 4)) == {pod.name}
    rules = proxied.town.node.run(lambda: [table.name for table in _tables()])
    assert rules == []


def _tables() -> list[Table]:
    with NftSocket() as socket:
        return socket.tables()


def test_affinity_keeps_a_client_at_its_endpoint(proxied: Proxied) -> None:
    proxied.put(*(pod.ips for pod in proxied.town.pods), sessionAffinity="ClientIP")
    assert len(_servers(proxied.town.client, _VIPS[0], 80)) == 1


def test_a_large_stream_passes_whole_and_ends_on_both_sides(proxied: Proxied) -> None:
    size = 256 << 20
    received = [0]

    def serve() -> None:
        listening = proxied.town.remote.run(lambda: socket.create_server(("0.0.0.0", 9999)))
        ready.set()
        connection, _ = listening.accept()
        buffer = bytearray(1 << 20)
        while count := connection.recv_into(buffer):
            received[0] += count
        connection.sendall(b"all of it")
        connection.close()
        listening.close()

    ready = threading.Event()
    server = threading.Thread(target=serve)
    server.start()
    ready.wait(30)
    proxied.put(proxied.town.remote.ips)
    item = next(iter(proxied.intake.tables[4].values()))
    large = msgspec.structs.replace(
        item,
        internal=type(item.internal)((msgspec.structs.replace(item.internal.endpoints[0], port=9999),)),  # type: ignore[union-attr, call-arg]
    )
    proxied.town.node.run(lambda: proxied.backends[4].sync({item.name: large}))

    def send() -> tuple[bytes, float]:
        with socket.create_connection((_VIPS[0], 80), timeout=120) as client:
            started_s = time.monotonic()
            chunk = bytes(1 << 20)
            for _ in range(size >> 20):
                client.sendall(chunk)
            client.shutdown(socket.SHUT_WR)
            return client.recv(100), time.monotonic() - started_s

    answer, took_s = proxied.town.pods[0].run(send)
    server.join(120)
    assert answer == b"all of it"
    assert received[0] == size
    print(f"{size * 8 / took_s / 1e9:.1f} Gbit/s")
