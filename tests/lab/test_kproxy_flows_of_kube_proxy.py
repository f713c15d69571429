"""The flow table through a real kube-proxy's rules: what `walk` says of each row is what kube-proxy does.

KUBE_PROXY=path says where it is. Rows that differ are named below, with why.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import pytest

from kproxy.node import LocalBridge, LocalCIDR, LocalPrefix, NodeRules
from kproxy.walk import is_local_address, walk
from kube.objects import to_dict
from linux import netns, process
from tests.bench.object_server import CIDRS, NODES, SERVICES, SLICES, ObjectServer
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import (
    ALT,
    ME,
    NODE,
    Flow,
    Setup,
    intake_of,
    node_of,
    packet_of,
    services_of,
    six,
    slices_of,
)
from tests.lab.packet_range import PacketRange, Seen, listening, packet_range

KUBE_PROXY = os.environ.get("KUBE_PROXY", "")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not KUBE_PROXY,
        reason="FLOWS ARE NOT COMPARED WITH KUBE-PROXY: set KUBE_PROXY=path of a kube-proxy v1.36",
    ),
]
_TRIES = 60
_PATIENCE_S = 30.0
_SETTLING_TRIES, _SETTLING_S = 4, 0.5
_METRICS = "http://127.0.0.1:10249/metrics"
_PENDING = re.compile(r"^kubeproxy_sync_proxy_rules_\w+_changes_pending (\d+)$", re.MULTILINE)
_LAST = re.compile(
    r"^kubeproxy_sync_proxy_rules_last_timestamp_seconds\{ip_family=\"IPv\d\"\} (\S+)$", re.MULTILINE
)


class Difference(NamedTuple):
    """What came out, and what `walk` says."""

    text: str
    family: int
    seen: object
    expected: object


_SAME_ADDRESS = {
    "of two services with one external address the first by name has it": "kube-proxy: whichever it meets first",
}
KNOWN: dict[str, dict[str, str]] = {
    "nftables": _SAME_ADDRESS,
    "iptables": {
        **_SAME_ADDRESS,
        "the node is rejected": "kube-proxy sends the node's own out into the world; nobody would answer",
        "a remote pod that is an endpoint is no hairpin of this node": "kube-proxy masks it all the same",
    },
}
"""By mode: the text of a row, and what kube-proxy does otherwise."""


@pytest.fixture(scope="module")
def ground() -> Iterator[PacketRange]:
    addresses = (NODE, ALT, six(NODE), six(ALT))
    with packet_range(addresses, ("10.180.0.0/24", six("10.180.0.0/24"))) as made:
        made.know({at(f"10.180.0.{i}") for i in range(1, 6) for at in (str, six)})
        made.filter_bridged(on=True)
        yield made


def _key(setup: Setup) -> str:
    """What kube-proxy is configured with: rows with the same share one process."""
    return repr(
        (setup.detector, setup.masquerade_all, setup.node_ports, setup.zone, setup.external_ips_allowed)
    )


def _config(setup: Setup, mode: str, url: str, folder: Path) -> Path:
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
        "current-context": "c",
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    ports = [f"{ip}/32" for ip in setup.node_ports or ()] + [
        f"{six(ip)}/128" for ip in setup.node_ports or ()
    ]
    if setup.node_ports == ():
        ports = ["192.0.2.0/24", "2001:db8::/32"]  # none of this node's
    found: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "hostnameOverride": ME,
        "clientConnection": {"kubeconfig": str(folder / "kubeconfig")},
        "nodePortAddresses": ["0.0.0.0/0", "::/0"] if setup.node_ports is None else ports,
        "featureGates": {"AllowServiceExternalIPs": setup.external_ips_allowed},
        "nftables": {"masqueradeAll": setup.masquerade_all, "minSyncPeriod": "1ms"},
        "iptables": {"masqueradeAll": setup.masquerade_all, "minSyncPeriod": "1ms"},
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    match setup.detector:
        case LocalCIDR(cidr):
            found["clusterCIDR"] = f"{cidr},{six(cidr)}"
        case LocalBridge(name):
            found |= {"detectLocalMode": "BridgeInterface", "detectLocal": {"bridgeInterface": name}}
        case LocalPrefix(prefix):
            found |= {
                "detectLocalMode": "InterfaceNamePrefix",
                "detectLocal": {"interfaceNamePrefix": prefix},
            }
    path = folder / "config.json"
    path.write_text(json.dumps(found))
    return path


def _node_document(setup: Setup) -> dict[str, Any]:
    addresses = [{"type": "InternalIP", "address": ip} for ip in (NODE, six(NODE))]
    labels = {"topology.kubernetes.io/zone": setup.zone} if setup.zone else {}
    return {
        "metadata": {"name": ME, "resourceVersion": "1", "labels": labels},
        "status": {"addresses": addresses},
    }


@contextmanager
def _kube_proxy(config: Path) -> Iterator[None]:
    log = config.with_name("kube-proxy.log")
    with log.open("ab") as output:
        running = process.spawn([KUBE_PROXY, f"--config={config}", "-v=2"], stdout=output, stderr=output)
    try:
        yield
        assert running.poll() is None, log.read_text()[-2000:]
    except BaseException:
        print(log.read_text()[-3000:])
        raise
    finally:
        running.kill()
        running.wait()


async def _synced(since: float) -> None:
    """Nothing is pending, and both families were synced after that time."""

    def ask() -> bool:
        try:
            with urlopen(_METRICS, timeout=5) as reply:
                text = reply.read().decode()
        except (URLError, OSError):
            return False
        last = [float(found) for found in _LAST.findall(text)]
        return set(_PENDING.findall(text)) == {"0"} and len(last) == 2 and min(last) > since

    async with asyncio.timeout(_PATIENCE_S):
        while not await asyncio.to_thread(ask):  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.02)


def _serve(api: ObjectServer, setup: Setup) -> None:
    """These services and no others."""
    for path in (SLICES, SERVICES):
        for name in api.names(path):
            api.remove(path, name)
    for family in (4, 6):
        for service in services_of(setup, family):
            api.put(SERVICES, f"{service.metadata.name}-{family}", _numbered(api, service, family))
        for item in slices_of(setup, family):
            api.put(SLICES, f"{item.metadata.name}-{family}", _numbered(api, item, family))


def _numbered(api: ObjectServer, obj: Any, family: int) -> dict[str, Any]:
    """Each family has services of its own, told apart by name; defaults are filled in as a server does it."""
    document = to_dict(obj)
    metadata = document["metadata"]
    labels = {key: f"{value}-{family}" for key, value in metadata.get("labels", {}).items()}
    number = str(api.next_revision())
    document["metadata"] = {**metadata, "name": f"{metadata['name']}-{family}", "labels": labels} | {
        "resourceVersion": number,
        "uid": number,
    }
    spec = document.get("spec", {})
    if is_service := "spec" in document:
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports", ()) if is_service else document.get("ports", ()):
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")
    return document


def _rules(flow: Flow, family: int, mode: str) -> NodeRules:
    node = node_of(flow.setup, family)
    if mode == "nftables":
        return node
    return msgspec.structs.replace(
        node,
        checks_cluster_ips=False,
        filters_first=False,
        localhost_node_ports=family == 4 and flow.setup.node_ports is None,
    )


def _compare(flow: Flow, family: int, mode: str, ground: PacketRange) -> Difference | None:
    node, packet = _rules(flow, family, mode), packet_of(flow, family)
    outcome = walk(intake_of(flow.setup, family).tables[family], node, packet)
    expected = {str(t): t.masquerade for t in outcome.targets}

    def once() -> list[Seen]:
        ends = (packet.source, packet.destination, packet.protocol, packet.port)
        return (
            ground.send(packet.in_interface, *ends) if packet.in_interface else ground.send_from_node(*ends)
        )

    if outcome.verdict == "forward":
        seen: dict[str, bool] = {}
        for _ in range(_TRIES):
            for frame in once():
                ip, port = frame.destination, frame.port
                target = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
                target = target if frame.kind == "forward" else frame.kind
                seen[target] = frame.source != packet.source or (
                    not packet.in_interface and expected.get(target, False)
                )
            if seen.keys() >= expected.keys() or not seen:
                break
        sticky = any(svc.affinity_s for svc in flow.setup.services) and seen.items() <= expected.items()
        return (
            None if seen == expected or (seen and sticky) else Difference(flow.text, family, seen, expected)
        )
    if outcome.verdict == "pass" and is_local_address(node, packet.destination):
        with listening(ground.node, flow.protocol, packet.destination, packet.port):
            return _verdict(flow, family, once(), outcome.verdict, packet.destination)
    return _verdict(flow, family, once(), outcome.verdict, packet.destination)


async def _settled(flow: Flow, family: int, mode: str, ground: PacketRange) -> Difference | None:
    """kube-proxy may need more than one sync for what was changed together: asked again before it counts."""
    difference = None
    for _ in range(_SETTLING_TRIES):
        difference = await asyncio.to_thread(_compare, flow, family, mode, ground)
        if difference is None:
            return None
        await asyncio.sleep(_SETTLING_S)
    return difference


def _verdict(
    flow: Flow, family: int, frames: list[Seen], verdict: str, destination: str
) -> Difference | None:
    kinds = [frame.kind for frame in frames]
    match verdict:
        case "reject":
            good = kinds == ["reject"]
        case "drop":
            good = not kinds
        case _:
            went_on = [frame.destination for frame in frames] == [destination]
            good = kinds == ["answer"] or went_on or (not kinds and flow.protocol == "UDP")
    return None if good else Difference(flow.text, family, kinds, verdict)


@pytest.mark.parametrize("mode", ["nftables", "iptables"])
def test_kube_proxy_does_what_the_flow_table_says(mode: str, ground: PacketRange, tmp_path: Path) -> None:
    rows = [
        flow
        for flow in ROWS
        if not flow.setup.bridged  # kube-proxy leaves pods behind such a bridge without an answer
        and not (flow.protocol == "SCTP" and flow.source in (NODE, ALT))  # no SCTP sockets here
    ]
    found: list[Difference] = []

    async def one_process(flows: list[Flow]) -> None:
        api = ObjectServer()
        api.put(NODES, ME, _node_document(flows[0].setup))
        ranges = {
            "metadata": {"name": "k", "resourceVersion": "1"},
            "spec": {"cidrs": ["172.30.0.0/16", six("172.30.0.0/16")]},
        }
        api.put(CIDRS, "k", ranges)
        url = await api.start()
        try:
            with _kube_proxy(_config(flows[0].setup, mode, url, tmp_path)):
                await _synced(0)
                for _, same in groupby(
                    sorted(flows, key=lambda flow: repr(flow.setup)), key=lambda flow: repr(flow.setup)
                ):
                    together = list(same)
                    _serve(api, together[0].setup)
                    await _synced(time.time())
                    for flow in together:
                        for family in (4, 6):
                            difference = await _settled(flow, family, mode, ground)
                            found.extend([difference] if difference else [])
        finally:
            await api.close()

    def all_processes() -> None:
        for _, flows in groupby(
            sorted(rows, key=lambda flow: _key(flow.setup)), key=lambda flow: _key(flow.setup)
        ):
            asyncio.run(one_process(list(flows)))

    netns.run_in(ground.node, all_processes)
    netns.run_in(ground.node, lambda: process.run([KUBE_PROXY, "--cleanup"], check=False))
    unknown = [difference for difference in found if difference.text not in KNOWN[mode]]
    assert [tuple(difference) for difference in unknown] == []
