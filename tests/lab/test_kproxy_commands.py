"""explain, diff and top on a node where kproxy runs, as a user types them."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kube.client import Client
from kube.objects import Event
from linux import process
from tests.lab.pod_town import Town, town
from tests.lab.proxied_node import KPROXY, ProxiedNode, Server, make_node, make_service
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(process.find("nft") is None, reason="NOT TRIED: apt-get install nftables"),
]
_VIP, _HERE, _ELSEWHERE, _POD = "10.96.0.50", "10.244.1.101", "10.244.2.101", "10.244.1.12"


@pytest.fixture(scope="module")
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


@pytest.fixture
def alone() -> Iterator[Town]:
    """Without a kproxy."""
    with town() as made:
        yield made


@pytest.fixture(scope="module")
def node(streets: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedNode]:
    made = ProxiedNode(streets, tmp_path_factory.mktemp("node"), "--nftables-owner=never")
    servers = [Server(streets.pods[0]), Server(streets.remote)]
    try:
        for server, ip in zip(servers, (_HERE, _ELSEWHERE), strict=True):
            server.open(ip)

        async def prepare(client: Client) -> None:
            await make_node(client)
            await make_service(client, "web", _VIP, [_HERE, _ELSEWHERE], 30080)

        made.call(prepare)
        made.start()
        yield made
    finally:
        for server in servers:
            server.end()
        made.end()


def _kproxy(node: ProxiedNode, *arguments: str) -> tuple[int, Any]:
    """Exit status, and what was printed as JSON."""
    argv = [str(KPROXY), *arguments, "--config", str(node.config), "-o", "json"]
    done = node.streets.node.run(lambda: process.run(argv, check=False))
    assert done.code in (0, 1), done.stderr
    assert done.stdout, done.stderr
    return done.code, json.loads(done.stdout)


def _explain(node: ProxiedNode) -> Any:
    return _kproxy(node, "explain", _POD, f"{_VIP}:80")[1]


def test_what_the_kernel_has_is_what_the_model_says(node: ProxiedNode) -> None:
    found = _explain(node)
    assert found["verdict"] == "forward"
    assert found["targets"] == [f"{_HERE}:9000", f"{_ELSEWHERE}:9000"]
    assert not [line for line in found["because"] if "DISAGREEMENT" in line]


def test_a_kernel_that_says_otherwise_is_told(node: ProxiedNode) -> None:
    def nft(*command: str) -> None:
        node.streets.node.run(lambda: process.run(["nft", *command]))

    node.kill()
    try:
        nft("flush", "map", "ip", "kproxy", "service-ips")
        nft("add", "element", "ip", "kproxy", "no-endpoint-services", f"{{ {_VIP} . tcp . 80 : drop }}")
        found = _explain(node)
        assert found["verdict"] == "forward"
        (said,) = [line for line in found["because"] if "DISAGREEMENT" in line]
        assert said.startswith("DISAGREEMENT: the kernel's rules say drop; the planned nftables rules say ")
    finally:
        node.start()
    until(lambda: not any("DISAGREEMENT" in line for line in _explain(node)["because"]), "the repair")


def test_diff_says_what_a_manifest_would_change(node: ProxiedNode, tmp_path: Path) -> None:
    manifest = tmp_path / "service.yaml"
    port = {"name": "p", "port": 80, "protocol": "TCP", "nodePort": 30080}
    spec = {
        "type": "NodePort",
        "clusterIP": _VIP,
        "clusterIPs": [_VIP],
        "ipFamilies": ["IPv4"],
        "ports": [port],
    }

    def write(**more: object) -> None:
        document = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {**spec, **more},
        }
        manifest.write_text(json.dumps(document))

    write()
    assert _kproxy(node, "diff", "-f", str(manifest)) == (0, [])
    write(externalTrafficPolicy="Local")
    code, (found,) = _kproxy(node, "diff", "-f", str(manifest))
    assert code == 1
    (service,) = found["services"]
    assert (service["service"], service["change"]) == ("default/web:p", "changed")
    assert "from outside: endpoints see the client's address" in service["behaviour"]
    assert found["rules_added"]
    assert found["rules_removed"]


def test_top_shows_connections_that_live_and_counts_those_that_were(streets: Town, node: ProxiedNode) -> None:
    def ask(ip: str) -> str:
        with socket.create_connection((ip, 80), timeout=60) as client:
            return client.recv(64).decode()

    def row(name: str) -> Any:
        rows = {found["service"]: found for found in _kproxy(node, "top")[1]}
        return rows.get(name)

    asked = {streets.pods[1].run(lambda: ask(_VIP)) for _ in range(12)}
    counted = row("default/web:p")
    assert counted["new_total"] >= 12
    assert {e["address"] for e in counted["endpoints"] if e["new_total"]} == {f"{ip}:9000" for ip in asked}
    bound = streets.pods[0].run(lambda: socket.create_server(("10.244.1.11", 7000)))
    node.call(lambda client: make_service(client, "held", "10.96.0.61", ["10.244.1.11"], target=7000))
    held: list[socket.socket] = []
    try:

        def hold() -> bool:
            try:
                held.append(
                    streets.pods[1].run(lambda: socket.create_connection(("10.96.0.61", 80), timeout=2))
                )
            except OSError:
                return False
            return True

        def live() -> tuple[int, list[tuple[str, int]]]:
            found = row("default/held:p")
            return found["live"], [(e["address"], e["live"]) for e in found["endpoints"]]

        until(hold, "a connection to the new service")
        wanted = (1, [("10.244.1.11:7000", 1)])
        until(
            lambda: live() == wanted, f"one connection; there are {live()}"
        )  # those given up end a moment later
    finally:
        for client in held:
            client.close()
        bound.close()
    until(lambda: (row("default/held:p") or {"live": 0})["live"] == 0, "the end of the connection")


def _tables(alone: Town) -> str:
    return alone.node.run(lambda: process.run(["nft", "list", "tables"]).stdout)


@pytest.mark.parametrize("owner", ["auto", "never"])
def test_cleanup_goes_through_the_kproxy_that_runs(alone: Town, tmp_path: Path, owner: str) -> None:
    """And without one it does it itself, an orphaned table included."""
    made = ProxiedNode(alone, tmp_path, f"--nftables-owner={owner}")

    def cleanup() -> None:
        done = alone.node.run(lambda: process.run([str(KPROXY), "cleanup"], check=False))
        assert (done.code, done.stderr) == (0, "")
        assert "kproxy" not in _tables(alone)

    try:
        made.call(make_node)
        made.start()
        assert "table ip kproxy" in _tables(alone)
        cleanup()
        assert made.ended()
        made.start()
        made.kill()
        assert "table ip kproxy" in _tables(alone)
        cleanup()
    finally:
        made.end()


def test_init_only_sets_sysctls_and_writes_no_rules(alone: Town) -> None:
    def timeout_s() -> str:
        return Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait").read_text().strip()

    def init() -> str:
        argv = [
            str(KPROXY),
            "--init-only",
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-close-wait=42m",
        ]
        process.run(argv)
        return timeout_s()

    before = _tables(alone)
    assert alone.client.run(init) == str(42 * 60)
    assert _tables(alone) == before
    assert alone.client.run(lambda: process.run(["nft", "list", "tables"]).stdout) == ""


def test_a_taken_address_is_said_and_ends_kproxy_if_it_should(alone: Town, tmp_path: Path) -> None:
    made = ProxiedNode(alone, tmp_path, bindAddressHardFail=True)

    async def reasons(client: Client) -> set[str]:
        return {event.reason for event in (await client.list(Event)).items}

    taken = alone.node.run(lambda: socket.create_server(("0.0.0.0", 10256)))
    try:
        made.call(make_node)
        made.start(wait=False)
        assert made.ended(with_status=1)
        said = made.log.read_text().splitlines()[-1]
        assert said.startswith("kproxy: cannot serve healthz at 0.0.0.0:10256: Address already in use; ")
        assert "FailedToStartProxierHealthcheck" in made.call(reasons)
    finally:
        taken.close()
        made.end()
