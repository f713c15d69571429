"""A lab of its own in which a node dies and the API server's process is killed: declared work goes on elsewhere."""

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from netns_fixtures import members_run
from netns_fixtures.cluster_run import Cluster
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not shutil.which("kubectl"), reason="the real kubectl is not installed on this machine"
    ),
]
LABELS = {"app": "web"}


@pytest.fixture(scope="module")
def town() -> Iterator[Cluster]:
    with Cluster.up(f"nodes-{os.getpid()}", node_count=3) as cluster:
        yield cluster


def template() -> dict:
    container = {
        "name": "c",
        "image": "podnet/toolbox",
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 30},
        "ports": [{"containerPort": 8080}],
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    return {"metadata": {"labels": LABELS}, "spec": spec}


def apply(cluster: Cluster, kind: str, name: str, spec: dict, api: str = "apps/v1") -> None:
    obj = {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(obj).encode())


def get(cluster: Cluster, *what: str) -> dict:
    found: dict = json.loads(cluster.kubectl("get", *what, "-o", "json").stdout)
    return found


def ready_pods(cluster: Cluster) -> list[dict]:
    def is_ready(pod: dict) -> bool:
        conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]

    return [pod for pod in get(cluster, "pods", "-l", "app=web")["items"] if is_ready(pod)]


def test_the_pods_of_a_dead_node_move_and_its_return_is_noticed(town: Cluster) -> None:
    selector = {"matchLabels": LABELS}
    apply(town, "Deployment", "web", {"replicas": 6, "selector": selector, "template": template()})
    apply(town, "Service", "web", {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]}, "v1")
    town.kubectl("rollout", "status", "deployment/web", "--timeout=150s")
    until(lambda: len(ready_pods(town)) == 6, "six ready pods")
    dead = town.lab.nodes[1]
    assert set(Counter(pod["spec"]["nodeName"] for pod in ready_pods(town)).values()) == {2}
    kept = {p["metadata"]["name"] for p in ready_pods(town) if p["spec"]["nodeName"] != dead.name}
    pid = members_run.find(town.folder, dead)
    assert pid
    os.kill(pid, signal.SIGKILL)

    def moved() -> bool:
        pods = ready_pods(town)
        return len(pods) == 6 and all(pod["spec"]["nodeName"] != dead.name for pod in pods)

    until(moved, "replacements on the two nodes that live")
    assert kept <= {pod["metadata"]["name"] for pod in ready_pods(town)}, "pods elsewhere are left alone"
    assert get(town, "node", dead.name)["status"]["conditions"][-1]["status"] == "Unknown"
    assert {taint["key"] for taint in get(town, "node", dead.name)["spec"]["taints"]} == {
        "node.kubernetes.io/unreachable"
    }
    addresses = {pod["status"]["podIP"] for pod in ready_pods(town)}

    def served() -> set[str]:
        slices = get(town, "endpointslices", "-l", "kubernetes.io/service-name=web")["items"]
        return {
            endpoint["addresses"][0]
            for one in slices
            if one["addressType"] == "IPv4"
            for endpoint in one["endpoints"]
            if endpoint["conditions"]["ready"]
        }

    until(lambda: served() == addresses, "endpoints without the dead node's")
    town.kubectl("delete", "node", dead.name)
    until(lambda: len(get(town, "pods", "-l", "app=web")["items"]) == 6, "its pods are collected")


def test_the_control_plane_killed_mid_rollout_goes_on_where_it_was(town: Cluster) -> None:
    core = town.exec("hub", ["pgrep", "-of", "bin/kcore"]).stdout.strip()
    town.kubectl("set", "env", "deployment/web", "COLOUR=blue")
    until(lambda: get(town, "deployment", "web")["status"].get("updatedReplicas", 0) >= 2, "it begins")
    town.exec("hub", ["kill", "-9", core])
    until(lambda: town.kubectl("get", "--raw", "/readyz", check=False).code == 0, "the API answers again")
    town.kubectl("rollout", "status", "deployment/web", "--timeout=150s")
    until(lambda: len(get(town, "pods", "-l", "app=web")["items"]) == 6, "six pods, none twice")
    history = town.kubectl("rollout", "history", "deployment/web").stdout.split()
    assert history[-4:] == ["1", "<none>", "2", "<none>"]
    town.kubectl("rollout", "undo", "deployment/web")
    town.kubectl("rollout", "status", "deployment/web", "--timeout=150s")
    until(
        lambda: [p["spec"]["containers"][0].get("env") for p in ready_pods(town)] == [None] * 6,
        "the first template again",
    )
    assert town.kubectl("rollout", "history", "deployment/web").stdout.split()[-4:] == [
        "2",
        "<none>",
        "3",
        "<none>",
    ]
