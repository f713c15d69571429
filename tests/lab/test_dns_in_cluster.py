"""kdns as the cluster's own DNS, a Deployment behind the kube-dns Service, and as a cache on a node."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
KDNS = str(Path(sys.prefix) / "bin" / "kdns")
DEPLOY = Path(__file__).parents[2] / "dns" / "deploy"
LOOKUP = "import socket, sys; print(sorted({one[4][0] for one in socket.getaddrinfo(sys.argv[1], 80)}))"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes; kube-dns has kdns's pods behind it, the hub's slices are gone. A pod asks."""
    with Cluster.up(f"dns-{os.getpid()}", node_count=2) as found:
        found.kubectl(
            "apply", "-f", "-", input=(DEPLOY / "kube-dns.yaml").read_text().replace("KDNS", KDNS).encode()
        )
        found.kubectl("rollout", "status", "deployment/kdns", "-n", "kube-system", "--timeout=150s")
        selector = json.dumps({"spec": {"selector": {"k8s-app": "kube-dns"}}})
        found.kubectl("patch", "service", "kube-dns", "-n", "kube-system", "-p", selector)
        found.kubectl(
            "delete",
            "endpointslice",
            "-n",
            "kube-system",
            "kube-dns-ipv4",
            "kube-dns-ipv6",
            "--ignore-not-found",
        )
        until(lambda: endpoints(found) == pod_ips(found), "kube-dns has no endpoints of its own")
        found.kubectl("run", "asker", "--image=podnet/host", "--restart=Never", "--", "sleep", "1d")
        found.kubectl("wait", "pod/asker", "--for=condition=Ready", "--timeout=150s")
        yield found


def endpoints(cluster: Cluster) -> set[str]:
    words = ("get", "endpointslices", "-n", "kube-system", "-l", "kubernetes.io/service-name=kube-dns")
    items = json.loads(cluster.kubectl(*words, "-o", "json").stdout)["items"]
    return {
        ip
        for item in items
        for one in item.get("endpoints") or ()
        if one["conditions"].get("ready")
        for ip in one["addresses"]
    }


def pod_ips(cluster: Cluster) -> set[str]:
    words = ("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns", "-o", "json")
    items = json.loads(cluster.kubectl(*words).stdout)["items"]
    return {
        one["ip"]
        for item in items
        if "deletionTimestamp" not in item["metadata"]
        for one in item.get("status", {}).get("podIPs", ())
    }


def lookup(cluster: Cluster, name: str) -> list[str]:
    found = cluster.kubectl("exec", "asker", "--", "python3", "-c", LOOKUP, name, check=False)
    return (
        list(json.loads(found.stdout.replace("'", '"'))) if found.stdout.startswith("[") else [found.stderr]
    )


def test_pods_resolve_by_the_deployment(cluster: Cluster) -> None:
    api = json.loads(cluster.kubectl("get", "service", "kubernetes", "-o", "json").stdout)
    until(
        lambda: lookup(cluster, "kubernetes") == sorted(api["spec"]["clusterIPs"]),
        lookup(cluster, "kubernetes")[0],
    )
    assert lookup(cluster, "kubernetes.default.svc.cluster.local") == sorted(api["spec"]["clusterIPs"])
    assert "not known" in lookup(cluster, "nosuch.default.svc.cluster.local.")[0]


def test_the_servers_name_themselves_by_their_service(cluster: Cluster) -> None:
    """NS records follow the Service whose endpoints the pods are."""
    words = ["dig", "+short", "cluster.local", "NS", f"@{cluster.lab.dns_addresses[0]}"]
    node = cluster.lab.nodes[0].name
    until(
        lambda: (
            cluster.exec(node, words, check=False).stdout.strip() == "kube-dns.kube-system.svc.cluster.local."
        ),
        cluster.exec(node, words, check=False).stdout,
    )


def test_a_new_service_is_answered_while_the_pods_change(cluster: Cluster) -> None:
    cluster.kubectl("create", "service", "clusterip", "fresh", "--tcp=80")
    until(lambda: lookup(cluster, "fresh")[0].startswith(("10.", "fd")), "the new Service has no address")
    cluster.kubectl("rollout", "restart", "deployment/kdns", "-n", "kube-system")
    lost = 0
    end = time.monotonic() + 6
    while time.monotonic() < end:
        lost += not lookup(cluster, "fresh")[0].startswith(("10.", "fd"))
    cluster.kubectl("rollout", "status", "deployment/kdns", "-n", "kube-system", "--timeout=150s")
    assert lost == 0
    assert lookup(cluster, "fresh")[0].startswith(("10.", "fd"))


def test_a_cache_on_the_node(cluster: Cluster, tmp_path: Path) -> None:
    """It answers on the cluster's DNS address itself; what it kept is answered with no server behind it."""
    node = cluster.lab.nodes[0].name
    address = cluster.lab.dns_addresses[0]
    upstream = min(ip for ip in endpoints(cluster) if "." in ip)
    text = (DEPLOY / "node-cache.Corefile").read_text()
    corefile = tmp_path / "Corefile"
    corefile.write_text(text.replace("UPSTREAM", upstream).replace("DNS", address))
    member = cluster.lab.member(node)
    pid = members_run.find(cluster.folder, member)
    assert pid is not None
    log = tmp_path / "log"
    with log.open("wb") as out:
        words = members_run.exec_argv(pid, member, [KDNS, "-conf", str(corefile)])
        process = subprocess.Popen(words, stdout=out, stderr=out)
    try:
        until(lambda: "serving" in log.read_text(), log.read_text())

        def ask(server: str) -> str:
            name = "kubernetes.default.svc.cluster.local"
            found = cluster.exec(
                node, ["dig", "+short", "+time=20", "+tries=1", name, f"@{server}"], check=False
            )
            return found.stdout.strip()

        until(lambda: ask("169.254.20.10").startswith("10."), log.read_text())
        assert ask(address) == ask("169.254.20.10")
        rules = cluster.exec(node, ["nft", "list", "table", "ip", "kdns_nodecache"]).stdout
        assert "notrack" in rules
        metrics = cluster.exec(
            node, ["wget", "-q", "-O", "-", "http://169.254.20.10:9253/metrics"], check=False
        ).stdout
        if metrics:
            assert 'coredns_cache_hits_total{server="dns://169.254.20.10:53"' in metrics
    finally:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)  # kdns itself, behind nsenter
        process.wait(60)
    gone = cluster.exec(node, ["nft", "list", "table", "ip", "kdns_nodecache"], check=False)
    assert gone.code != 0
    assert "nodelocaldns" not in cluster.exec(node, ["ip", "link"]).stdout
