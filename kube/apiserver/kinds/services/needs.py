"""What a Service needs by its type, and what an update leaves out and therefore keeps or drops."""

from typing import Any

Object = dict[str, Any]
Spec = dict[str, Any]

HEADLESS = "None"


def needs_cluster_ip(spec: Spec) -> bool:
    return spec.get("type", "ClusterIP") in ("ClusterIP", "NodePort", "LoadBalancer")


def may_have_node_ports(spec: Spec) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def needs_node_ports(spec: Spec) -> bool:
    """LoadBalancer Services may say that they do without."""
    kind = spec.get("type")
    return kind == "NodePort" or (
        kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    )


def needs_health_check_port(spec: Spec) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def needs_external_policy(spec: Spec) -> bool:
    return may_have_node_ports(spec) or bool(spec.get("externalIPs"))


def is_headless(spec: Spec) -> bool:
    return spec.get("clusterIP") == HEADLESS


def normalize_cluster_ips(spec: Spec, old: Spec | None) -> None:
    """ClusterIP and clusterIPs[0] are one field under two names: a change of one is carried to the other."""
    primary, listed = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if old is None:
        if primary and not listed:
            spec["clusterIPs"] = [primary]
        elif listed and not primary:
            spec["clusterIP"] = listed[0]
        return
    before, before_listed = old.get("clusterIP") or "", old.get("clusterIPs") or []
    if primary != before and listed == before_listed:
        if not primary:
            spec.pop("clusterIPs", None)
        else:
            spec["clusterIPs"] = [primary, *listed[1:]]
    elif listed != before_listed and primary == before:
        if not listed:
            spec.pop("clusterIP", None)
        else:
            spec["clusterIP"] = listed[0]


def keep_allocated(spec: Spec, old: Spec) -> None:
    """An update that leaves out what the server had given keeps it."""
    if needs_cluster_ip(old) and needs_cluster_ip(spec):
        if not spec.get("clusterIP") and old.get("clusterIP"):
            spec["clusterIP"] = old["clusterIP"]
        same = spec.get("clusterIP") == old.get("clusterIP")
        if same and not spec.get("clusterIPs") and old.get("clusterIPs"):
            spec["clusterIPs"] = list(old["clusterIPs"])
    if needs_node_ports(old) and needs_node_ports(spec):
        _keep_node_ports(spec, old)
    if needs_health_check_port(old) and needs_health_check_port(spec) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = old.get("healthCheckNodePort", 0)


def _keep_node_ports(spec: Spec, old: Spec) -> None:
    used = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    before = {port.get("name", ""): port.get("nodePort") for port in old.get("ports") or ()}
    for port in spec.get("ports") or ():
        kept = before.get(port.get("name", ""))
        if not port.get("nodePort") and kept and kept not in used:
            port["nodePort"] = kept
            used.add(kept)


def drop_unneeded(spec: Spec, old: Spec) -> None:
    """A change of type drops the fields of the old type that the client left as they were."""
    if needs_cluster_ip(old) and not needs_cluster_ip(spec):
        if spec.get("clusterIPs") == old.get("clusterIPs"):
            spec.pop("clusterIP", None)
        for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            _drop_if_same(spec, old, name)
        _drop_if_same(spec, old, "internalTrafficPolicy")
    if may_have_node_ports(old) and not may_have_node_ports(spec):
        before = [port.get("nodePort") for port in old.get("ports") or ()]
        if [port.get("nodePort") for port in spec.get("ports") or ()] == before:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
    if needs_health_check_port(old) and not needs_health_check_port(spec):
        _drop_if_same(spec, old, "healthCheckNodePort")
    if old.get("type") == "LoadBalancer" and spec.get("type") != "LoadBalancer":
        _drop_if_same(spec, old, "allocateLoadBalancerNodePorts")
        _drop_if_same(spec, old, "loadBalancerClass")
    if needs_external_policy(old) and not needs_external_policy(spec):
        _drop_if_same(spec, old, "externalTrafficPolicy")


def _drop_if_same(spec: Spec, old: Spec, name: str) -> None:
    if spec.get(name) == old.get(name):
        spec.pop(name, None)
