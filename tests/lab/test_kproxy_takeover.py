"""From a running kube-proxy to kproxy with the same file, in one mode or into another, under traffic.

The real one: `KUBE_PROXY=path` names its program, of any version from 1.33 on.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linux import process
from tests.lab.kcore_process import Kcore
from tests.lab.pod_town import NODE, PORT, Town, ask, town
from tests.lab.test_kproxy_switch import ECHO_PORT, NODE_PORT, VIP, Traffic

_PEER = os.environ.get("KUBE_PROXY", "")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not _PEER, reason="no kube-proxy to take over from: set KUBE_PROXY to the path of its program"
    ),
]
_KPROXY = Path(sys.prefix) / "bin" / "kproxy"
_PATIENCE_S = 40.0
_SERVICES = "/api/v1/namespaces/default/services"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


class Stage:
    """The node's namespace with an API server on its loopback, and proxies as processes."""

    def __init__(self, streets: Town, folder: Path) -> None:
        self.town, self._folder = streets, folder
        ranges = ("--service-cluster-ip-range", "10.96.0.0/16,fd00:10:96::/112")
        self._api = Kcore(folder / "api", *ranges)
        self._running: list[subprocess.Popen[bytes]] = []
        self.on_node(self._api.start)

    def on_node(self, act: Callable[[], None]) -> None:
        self.town.node.run(act)

    def make_objects(self) -> None:
        ports = [
            {"name": "p", "port": 80, "protocol": "TCP", "nodePort": NODE_PORT},
            {"name": "echo", "port": 81, "protocol": "TCP"},
        ]
        spec = {
            "type": "NodePort",
            "clusterIP": VIP,
            "ipFamilies": ["IPv4"],
            "ports": ports,
            "sessionAffinity": "ClientIP",
        }
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
        owned = {"kubernetes.io/service-name": "web"}
        endpoints = [{"addresses": [self.town.pods[0].ips[0]], "nodeName": "node"}]
        item = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": owned},
            "addressType": "IPv4",
            "ports": [
                {"name": "p", "port": PORT, "protocol": "TCP"},
                {"name": "echo", "port": ECHO_PORT, "protocol": "TCP"},
            ],
            "endpoints": endpoints,
        }
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}

        async def create() -> None:
            client = self._api.client()
            for path, body in ((_SERVICES, service), (_SLICES, item), ("/api/v1/nodes", node)):
                headers = {"Content-Type": "application/json"}
                reply = await client.raw("POST", path, headers=headers, body=json.dumps(body).encode())
                assert reply.status == 201, reply.body
            # kube-proxy waits half a minute for a Node's addresses.
            status = {"status": {"addresses": [{"type": "InternalIP", "address": NODE[0]}]}}
            headers = {"Content-Type": "application/merge-patch+json"}
            reply = await client.raw(
                "PATCH", "/api/v1/nodes/node/status", headers=headers, body=json.dumps(status).encode()
            )
            assert reply.status == 200, reply.body
            await client.close()

        self.on_node(lambda: asyncio.run(create()))

    def start(self, program: str, mode: str) -> subprocess.Popen[bytes]:
        """kube-proxy and kproxy read the same file."""
        config = self._folder / f"{mode}.json"
        config.write_text(
            json.dumps(
                {
                    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                    "kind": "KubeProxyConfiguration",
                    "mode": mode,
                    "hostnameOverride": "node",
                    "clusterCIDR": "10.244.0.0/16,fd00:10:244::/56",
                    "nodePortAddresses": ["192.168.0.0/16"],
                    "clientConnection": {"kubeconfig": str(self._api.kubeconfig)},
                    "conntrack": {
                        "maxPerCore": 0,
                        "tcpEstablishedTimeout": "0s",
                        "tcpCloseWaitTimeout": "0s",
                    },
                }
            )
        )
        log = (self._folder / f"{Path(program).name}.log").open("ab")
        started: list[subprocess.Popen[bytes]] = []
        self.on_node(
            lambda: started.append(process.spawn([program, f"--config={config}"], stdout=log, stderr=log))
        )
        log.close()
        self._running += started
        return started[0]

    def log(self, program: str) -> str:
        return (self._folder / f"{Path(program).name}.log").read_text()[-3000:]

    def rules(self) -> str:
        listed: list[str] = []
        self.on_node(lambda: listed.append(process.run(["nft", "list", "ruleset"]).stdout))
        return listed[0]

    def close(self) -> None:
        for running in self._running:
            running.kill()
            running.wait()
        self._api.end()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with town() as streets:
        made = Stage(streets, tmp_path)
        yield made
        made.close()


def _until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, what()
        time.sleep(0.1)


def _served(stage: Stage) -> bool:
    try:
        return bool(ask(stage.town.pods[1], VIP, 80, timeout_s=1))
    except OSError:
        return False


@pytest.mark.parametrize(
    ("before", "after"),
    [("nftables", "nftables"), ("iptables", "iptables"), ("iptables", "nftables"), ("nftables", "iptables")],
)
@pytest.mark.parametrize("alive", [True, False], ids=["kube-proxy still runs", "kube-proxy is stopped"])
def test_kproxy_takes_over(before: str, after: str, alive: bool, stage: Stage) -> None:
    stage.make_objects()
    peer = stage.start(_PEER, before)
    _until(lambda: _served(stage), lambda: stage.log(_PEER))
    traffic = Traffic(stage.town)
    try:
        traffic.keep_one(f"kube-proxy, {before}")
        if not alive:
            peer.terminate()
            peer.wait(20)
        kproxy = stage.start(str(_KPROXY), after)
        ours = "table ip kproxy" if after == "nftables" else "KUBE-HAIRPIN"
        _until(lambda: ours in stage.rules(), lambda: stage.log(str(_KPROXY)))
        traffic.keep_one(f"kproxy, {after}")
        peer.terminate()
        peer.wait(20)
        theirs = "table ip kube-proxy" if before == "nftables" else "KUBE-SEP-"
        _until(lambda: theirs not in stage.rules(), lambda: stage.log(str(_KPROXY)))
        before_count = traffic.count
        _until(lambda: traffic.count > before_count + 20, lambda: "no traffic")
        assert traffic.broken() == []
        assert kproxy.poll() is None
    finally:
        traffic.end()
    assert traffic.failed == []


def test_kube_proxy_cleans_up_after_kproxy(stage: Stage) -> None:
    """The way back: it finds a jump by its very text, and fails at one that it does not know."""
    stage.make_objects()
    running = stage.start(str(_KPROXY), "iptables")
    _until(lambda: _served(stage), lambda: stage.log(str(_KPROXY)))
    running.terminate()
    running.wait(20)
    done = stage.town.node.run(lambda: process.run([_PEER, "--cleanup"], check=False))
    assert done.code == 0, done.stderr
    left = set(re.findall(r"chain (KUBE-\S+)", stage.rules()))
    # The first is the kubelet's, too; nothing leads to the others.
    assert left <= {"KUBE-FIREWALL", "KUBE-HAIRPIN", "KUBE-LOCALHOST-NODEPORTS"}
