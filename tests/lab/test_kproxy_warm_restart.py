"""kproxy is killed and started again, with the API server there or not: the last known state goes on serving."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube.client import Client
from linux import process
from tests.lab.pod_town import NODE, Place, Town, ask, town
from tests.lab.proxied_node import ProxiedNode, Server, Storm, make_node, make_service, set_endpoints
from tests.patience import until

pytestmark = pytest.mark.lab
_VIP, _STICKY, _NODE_PORT = "10.96.0.50", "10.96.0.51", 30080
_HERE, _ELSEWHERE = "10.244.1.101", "10.244.2.101"


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


@pytest.fixture
def node(request: pytest.FixtureRequest, streets: Town, tmp_path: Path) -> Iterator[ProxiedNode]:
    if request.param == "iptables" and process.find("iptables") is None:
        pytest.skip("RESTARTS IN IPTABLES MODE ARE NOT TESTED: apt-get install iptables")
    state = f"--state-dir={tmp_path}"
    made = ProxiedNode(streets, tmp_path, state, mode=request.param, nodePortAddresses=["192.168.0.0/16"])
    servers = [Server(streets.pods[0]), Server(streets.remote)]
    try:
        for server, ip in zip(servers, (_HERE, _ELSEWHERE), strict=True):
            server.open(ip)

        async def prepare(client: Client) -> None:
            await make_node(client)
            await make_service(client, "web", _VIP, [_HERE, _ELSEWHERE], _NODE_PORT)
            await make_service(client, "sticky", _STICKY, [_HERE, _ELSEWHERE], sessionAffinity="ClientIP")

        made.call(prepare)
        made.start()
        yield made
    except BaseException:
        print(made.log.read_text()[-4000:])
        raise
    finally:
        for server in servers:
            server.end()
        made.end()


def _reached(place: Place, ip: str = _VIP, port: int = 80) -> str:
    return ask(place, ip, port).server


def _is_served(client: Place) -> bool:
    try:
        return {_reached(client) for _ in range(30)} == {_HERE, _ELSEWHERE}
    except OSError:
        return False


def _mode(node: ProxiedNode) -> str:
    return node.page(10249, "/proxyMode")[1]


def _connections(node: ProxiedNode) -> float:
    """Counted in the kernel, as the metrics say; 0 while they say nothing."""
    for line in node.page(10249, "/metrics")[1].splitlines():
        if line.startswith('kubeproxy_service_connections_total{service="default/web:p"}'):
            return float(line.split()[1])
    return 0


@pytest.mark.parametrize("node", ["nftables", "iptables"], indirect=True)
def test_kill_and_start_lose_no_connection_and_keep_affinity_and_counters(
    streets: Town, node: ProxiedNode
) -> None:
    client = streets.pods[1]
    chosen = {_reached(client, _STICKY) for _ in range(5)}
    assert len(chosen) == 1
    storms = [Storm(client, 100, [f"{_VIP}:80"]), Storm(streets.client, 100, [f"{NODE[0]}:{_NODE_PORT}"])]
    try:
        for _ in range(3):
            node.kill()
            assert _reached(client) in (_HERE, _ELSEWHERE)
            node.start()
        outcomes = [storm.end() for storm in storms]
    except BaseException:
        for storm in storms:
            storm.kill()
        raise
    assert [found["failed"] for found in outcomes] == [[], []]
    assert [found["resent"] for found in outcomes] == [0, 0]
    assert {_reached(client, _STICKY) for _ in range(10)} == chosen
    answered = sum(found["answered"] for found in outcomes)
    if _mode(node) == "nftables":
        node.kill()  # counters are read at the start
        node.start()
        until(lambda: _connections(node) >= answered, f"{answered} connections in the metrics")


@pytest.mark.parametrize("node", ["nftables", "iptables", "userspace"], indirect=True)
def test_started_without_the_api_it_serves_the_last_known_state_and_catches_up(
    streets: Town, node: ProxiedNode, tmp_path: Path
) -> None:
    if _mode(node) == "userspace":
        until((tmp_path / "node.jsonl").exists, "the last known state on disk")
    go_through_absence(streets, node)


def go_through_absence(streets: Town, node: ProxiedNode, rate: int = 100) -> None:
    """kproxy is killed and started without the API server, which comes back then; `rate` connections a second."""
    client = streets.pods[1]
    node.kill()
    node.kcore.end(signal.SIGKILL)
    node.start(wait=False)
    until(lambda: node.page(10256, "/livez")[0] == 200, "kproxy serves /livez")
    assert node.page(10256, "/healthz")[0] == 503  # it does not know its node: no new traffic from balancers
    until(lambda: _is_served(client), "the service")
    storm = Storm(client, rate, [f"{_VIP}:80"])
    try:
        assert _reached(streets.client, NODE[0], _NODE_PORT) in (_HERE, _ELSEWHERE)
        streets.node.run(node.kcore.start)
        until(lambda: node.page(10256, "/healthz")[0] == 200, "the first sync")
        node.call(lambda api: set_endpoints(api, "web", [_ELSEWHERE]))
        until(lambda: {_reached(client) for _ in range(8)} == {_ELSEWHERE}, "the changed endpoints")
        outcome = storm.end()
    except BaseException:
        storm.kill()
        print(node.log.read_text()[-4000:])
        raise
    assert outcome["failed"] == []
