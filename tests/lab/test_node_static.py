"""Pods of a node's manifest folder, logs that grow, and what the kubelet's pages show."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab
FOLDER = "/etc/podnet/manifests"


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "static") as workload:
        yield workload


def write(work: Workload, name: str, text: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": work.namespace},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {"name": "main", "image": "podnet/toolbox", "env": [{"name": "SAYS", "value": text}]}
            ],
        },
    }
    path = f"{FOLDER}/{name}.json"
    work.on_node_sh(f"mkdir -p {FOLDER}; echo '{json.dumps(body)}' > /tmp/{name}; mv /tmp/{name} {path}")


def agent_pid(work: Workload) -> str:
    script = "for p in /proc/[0-9]*; do grep -qsa 'bin/knod[e]' $p/cmdline && basename $p; done; true"
    return next(iter(work.on_node_sh(script).split()), "")


def exists(work: Workload, name: str) -> bool:
    return bool(work.kubectl("get", "pod", name, "--ignore-not-found", "-o", "name").stdout)


def mirror_uid(work: Workload, name: str) -> str:
    """ "" while it is not there."""
    shown = work.kubectl("get", "pod", name, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")
    return str(shown.stdout)


def test_a_manifest_becomes_a_pod_and_a_mirror_of_it(work: Workload) -> None:
    name = f"beacon-{work.node}"
    write(work, "beacon", "one")
    try:
        until(lambda: exists(work, name), "the mirror is there")
        pod = work.ready(name)
        owner = pod["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["name"]) == ("Node", work.node)
        uid = pod["metadata"]["annotations"]["kubernetes.io/config.mirror"]
        assert work.sh(name, "tr '\\0' '\\n' < /proc/1/environ | grep SAYS").strip() == "SAYS=one"
        assert uid in work.on_node_sh("ls /run/podnet/pods")

        work.delete(name, "--wait=false")
        until(
            lambda: mirror_uid(work, name) not in ("", pod["metadata"]["uid"]),
            "the mirror comes back",
        )
        assert uid in work.on_node_sh("ls /run/podnet/pods")

        before, old = work.sh(name, "cut -d' ' -f22 /proc/1/stat"), agent_pid(work)
        work.on_node("kill", "-9", old)
        until(lambda: agent_pid(work) not in {"", old}, "the agent was started again")
        again = until(lambda: work.sh(name, "cut -d' ' -f22 /proc/1/stat", check=False), "exec works again")
        assert again == before

        write(work, "beacon", "two")
        says = "tr '\\0' '\\n' < /proc/1/environ | grep SAYS"
        until(
            lambda: exists(work, name) and work.sh(name, says, check=False).strip() == "SAYS=two",
            "it changed",
        )
        until(lambda: uid not in work.on_node_sh("ls /run/podnet/pods"), "the one before is gone")
    finally:
        work.on_node_sh(f"rm -f {FOLDER}/beacon.json")
    until(lambda: not exists(work, name), "nothing is shown any more")
    until(
        lambda: "SAYS=two" not in work.on_node_sh("cat /proc/[0-9]*/environ", check=False),
        "nothing runs any more",
    )


def test_a_log_is_rotated_and_followed_across_that(work: Workload) -> None:
    line = "x" * 1000
    script = (
        f"trap 'exit 0' TERM; for i in $(seq 1 11500); do echo $i {line}; done;"
        " while [ ! -e /tmp/go ]; do sleep 0.1; done; echo last; exit 0"
    )
    work.apply(work.pod("chatty", {"command": ["sh", "-c", script]}, restartPolicy="Never"))
    until(lambda: "running" in work.status("chatty").get("state", {}), "it runs")
    uid = work.get("chatty")["metadata"]["uid"]
    folder = f"/var/lib/podnet/pods/{uid}/logs/main"
    rotated = {"0.log", "0.log.1"}
    with ThreadPoolExecutor(1) as beside:
        following = beside.submit(work.logs, "chatty", "-f", "--tail=1")
        try:
            until(lambda: set(work.on_node_sh(f"ls {folder}").split()) == rotated, "it is rotated")
        finally:
            work.sh("chatty", "touch /tmp/go")
        assert following.result().rstrip().endswith("last")
    assert set(work.on_node_sh(f"ls {folder}").split()) == rotated
    sizes = [int(word) for word in work.on_node_sh(f"stat -c %s {folder}/*").split()]
    assert min(sizes) < 10 << 20 < max(sizes)


def page(work: Workload, path: str) -> str:
    return str(work.kubectl("get", "--raw", f"/api/v1/nodes/{work.node}/proxy/{path}").stdout)


def test_the_kubelets_pages(work: Workload) -> None:
    limits = {"limits": {"cpu": "100m", "memory": "64Mi"}}
    pod = work.run("shown", {"resources": limits})
    uid = pod["metadata"]["uid"]
    listed = {item["metadata"]["uid"]: item for item in json.loads(page(work, "pods"))["items"]}
    assert listed[uid]["status"]["podIP"] == pod["status"]["podIP"]
    running = {item["metadata"]["uid"]: item for item in json.loads(page(work, "runningpods/"))["items"]}
    assert running[uid]["spec"]["containers"][0]["name"] == "main"
    assert json.loads(page(work, "configz"))["kubeletconfig"]["clusterDomain"] == "cluster.local"
    for path in ("healthz", "healthz/ping", "healthz/syncloop"):
        assert page(work, path) == "ok"
    labels = f'container="main",namespace="{work.namespace}",pod="shown"'
    resource = page(work, "metrics/resource")
    assert f"container_start_time_seconds{{{labels}}}" in resource
    cadvisor = page(work, "metrics/cadvisor")
    assert f'container_network_receive_bytes_total{{id="/pod{uid}",interface="eth0"' in cadvisor
    memory = next(
        line
        for line in cadvisor.splitlines()
        if line.startswith("container_spec_memory_limit_bytes") and uid in line
    )
    assert float(memory.split()[-1]) == 64 << 20
    summary = json.loads(page(work, "stats/summary"))
    stats = next(each for each in summary["pods"] if each["podRef"]["uid"] == uid)
    inside = work.sh("shown", "grep eth0 /proc/net/dev").split()
    assert 0 <= stats["network"]["rxBytes"] <= int(inside[1])
    assert summary["node"]["fs"]["capacityBytes"] > 0
