"""The main job on a lab of three nodes, with the real kubectl where it is installed: each thing a newcomer would try."""

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from linux.process import ProgramFailed
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.demo.proxies_run import have_taken_up
from netns_fixtures.demo.steps_run import EXAMPLES, MANIFESTS
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not shutil.which("kubectl"), reason="the real kubectl is not installed on this machine"
    ),
]
NAMESPACE = "k8sdemo"


@pytest.fixture(scope="module")
def demo(lab: Cluster) -> Iterator[Cluster]:
    """The lab with the demonstration's application in it, available."""
    lab.kubectl("create", "namespace", NAMESPACE)
    lab.kubectl(
        "apply", *(part for name in MANIFESTS for part in ("-f", str(EXAMPLES / name))), "-n", NAMESPACE
    )
    for name in ("backend", "frontend"):
        lab.kubectl("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, "--timeout=150s")
    yield lab
    lab.kubectl("delete", "namespace", NAMESPACE, "--timeout=150s")


def pods(cluster: Cluster, app: str) -> list[dict]:
    found = json.loads(
        cluster.kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app={app}", "-o", "json").stdout
    )
    return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]


def in_frontend(cluster: Cluster, script: str, *arguments: str) -> str:
    name = pods(cluster, "frontend")[0]["metadata"]["name"]
    return cluster.kubectl("exec", name, "-n", NAMESPACE, "--", "sh", "-c", script, *arguments).stdout


def answers(cluster: Cluster, count: int, url: str = "http://backend:8080/") -> Counter[str]:
    script = "i=0; while [ $i -lt $0 ]; do wget -q -O - $1 || echo FAILED; i=$((i+1)); done"
    return Counter(in_frontend(cluster, script, str(count), url).split())


# --- the cluster


def test_all_nodes_are_ready_with_ranges_of_their_own(lab: Cluster) -> None:
    nodes = json.loads(lab.kubectl("get", "nodes", "-o", "json").stdout)["items"]
    assert [node["metadata"]["name"] for node in nodes] == [node.name for node in lab.lab.nodes]
    ranges = [cidr for node in nodes for cidr in node["spec"]["podCIDRs"]]
    assert len(set(ranges)) == 2 * len(nodes)


def test_kubectl_knows_the_server(lab: Cluster) -> None:
    assert "Server Version: v1." in lab.kubectl("version").stdout
    assert lab.lab.api_url in lab.kubectl("cluster-info").stdout
    resources = lab.kubectl("api-resources").stdout
    for line in ("pods +po", "deployments +deploy", "endpointslices ", "customresourcedefinitions +crd"):
        assert re.search(line, resources), line


def test_each_node_has_its_own_namespaces_and_hostname(lab: Cluster) -> None:
    names = [lab.exec(node.name, ["hostname"]).stdout.strip() for node in lab.lab.nodes]
    assert names == [node.name for node in lab.lab.nodes]
    for kind in ("net", "mnt", "pid", "uts", "ipc", "cgroup"):
        seen = {lab.exec(node.name, ["readlink", f"/proc/self/ns/{kind}"]).stdout for node in lab.lab.nodes}
        assert len(seen | {os.readlink(f"/proc/self/ns/{kind}") + "\n"}) == len(lab.lab.nodes) + 1, kind


# --- kubectl's verbs on the application


def test_get_in_all_its_forms(demo: Cluster) -> None:
    table = demo.kubectl("get", "pods", "-n", NAMESPACE).stdout
    assert re.search(r"backend-\S+ +1/1 +Running +0 ", table)
    wide = demo.kubectl("get", "pods", "-n", NAMESPACE, "-o", "wide").stdout
    assert "NOMINATED NODE" in wide
    assert re.search(r" 10\.244\.\d+\.\d+ ", wide)
    assert "backend" in demo.kubectl("get", "deployments", "-A").stdout
    assert "kind: Service" in demo.kubectl("get", "service", "backend", "-n", NAMESPACE, "-o", "yaml").stdout
    node = pods(demo, "backend")[0]["spec"]["nodeName"]
    chosen = demo.kubectl(
        "get", "pods", "-A", "--field-selector", f"spec.nodeName={node}", "-o", "name"
    ).stdout
    assert pods(demo, "backend")[0]["metadata"]["name"] in chosen
    assert "frontend" not in demo.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app=backend").stdout
    assert re.search(r"k8sdemo +podnet +\* ", demo.kubectl("get", "ingress", "-n", NAMESPACE).stdout)


def test_get_watch_shows_a_change(demo: Cluster) -> None:
    environment = {**os.environ, "KUBECONFIG": str(demo.folder.kubeconfig)}
    watch = subprocess.Popen(
        ["kubectl", "get", "configmaps", "-n", NAMESPACE, "-w", "--no-headers"],
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        demo.kubectl("create", "configmap", "watched", "-n", NAMESPACE, "--from-literal=a=1")
        assert watch.stdout
        lines = []
        while not lines or b"watched" not in lines[-1]:
            lines.append(watch.stdout.readline())
            assert len(lines) < 20
    finally:
        watch.kill()
        watch.wait()
        watch.stdout and watch.stdout.close()


def test_describe(demo: Cluster) -> None:
    name = pods(demo, "backend")[0]["metadata"]["name"]
    until(lambda: "Started container" in demo.kubectl("describe", "pod", name, "-n", NAMESPACE).stdout)
    text = demo.kubectl("describe", "pod", name, "-n", NAMESPACE).stdout
    for part in ("Successfully assigned", "Ready ", "Controlled By:  ReplicaSet/backend"):
        assert part in text, part
    assert re.search(
        r"Endpoints: +10\.244\.", demo.kubectl("describe", "service", "backend", "-n", NAMESPACE).stdout
    )
    node = demo.kubectl("describe", "node", demo.lab.nodes[0].name).stdout
    for part in ("KubeletReady", "PodCIDR:", "Allocated resources", "Container Runtime Version:"):
        assert part in node, part


def test_logs_and_logs_follow(demo: Cluster) -> None:
    demo.kubectl(
        "run",
        "talker",
        "-n",
        NAMESPACE,
        "--image=podnet/toolbox",
        "--restart=Never",
        "--command",
        "--",
        "sh",
        "-c",
        "for i in 1 2 3; do echo line $i; sleep 0.3; done",
    )
    started = "jsonpath={.status.containerStatuses[0].containerID}"
    until(lambda: demo.kubectl("get", "pod", "talker", "-n", NAMESPACE, "-o", started).stdout != "")
    followed = demo.kubectl("logs", "-f", "talker", "-n", NAMESPACE).stdout
    assert followed == "line 1\nline 2\nline 3\n"
    assert demo.kubectl("logs", "talker", "-n", NAMESPACE, "--tail=1").stdout == "line 3\n"
    demo.kubectl(
        "wait", "pod/talker", "-n", NAMESPACE, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=150s"
    )
    demo.kubectl("delete", "pod", "talker", "-n", NAMESPACE)


def test_exec_with_and_without_a_terminal(demo: Cluster) -> None:
    name = pods(demo, "backend")[0]["metadata"]["name"]
    assert demo.kubectl("exec", name, "-n", NAMESPACE, "--", "hostname").stdout.strip() == name
    with pytest.raises(ProgramFailed) as failed:
        demo.kubectl("exec", name, "-n", NAMESPACE, "--", "sh", "-c", "exit 7")
    assert failed.value.code == 7
    piped = demo.kubectl("exec", "-i", name, "-n", NAMESPACE, "--", "cat", input=b"through stdin")
    assert piped.stdout == "through stdin"
    # `script` gives kubectl the terminal that -t asks for.
    environment = {**os.environ, "KUBECONFIG": str(demo.folder.kubeconfig)}
    command = f"kubectl exec -it {name} -n {NAMESPACE} -- sh -c 'tty && echo on a terminal'"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], env=environment, capture_output=True, timeout=120
    )
    assert b"on a terminal" in done.stdout


def test_scale_wait_rollout_and_events(demo: Cluster) -> None:
    demo.kubectl("scale", "deployment/backend", "-n", NAMESPACE, "--replicas=6")
    demo.kubectl("rollout", "status", "deployment/backend", "-n", NAMESPACE, "--timeout=150s")
    demo.kubectl(
        "wait", "pods", "-l", "app=backend", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=150s"
    )
    spread = Counter(pod["spec"]["nodeName"] for pod in pods(demo, "backend"))
    assert sorted(spread.values()) == [2, 2, 2]
    for reason in ("Scheduled", "Started", "SuccessfulCreate", "ScalingReplicaSet"):
        until(lambda reason=reason: reason in demo.kubectl("get", "events", "-n", NAMESPACE).stdout)
    demo.kubectl("scale", "deployment/backend", "-n", NAMESPACE, "--replicas=3")
    demo.kubectl("rollout", "status", "deployment/backend", "-n", NAMESPACE, "--timeout=150s")


def test_a_rollout_replaces_every_pod_and_can_be_undone(demo: Cluster) -> None:
    before = {pod["metadata"]["name"] for pod in pods(demo, "backend")}
    demo.kubectl("set", "env", "deployment/backend", "-n", NAMESPACE, "COLOUR=blue")
    demo.kubectl("rollout", "status", "deployment/backend", "-n", NAMESPACE, "--timeout=150s")
    after = {pod["metadata"]["name"] for pod in pods(demo, "backend")}
    assert not before & after
    demo.kubectl("rollout", "undo", "deployment/backend", "-n", NAMESPACE)
    demo.kubectl("rollout", "status", "deployment/backend", "-n", NAMESPACE, "--timeout=150s")
    assert not any("env" in pod["spec"]["containers"][0] for pod in pods(demo, "backend"))


# --- the network


def test_names_resolve_from_a_pod(demo: Cluster) -> None:
    cluster_ip = json.loads(demo.kubectl("get", "service", "backend", "-n", NAMESPACE, "-o", "json").stdout)[
        "spec"
    ]["clusterIP"]
    assert cluster_ip in in_frontend(demo, f"nslookup backend.{NAMESPACE}.svc.cluster.local")
    resolv = in_frontend(demo, "cat /etc/resolv.conf")
    assert f"search {NAMESPACE}.svc.cluster.local svc.cluster.local cluster.local" in resolv
    assert "nameserver 10.96.0.10" in resolv


def best_of_three(act: Callable[[], object]) -> float:
    """Seconds: what else the machine did in one of the tries does not count."""
    took_s = []
    for _ in range(3):
        started_s = time.monotonic()
        act()
        took_s.append(time.monotonic() - started_s)
    return min(took_s)


def test_names_outside_fail_at_once(demo: Cluster) -> None:
    """A resolver that hears nothing asks again after 5 s."""
    assert best_of_three(lambda: in_frontend(demo, "nslookup example.com. || true")) < 4


def test_the_cluster_ip_balances_over_all_backends(demo: Cluster) -> None:
    proxies_know(demo)
    counts = answers(demo, 90)
    assert set(counts) == {pod["metadata"]["name"] for pod in pods(demo, "backend")}
    assert sum(counts.values()) == 90


def test_the_node_port_answers_on_every_node_and_family(demo: Cluster) -> None:
    service = json.loads(demo.kubectl("get", "service", "frontend", "-n", NAMESPACE, "-o", "json").stdout)
    port = service["spec"]["ports"][0]["nodePort"]
    names = {pod["metadata"]["name"] for pod in pods(demo, "frontend")}
    for node in demo.lab.nodes:
        with urlopen(f"http://{node.addresses[0]}:{port}/login", timeout=30) as reply:
            assert reply.read().decode().strip() in names


def bridge_filtering(cluster: Cluster, value: int) -> None:
    """On all nodes, and kproxy killed: it comes back and sees the new value."""
    for node in cluster.lab.nodes:
        for key in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
            cluster.exec(node.name, ["sh", "-c", f"echo {value} > /proc/sys/net/bridge/{key}"])
        cluster.exec(node.name, ["pkill", "-9", "-f", "bin/kproxy"])
    for node in cluster.lab.nodes:
        until(lambda node=node: ("bridge-nf-call is off" in table_of(cluster, node.name)) == (value == 0))


def table_of(cluster: Cluster, node: str) -> str:
    return cluster.exec(node, ["nft", "list", "table", "ip", "kproxy"], check=False).stdout


def proxies_know(cluster: Cluster) -> None:
    """Until the rules of every node lead to the ready endpoints of the back end, and to nothing else."""
    slices = ("get", "endpointslices", "-n", NAMESPACE, "-l", "kubernetes.io/service-name=backend", "-o")
    ready = "jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}"

    def known() -> bool:
        addresses = set(cluster.kubectl(*slices, ready).stdout.split())
        return have_taken_up(cluster.lab, cluster.folder, f"{NAMESPACE}/backend", addresses)

    until(known)


def test_a_service_reaches_a_pod_behind_the_same_bridge_without_br_netfilter(demo: Cluster) -> None:
    """Such traffic skips the kernel's translation on the way back; kproxy masquerades it instead."""
    bridge_filtering(demo, 0)
    try:
        proxies_know(demo)
        counts = answers(demo, 60)
        assert counts["FAILED"] == 0
        assert len(counts) == 3
    finally:
        bridge_filtering(demo, 1)


def test_a_service_without_endpoints_is_rejected_at_once(demo: Cluster) -> None:
    demo.kubectl("create", "service", "clusterip", "empty", "-n", NAMESPACE, "--tcp=80:80")
    address = ("get", "service", "empty", "-n", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}")
    ip = demo.kubectl(*address).stdout
    until(lambda: all(f"{ip} " in table_of(demo, node.name) for node in demo.lab.nodes))

    def refused() -> None:
        assert "FAILED" in in_frontend(demo, "wget -q -O - http://empty/ || echo FAILED")

    assert best_of_three(refused) < 10  # a connection that nobody answers is tried for minutes
    demo.kubectl("delete", "service", "empty", "-n", NAMESPACE)


def test_a_deleted_backend_is_replaced_and_no_request_fails_afterwards(demo: Cluster) -> None:
    victim = pods(demo, "backend")[0]["metadata"]["name"]
    demo.kubectl("delete", "pod", victim, "-n", NAMESPACE)
    proxies_know(demo)
    counts = answers(demo, 60)
    assert counts["FAILED"] == 0
    assert victim not in counts
    demo.kubectl("rollout", "status", "deployment/backend", "-n", NAMESPACE, "--timeout=150s")
    assert len(pods(demo, "backend")) == 3


# --- errors a person meets


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 99999}]}",
            "must be between 1 and 65535",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {selector: {matchLabels: {a: b}}, "
            "template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: i}]}}}",
            "does not match template",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, image: i, imge: i}]}",
            "unknown field",
        ),
    ],
)
def test_a_manifest_that_does_not_validate_says_why(demo: Cluster, manifest: str, message: str) -> None:
    with pytest.raises(ProgramFailed) as failed:
        demo.kubectl("apply", "-n", NAMESPACE, "-f", "-", input=manifest.encode())
    assert message in failed.value.output


def test_an_unknown_image_says_what_to_do(demo: Cluster) -> None:
    demo.kubectl("run", "lost", "-n", NAMESPACE, "--image=registry.invalid/none:1")
    try:
        for _ in range(600):
            text = demo.kubectl("get", "pod", "lost", "-n", NAMESPACE, "-o", "json").stdout
            statuses = json.loads(text)["status"].get("containerStatuses", [])
            waiting = statuses[0]["state"].get("waiting", {}) if statuses else {}
            if waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff"):
                break
            time.sleep(0.1)
        assert waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff"), waiting
        assert "image import" in waiting["message"]
    finally:
        demo.kubectl("delete", "pod", "lost", "-n", NAMESPACE, "--grace-period=0", "--force")


# --- the host


def test_the_host_gets_one_link_and_no_rule(lab: Cluster) -> None:
    links = [name for name in os.listdir("/sys/class/net") if name.startswith("klab")]
    assert lab.lab.host_link in links
    assert not Path("/etc/cni/net.d/10-podnet.conflist").exists()
    if shutil.which("nft"):
        listing = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        assert "kproxy" not in listing
