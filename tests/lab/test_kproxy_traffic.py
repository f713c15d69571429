"""Real connections through the nftables backend's rules: pods behind a bridge, another node, a client outside."""

from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from kproxy import conntrack, conntrack_socket
from kproxy.backends.nftables.apply import NftablesBackend
from kproxy.intake import Intake
from kproxy.metrics.counters import by_endpoint, by_service
from kproxy.node import LocalCIDR, NodeRules
from kproxy.policy import Place as ProxyPlace
from kube.objects import EndpointSlice, Service, key_of
from linux import sysctl
from linux.nft.socket import NftSocket
from tests.lab.pod_town import LOCAL_RANGE, NODE, PORT, Place, Town, ask, town

pytestmark = pytest.mark.lab
_VIPS = ("10.96.0.50", "fd00:10:96::50")
_EMPTY_VIPS = ("10.96.0.51", "fd00:10:96::51")
_RANGES = ("10.244.0.0/16", "fd00:10:244::/56")
_NODE_PORT = 30080


class Proxied:
    """Both families' backends and what they know."""

    def __init__(self, town: Town, socket: NftSocket, *, bridge_filtered: bool = True) -> None:
        self.town = town
        self.intake = Intake((4, 6), ProxyPlace(node_name="node", node_ips=NODE))
        self.backends = {
            family: NftablesBackend(
                NodeRules(
                    family=family,
                    detector=LocalCIDR(_RANGES[place]),
                    node_port_addresses=(NODE[place],),
                    service_cidrs=(("10.96.0.0/16",), ("fd00:10:96::/112",))[place],
                    bridged_pod_ranges=() if bridge_filtered else (LOCAL_RANGE[place],),
                    local_addresses=(NODE[place],),
                ),
                socket,
                own_table=False,
            )
            for place, family in enumerate((4, 6))
        }

    def put(self, *pods: Place, protocol: str = "TCP", service: bool = True, **spec: object) -> None:
        for obj in _objects("web", _VIPS, pods, protocol, spec):
            if isinstance(obj, Service):
                self.intake.set_service(key_of(obj), obj if service else None)
            else:
                self.intake.set_slice(key_of(obj), obj)
        self.sync()

    def put_empty(self) -> None:
        service = next(_objects("empty", _EMPTY_VIPS, (), "TCP", {}))
        assert isinstance(service, Service)
        self.intake.set_service(key_of(service), service)
        self.sync()

    def sync(self) -> None:
        changes = self.intake.refresh()
        for family, backend in self.backends.items():
            backend.sync(self.intake.tables[family], changes.forwarding[family])
            stale = conntrack.stale_of(changes.known[family])
            if stale:
                self.town.node.run(lambda: conntrack_socket.clean(stale, family))  # noqa: B023 - run at once


def _objects(
    name: str, vips: tuple[str, str], pods: tuple[Place, ...], protocol: str, spec: dict[str, object]
) -> Iterator[Service | EndpointSlice]:
    port = {"name": "p", "port": 80, "protocol": protocol, "nodePort": _NODE_PORT if pods else 0}
    yield msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "ns"},
            "spec": {
                "type": "NodePort",
                "clusterIP": vips[0],
                "clusterIPs": list(vips),
                "ipFamilies": ["IPv4", "IPv6"],
                "ports": [port],
                **spec,
            },
        },
        Service,
    )
    for place, family in enumerate(("IPv4", "IPv6")):
        yield msgspec.convert(
            {
                "metadata": {
                    "name": f"{name}-{family}",
                    "namespace": "ns",
                    "labels": {"kubernetes.io/service-name": name},
                },
                "addressType": family,
                "ports": [{"name": "p", "port": PORT, "protocol": protocol}],
                "endpoints": [
                    {
                        "addresses": [pod.ips[place]],
                        "nodeName": "other" if pod.name == "remote" else "node",
                    }
                    for pod in pods
                ],
            },
            EndpointSlice,
        )


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


@pytest.fixture
def proxied(streets: Town) -> Iterator[Proxied]:
    with streets.node.run(NftSocket) as socket:
        yield Proxied(streets, socket)


def _servers(place: Place, ip: str, port: int, count: int = 40) -> Counter[str]:
    return Counter(ask(place, ip, port).server for _ in range(count))


@pytest.mark.parametrize("family", [4, 6])
def test_a_cluster_address_spreads_over_pods_here_and_elsewhere(proxied: Proxied, family: int) -> None:
    pod, other, remote = (*proxied.town.pods, proxied.town.remote)
    proxied.put(other, remote)
    vip = _VIPS[family == 6]
    assert set(_servers(pod, vip, 80)) == {other.name, remote.name}
    assert {ask(pod, vip, 80).seen_source for _ in range(20)} == {pod.ip(family)}
    backend = proxied.backends[family]
    assert by_service(proxied.town.node.run(backend.service_counts)) == {"ns/web:p": 60}
    (name,) = proxied.intake.tables[family]
    counted = by_endpoint(proxied.town.node.run(lambda: backend.endpoint_counts([name])))
    assert sum(counted.values()) == 60
    shape = "[{}]:{}" if family == 6 else "{}:{}"
    expected = {("ns/web:p", shape.format(place.ip(family), PORT)) for place in (other, remote)}
    assert {label for label, count in counted.items() if count} == expected
    assert by_endpoint(proxied.town.node.run(backend.endpoint_counts)) == counted


@pytest.mark.parametrize("family", [4, 6])
def test_a_pod_that_reaches_itself_gets_an_answer(proxied: Proxied, family: int) -> None:
    pod = proxied.town.pods[0]
    proxied.put(pod)
    reply = ask(pod, _VIPS[family == 6], 80)
    assert reply.server == pod.name
    assert reply.seen_source not in pod.ips


@pytest.mark.parametrize("family", [4, 6])
def test_node_ports_answer_the_client_and_policy_local_shows_it(proxied: Proxied, family: int) -> None:
    pod, client = proxied.town.pods[0], proxied.town.client
    proxied.put(pod, proxied.town.remote)
    node = NODE[family == 6]
    assert set(_servers(client, node, _NODE_PORT)) == {pod.name, "remote"}
    assert ask(client, node, _NODE_PORT).seen_source not in client.ips
    proxied.put(pod, proxied.town.remote, externalTrafficPolicy="Local")
    assert set(_servers(client, node, _NODE_PORT)) == {pod.name}
    assert ask(client, node, _NODE_PORT).seen_source == client.ip(family)


@pytest.mark.parametrize("family", [4, 6])
def test_the_node_itself_reaches_services(proxied: Proxied, family: int) -> None:
    proxied.put(*proxied.town.pods)
    assert set(_servers(proxied.town.node, _VIPS[family == 6], 80)) == {"pod11", "pod12"}
    assert ask(proxied.town.node, NODE[family == 6], _NODE_PORT).server in ("pod11", "pod12")


@pytest.mark.parametrize("family", [4, 6])
def test_no_endpoints_is_a_refusal_and_no_service_is_silence(proxied: Proxied, family: int) -> None:
    proxied.put_empty()
    for place in (proxied.town.pods[0], proxied.town.node, proxied.town.client):
        for port in (80, 81):
            with pytest.raises(ConnectionRefusedError):
                ask(place, _EMPTY_VIPS[family == 6], port)
    with pytest.raises(TimeoutError):
        ask(proxied.town.pods[0], ("10.96.9.9", "fd00:10:96::99")[family == 6], 80, timeout_s=1)


@pytest.mark.parametrize("family", [4, 6])
def test_an_endpoint_that_goes_gets_no_new_connection(proxied: Proxied, family: int) -> None:
    pod, other = proxied.town.pods
    client, vip = proxied.town.remote, _VIPS[family == 6]
    proxied.put(pod, other)
    assert set(_servers(pod, vip, 80)) == {pod.name, other.name}
    proxied.put(other)
    assert set(_servers(pod, vip, 80)) == {other.name}
    proxied.backends[family].settle()
    assert set(_servers(pod, vip, 80)) == {other.name}
    assert ask(client, other.ip(family), PORT).server == other.name


@pytest.mark.parametrize("family", [4, 6])
def test_udp_clients_move_on_when_their_endpoint_goes(proxied: Proxied, family: int) -> None:
    pod, other = proxied.town.pods
    vip = _VIPS[family == 6]
    proxied.put(pod, protocol="UDP")

    def asked() -> str:
        return ask(proxied.town.node, vip, 80, udp=True, source_port=4444).server

    assert {asked() for _ in range(3)} == {pod.name}
    proxied.put(other, protocol="UDP")
    assert {asked() for _ in range(3)} == {other.name}
    proxied.put(protocol="UDP")
    with pytest.raises(PermissionError):  # what the sender's own output hook refuses
        asked()


@pytest.mark.parametrize("family", [4, 6])
def test_a_deleted_service_lets_its_udp_clients_go(proxied: Proxied, family: int) -> None:
    pod, _ = proxied.town.pods
    proxied.put(pod, protocol="UDP")
    vip = _VIPS[family == 6]
    assert ask(proxied.town.node, vip, 80, udp=True, source_port=4445).server == pod.name
    proxied.put(pod, protocol="UDP", service=False)
    with pytest.raises(PermissionError):  # an address of the service range that nobody has any more
        ask(proxied.town.node, vip, 80, udp=True, source_port=4445)


@pytest.mark.parametrize("family", [4, 6])
def test_affinity_holds_and_lets_go_of_an_endpoint_that_went(proxied: Proxied, family: int) -> None:
    pod, other = proxied.town.pods
    vip, client = _VIPS[family == 6], proxied.town.client
    proxied.put(pod, other, sessionAffinity="ClientIP")
    (chosen,) = _servers(client, vip, 80)
    (by_node_port,) = _servers(client, NODE[family == 6], _NODE_PORT)
    assert by_node_port == chosen
    left = other if chosen == pod.name else pod
    proxied.put(left, sessionAffinity="ClientIP")
    assert set(_servers(client, vip, 80)) == {left.name}


@pytest.mark.parametrize("family", [4, 6])
def test_pods_behind_an_unfiltered_bridge_reach_each_other(streets: Town, family: int) -> None:
    def unfilter() -> None:
        for name in ("iptables", "ip6tables"):
            sysctl.ensure(f"net/bridge/bridge-nf-call-{name}", 0)

    streets.node.run(unfilter)
    pod, other = streets.pods
    vip = _VIPS[family == 6]
    with streets.node.run(NftSocket) as socket:
        plain = Proxied(streets, socket)
        plain.put(other)
        with pytest.raises(TimeoutError):
            ask(pod, vip, 80, timeout_s=1)
        masking = Proxied(streets, socket, bridge_filtered=False)
        masking.put(other)
        assert ask(pod, vip, 80).server == other.name
        masking.put(streets.remote)
        assert ask(pod, vip, 80).seen_source == pod.ip(family)


def test_a_restart_keeps_connections_counters_and_affinity(proxied: Proxied) -> None:
    pod, other = proxied.town.pods
    proxied.put(pod, other, sessionAffinity="ClientIP")
    (chosen,) = _servers(proxied.town.client, _VIPS[0], 80, 10)
    with proxied.town.node.run(NftSocket) as socket:
        again = Proxied(proxied.town, socket)
        again.intake = proxied.intake
        report = again.backends[4].sync(again.intake.tables[4])
        assert (report.full, report.operations) == (True, 0)
        assert by_service(proxied.town.node.run(again.backends[4].service_counts))["ns/web:p"] == 10
        assert set(_servers(proxied.town.client, _VIPS[0], 80, 10)) == {chosen}


def test_a_table_left_by_its_owner_is_taken_over(streets: Town) -> None:
    with streets.node.run(NftSocket) as unused:
        intake = Proxied(streets, unused).intake
    pod = streets.pods[0]
    for obj in _objects("web", _VIPS, (pod,), "TCP", {}):
        (intake.set_service if isinstance(obj, Service) else intake.set_slice)(key_of(obj), obj)  # type: ignore[arg-type]
    intake.refresh()
    rules = NodeRules(family=4, detector=LocalCIDR(_RANGES[0]))
    for _ in range(2):
        socket = streets.node.run(NftSocket)
        backend = NftablesBackend(rules, socket)
        report = backend.sync(intake.tables[4])
        assert ask(streets.client, _VIPS[0], 80).server == pod.name
        backend.close()
        assert ask(streets.client, _VIPS[0], 80).server == pod.name
    assert report.operations == 0
