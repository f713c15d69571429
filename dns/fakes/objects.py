"""API objects as JSON-shaped dicts, with only what DNS looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def namespace(name: str, labels: dict[str, str] | None = None) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}


def service(
    name: str,
    ips: Sequence[str] = (),
    ports: Sequence[tuple[str, str, int]] = (("http", "TCP", 80),),
    *,
    ns: str = "testns",
    external_name: str = "",
    kind: str = "ClusterIP",
    labels: dict[str, str] | None = None,
) -> Json:
    """A Service; no ips means headless, external_name an ExternalName."""
    spec: Json = {
        "type": "ExternalName" if external_name else kind,
        "ports": [
            {"name": n, "protocol": p, "port": number} if n else {"protocol": p, "port": number}
            for n, p, number in ports
        ],
    }
    if external_name:
        spec["externalName"] = external_name
    else:
        spec["clusterIP"] = ips[0] if ips else "None"
        spec["clusterIPs"] = list(ips) or ["None"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": ns, "labels": labels or {}},
        "spec": spec,
    }


def endpoint(
    *addresses: str,
    hostname: str = "",
    ready: bool | None = True,
    pod: str = "",
    zone: str = "",
    node: str = "",
) -> Json:
    found: Json = {"addresses": list(addresses), "conditions": {} if ready is None else {"ready": ready}}
    if hostname:
        found["hostname"] = hostname
    if pod:
        found["targetRef"] = {"kind": "Pod", "name": pod}
    if zone:
        found["zone"] = zone
    if node:
        found["nodeName"] = node
    return found


def endpoint_slice(
    service_name: str,
    *endpoints: Json,
    ports: Sequence[tuple[str, str, int]] | None = (("http", "TCP", 80),),
    ns: str = "testns",
    name: str = "",
    family: str = "IPv4",
    labels: dict[str, str] | None = None,
) -> Json:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name or f"{service_name}-slice1",
            "namespace": ns,
            "labels": labels if labels is not None else {"kubernetes.io/service-name": service_name},
        },
        "addressType": family,
        "endpoints": list(endpoints),
        "ports": [{"name": n, "protocol": p, "port": number} for n, p, number in ports or ()],
    }


def pod(name: str, ip: str, *, ns: str = "testns", phase: str = "Running") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": ns},
        "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]},
    }


def example_cluster() -> list[Json]:
    """One of each kind of name that the DNS specification knows, in both families."""
    return [
        namespace("testns"),
        namespace("empty"),
        namespace("kube-system"),
        service("svc1", ["10.0.0.100"], [("http", "TCP", 80)]),
        service("dual", ["10.0.0.101", "fd00:10::101"], [("http", "TCP", 80)]),
        service("six", ["fd00:10::102"], [("http", "TCP", 80)]),
        service("three", ["10.0.0.103"], [("http", "TCP", 80), ("dns", "UDP", 53), ("s", "SCTP", 9)]),
        service("unnamed", ["10.0.0.104"], [("", "TCP", 8080)]),
        service("portless", ["10.0.0.105"], []),
        service("quiet", ["10.0.0.106"]),
        service("hdls1"),
        service("hdls2"),
        service("hdls-empty"),
        service("hdls-portless", (), []),
        service("hdls6"),
        service("external", external_name="ext.example.org"),
        service("external-in", external_name="svc1.testns.svc.cluster.local"),
        service("external-gone", external_name="nothing.testns.svc.cluster.local"),
        service("external-self", external_name="external-self.testns.svc.cluster.local"),
        service("external-ip", external_name="10.1.2.3"),
        service("external-hdls", external_name="hdls1.testns.svc.cluster.local."),
        service("kube-dns", ["10.0.0.10"], [("dns", "UDP", 53), ("dns-tcp", "TCP", 53)], ns="kube-system"),
        endpoint_slice(
            "svc1", endpoint("172.0.1.2", pod="svc1-a"), endpoint("172.0.1.3", ready=None, hostname="named")
        ),
        endpoint_slice("dual", endpoint("172.0.1.4")),
        endpoint_slice("dual", endpoint("fd00:172::4"), name="dual-six", family="IPv6"),
        endpoint_slice("kube-dns", endpoint("172.0.9.9"), ns="kube-system", ports=[("dns", "UDP", 53)]),
        endpoint_slice(
            "hdls1",
            endpoint("172.0.0.2"),
            endpoint("172.0.0.3", hostname="dup-name"),
            endpoint("172.0.0.4", hostname="dup-name"),
            endpoint("172.0.0.5", hostname="pod-x", zone="zone-a"),
            endpoint("172.0.0.9", ready=False),
        ),
        endpoint_slice("hdls1", endpoint("172.0.0.20"), name="hdls1-slice2", ports=[("alt", "TCP", 81)]),
        endpoint_slice("hdls2", endpoint("172.0.0.3"), ports=[("http", "TCP", 80), ("dns", "UDP", 53)]),
        endpoint_slice(
            "hdls-empty", endpoint("172.0.0.30", ready=False), endpoint("172.0.0.31", ready=False)
        ),
        endpoint_slice("hdls-portless", endpoint("172.0.0.40"), ports=None),
        endpoint_slice("hdls6", endpoint("2001:db8::1"), endpoint("2001:db8::"), family="IPv6"),
        pod("p1", "172.0.0.2"),
        pod("p2", "172.0.5.5", phase="Succeeded"),
        pod("p3", "2001:db8::1"),
    ]
