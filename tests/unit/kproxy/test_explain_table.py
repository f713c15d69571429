"""`kproxy explain -f OBJECTS --config FILE -o json`, with nothing running: each branch of traffic, in each mode.

What a row expects is written out, not computed: `forward` is to the endpoints named, `M` masqueraded.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kproxy.cli import main
from kproxy.node import LocalBridge, LocalCIDR, LocalPrefix
from kube.objects import to_dict
from tests.flows.kproxy_setups import (
    BY_BRIDGE,
    BY_PREFIX,
    EMPTY_LB,
    EXTERNAL_IPS_OFF,
    EXTERNAL_LOCAL,
    EXTERNAL_LOCAL_NONE_HERE,
    HINTED_UNREADY,
    INTERNAL_LOCAL_NONE_HERE,
    MASQUERADE_ALL,
    NODE_PORT,
    NODE_PORT_ANYWHERE,
    NODES,
    ONE_LOCAL,
    ONLY_TERMINATING_HERE,
    PROXY_MODE_LB,
    RANGED,
    RANGED_EMPTY,
    TERMINATING_CLUSTER,
    TWO,
    ZONES,
)
from tests.flows.kproxy_values import (
    ALT,
    BLOCKED,
    EXT,
    LB,
    ME,
    NODE,
    POD,
    VIP,
    VIP2,
    XIP,
    A,
    B,
    C,
    E,
    R,
    Setup,
    services_of,
    slices_of,
)

MODES = ("nftables", "iptables", "ipvs", "userspace")


class Row(NamedTuple):
    """`expected` for nftables; the others as it unless told. Targets without port have 80."""

    text: str
    setup: Setup
    source: str
    destination: str
    expected: str
    iptables: str = ""
    ipvs: str = ""
    userspace: str = ""
    protocol: str = "tcp"
    interface: str = ""
    because: str = ""

    def of(self, mode: str) -> str:
        found = (self.expected, self.iptables, self.ipvs, self.userspace)[MODES.index(mode)] or self.expected
        if mode == "userspace" and found.startswith("forward"):
            return found.removesuffix(" M") + " M"  # a new connection of the node's own
        return found


AR, AC, ABE = f"{A} {R}", f"{A} {C}", f"{A} {B} {E}"
ROWS = (
    Row("pod to cluster address", ONE_LOCAL, POD, f"{VIP}:80", f"forward {A}"),
    Row("stranger to cluster address", ONE_LOCAL, EXT, f"{VIP}:80", f"forward {A} M", because="not from this node's pods"),
    Row("node to cluster address", ONE_LOCAL, NODE, f"{VIP}:80", f"forward {A} M"),
    Row("hairpin", ONE_LOCAL, A, f"{VIP}:80", f"forward {A} M", because="reaches itself"),
    Row("unknown port", ONE_LOCAL, POD, f"{VIP}:81", "reject", "pass", because="clusterIP without port 81"),
    Row("unknown protocol", ONE_LOCAL, POD, f"{VIP}:80", "reject", "pass", protocol="udp"),
    Row("unused address", ONE_LOCAL, POD, "172.30.0.99:80", "drop", "pass", "pass", "reject"),
    Row("somebody else's address", ONE_LOCAL, POD, "198.51.100.7:80", "pass", because="left alone"),
    Row("straight to a pod", ONE_LOCAL, EXT, f"{A}:80", "pass"),
    Row("other endpoint port", TWO, POD, f"{VIP2}:443", f"forward {A}:8443 {R}:8443"),
    Row("TCP of a shared number", TWO, POD, f"{VIP2}:53", f"forward {A}:5353 {R}:5353"),
    Row("UDP of a shared number", TWO, POD, f"{VIP2}:53", f"forward {A}:53 {R}:53", protocol="udp"),
    Row("SCTP of a shared number", TWO, POD, f"{VIP2}:53", f"forward {A}:53 {R}:53", userspace="reject", protocol="sctp"),
    Row("no endpoints, cluster address", EMPTY_LB, POD, f"{VIP}:80", "reject", because="no endpoints"),
    Row("no endpoints, external address", EMPTY_LB, EXT, f"{XIP}:80", "reject"),
    Row("no endpoints, node port", EMPTY_LB, EXT, f"{NODE}:3001", "reject"),
    Row("within source ranges", RANGED, EXT, f"{LB}:80", f"forward {A} M", because="within loadBalancerSourceRanges"),
    Row("outside source ranges", RANGED, BLOCKED, f"{LB}:80", "drop", userspace="reject", because="outside"),
    Row("pods and source ranges", RANGED, POD, f"{LB}:80", "drop", userspace="reject"),
    Row("source ranges and node ports", RANGED, BLOCKED, f"{NODE}:3001", f"forward {A} M"),
    Row("source ranges without endpoints", RANGED_EMPTY, BLOCKED, f"{LB}:80", "drop", "reject", "drop", "reject"),
    Row("node port", NODE_PORT, EXT, f"{NODE}:3001", f"forward {R} {B} M"),
    Row("node port of another address", NODE_PORT, EXT, f"{ALT}:3001", "pass"),
    Row("node port of any address", NODE_PORT_ANYWHERE, EXT, f"{ALT}:3001", f"forward {R} {B} M"),
    Row("policy Local, stranger", EXTERNAL_LOCAL, EXT, f"{LB}:80", f"forward {R}", because="not on this node"),
    Row("policy Local, pod", EXTERNAL_LOCAL, POD, f"{LB}:80", f"forward {AR}", ipvs=f"forward {R}"),
    Row("policy Local, node", EXTERNAL_LOCAL, NODE, f"{LB}:80", f"forward {AR} M", ipvs=f"forward {R}"),
    Row("policy Local, none here", EXTERNAL_LOCAL_NONE_HERE, EXT, f"{LB}:80", "drop", ipvs=f"forward {AR}", userspace="reject", because="no endpoint is on this node"),
    Row("internal policy Local, none here", INTERNAL_LOCAL_NONE_HERE, POD, f"{VIP}:80", "drop", ipvs="reject", userspace="reject"),
    Row("terminating ones rest", TERMINATING_CLUSTER, POD, f"{VIP}:80", f"forward {ABE}", because="it terminates, and others are ready"),
    Row("the last terminating one serves", ONLY_TERMINATING_HERE, EXT, f"{LB}:80", f"forward {A}"),
    Row("zone hints", ZONES, POD, f"{VIP}:80", f"forward {AC}", because="its hints are for b"),
    Row("node hints", NODES, POD, f"{VIP}:80", f"forward {A}", because="its hints are for other"),
    Row("hints of ready ones", HINTED_UNREADY, POD, f"{VIP}:80", f"forward {A}", because="it is not ready"),
    Row("masqueradeAll", MASQUERADE_ALL, POD, f"{VIP}:80", f"forward {A} M", because="masqueradeAll"),
    Row("ipMode Proxy", PROXY_MODE_LB, EXT, f"{LB}:80", "pass"),
    Row("external addresses forbidden", EXTERNAL_IPS_OFF, EXT, f"{XIP}:80", "pass"),
    Row("by the pods' bridge", BY_BRIDGE, POD, f"{VIP}:80", f"forward {AR}", interface="cni0"),
    Row("by another interface", BY_BRIDGE, POD, f"{VIP}:80", f"forward {AR} M", interface="eth0"),
    Row("by a pod's interface", BY_PREFIX, POD, f"{LB}:80", f"forward {AR}", ipvs=f"forward {R}", userspace=f"forward {R}", interface="veth1"),
)  # fmt: skip


def _config(setup: Setup, mode: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "nodePortAddresses": ["0.0.0.0/0"]
        if setup.node_ports is None
        else [f"{ip}/32" for ip in setup.node_ports],
        "featureGates": {"AllowServiceExternalIPs": setup.external_ips_allowed},
        "nftables": {"masqueradeAll": setup.masquerade_all},
        "iptables": {"masqueradeAll": setup.masquerade_all},
    }
    match setup.detector:
        case LocalCIDR(cidr):
            found["clusterCIDR"] = cidr
        case LocalBridge(name):
            found |= {"detectLocalMode": "BridgeInterface", "detectLocal": {"bridgeInterface": name}}
        case LocalPrefix(prefix):
            found |= {
                "detectLocalMode": "InterfaceNamePrefix",
                "detectLocal": {"interfaceNamePrefix": prefix},
            }
    return found


def _objects(setup: Setup) -> dict[str, Any]:
    node = {"kind": "Node", "metadata": {"name": ME, "labels": {"topology.kubernetes.io/zone": setup.zone}}}
    ranges = {"kind": "ServiceCIDR", "metadata": {"name": "k"}, "spec": {"cidrs": list(setup.service_cidrs)}}
    items: list[dict[str, Any]] = [node, ranges]
    items += [{**to_dict(obj), "kind": "Service"} for obj in services_of(setup, 4)]
    items += [{**to_dict(obj), "kind": "EndpointSlice"} for obj in slices_of(setup, 4)]
    return {"kind": "List", "items": items}


def _said(found: dict[str, Any]) -> str:
    targets = " ".join(t.removesuffix(":80") for t in found["targets"])
    return f"{found['verdict']} {targets}".strip() + (" M" if found["masquerade"] else "")


def _in_order(text: str) -> list[str]:
    return sorted(text.split())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.text)
def test_explained(row: Row, mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects, config = tmp_path / "objects.yaml", tmp_path / "config.yaml"
    objects.write_text(json.dumps(_objects(row.setup)))
    config.write_text(json.dumps(_config(row.setup, mode)))
    arguments = ["explain", "-f", str(objects), "--config", str(config), "--node", ME, "-o", "json"]
    arguments += ["--node-ip", NODE, "--node-ip", ALT, "--proto", row.protocol]
    arguments += ["--in-iface", row.interface] if row.interface else []
    assert main([*arguments, row.source, row.destination]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"verdict", "service", "targets", "masquerade", "because"}
    assert _in_order(_said(found)) == _in_order(row.of(mode)), found["because"]
    assert not [line for line in found["because"] if "DISAGREEMENT" in line]
    if mode == "nftables":
        assert any(row.because in line for line in found["because"]), found["because"]
        assert found["service"] or found["verdict"] in ("pass", "drop", "reject")


def test_localhost_node_ports_are_of_iptables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = tmp_path / "objects.yaml"
    objects.write_text(json.dumps(_objects(NODE_PORT_ANYWHERE)))
    verdicts = {}
    for mode in MODES:
        config = tmp_path / f"{mode}.yaml"
        config.write_text(json.dumps(_config(NODE_PORT_ANYWHERE, mode)))
        place = ["-f", str(objects), "--config", str(config), "--node", ME, "--node-ip", NODE, "-o", "json"]
        assert main(["explain", *place, "127.0.0.1", "127.0.0.1:3001"]) == 0
        verdicts[mode] = json.loads(capsys.readouterr().out)["verdict"]
    assert verdicts["iptables"] == "forward"
    assert verdicts["nftables"] == verdicts["ipvs"] == "pass"
