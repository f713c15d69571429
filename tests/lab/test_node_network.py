"""Ways into a pod: ports of its node, and its Service until the very end."""

import json
import sys
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab
PORT = 18080


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "ports") as workload:
        yield workload


_ASK = (
    "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close(); print('yes')"
)


def answers(work: Workload, host: str, port: int) -> bool:
    """Asked from another node, as a client outside would."""
    other = work.cluster.lab.nodes[1].name
    argv = [sys.executable, "-ISE", "-c", _ASK, host, str(port)]
    return "yes" in work.cluster.exec(other, argv, check=False).stdout


def test_a_host_port_with_an_address_answers_there_alone(work: Workload) -> None:
    node = work.cluster.lab.nodes[0]
    v4 = next(address for address in node.addresses if ":" not in address)
    port = {"containerPort": 8080, "hostPort": PORT, "hostIP": v4}
    work.run("bound", {"ports": [port]})
    work.run("everywhere", {"ports": [{"containerPort": 8080, "hostPort": PORT + 1}]})
    until(lambda: answers(work, v4, PORT), "the address answers")
    until(lambda: answers(work, v4, PORT + 1), "the port without an address answers")
    for v6 in (address for address in node.addresses if ":" in address):
        assert not answers(work, v6, PORT)
        until(lambda v6=v6: answers(work, v6, PORT + 1), "and by its other addresses")
    assert str(PORT) in work.on_node_sh("nft list ruleset")
    work.delete("bound")
    until(lambda: not answers(work, v4, PORT), "it answers no more")
    until(lambda: f"dport {PORT} " not in work.on_node_sh("nft list ruleset"), "its rule is gone")
    until(lambda: answers(work, v4, PORT + 1), "the other port still answers")


def endpoint(work: Workload) -> dict[str, bool]:
    """The conditions of the only endpoint of the Service `leaving`."""
    listed = work.kubectl(
        "get", "endpointslices", "-l", "kubernetes.io/service-name=leaving", "-o", "json"
    ).stdout
    found = [e["conditions"] for item in json.loads(listed)["items"] for e in item.get("endpoints") or ()]
    return found[0] if found else {}


def test_a_pod_that_is_ending_serves_until_its_hook_is_done(work: Workload) -> None:
    stop = {"preStop": {"exec": {"command": ["sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.1; done"]}}}
    pod = work.pod("leaving", {"lifecycle": stop}, terminationGracePeriodSeconds=120)
    pod["metadata"]["labels"] = {"app": "leaving"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "leaving"},
        "spec": {"selector": {"app": "leaving"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    work.apply(pod, service)
    ip = work.ready("leaving")["status"]["podIP"]
    until(lambda: endpoint(work).get("ready"), "the Service leads to it")
    work.delete("leaving", "--wait=false")
    wanted = {"ready": False, "serving": True, "terminating": True}
    until(lambda: endpoint(work) == wanted, "it is terminating and still serving")
    until(lambda: answers(work, ip, 8080), "it answers")
    work.sh("leaving", "touch /tmp/go")
    until(lambda: endpoint(work) == {}, "the Service has no endpoint")
