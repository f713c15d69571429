"""Rules of Services. Addresses and node ports that the server gives are ServiceAllocator's business."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.names import (
    cidr_errors,
    ip_errors,
    label_errors,
    label_key_errors,
    port_name_errors,
    subdomain_errors,
)
from kube.apiserver.kinds.services.families import check_cluster_ips
from kube.apiserver.kinds.services.needs import (
    HEADLESS,
    needs_cluster_ip,
    needs_external_policy,
    needs_health_check_port,
)
from kube.apiserver.kinds.validation.containers import PROTOCOLS
from kube.apiserver.kinds.validation.rules import Errors, each, label_map, needed, one_of, port_number
from kube.apiserver.status import duplicate, forbidden_value, invalid_value, required

Object = dict[str, Any]

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
MAX_AFFINITY_S = 86_400


def service(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    kind = spec.get("type")
    if needed(errors, "spec.type", kind):
        one_of(errors, "spec.type", kind, TYPES)
    headless = spec.get("clusterIP") == HEADLESS
    if not spec.get("ports") and not headless and kind != "ExternalName":
        errors.append(required("spec.ports"))
    _ports(errors, spec.get("ports") or (), kind)
    if kind in ("LoadBalancer", "NodePort") and headless:
        detail = f"may not be set to 'None' for {kind} services"
        errors.append(invalid_value("spec.clusterIPs[0]", HEADLESS, detail))
    if kind == "ExternalName":
        _external_name(errors, spec)
    elif spec.get("clusterIPs") or spec.get("ipFamilies"):
        errors.extend(check_cluster_ips(spec))
    _affinity(errors, spec)
    label_map(errors, "spec.selector", spec.get("selector"))
    for index, address in enumerate(spec.get("externalIPs") or ()):
        sentences = ip_errors(address) or special_address_errors(address)
        each(errors, f"spec.externalIPs[{index}]", address, sentences)
    _load_balancer(errors, spec)
    _traffic_policies(errors, spec)


def _ports(errors: Errors, ports: Sequence[Object], kind: Any) -> None:
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    node_ports: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        here = f"spec.ports[{index}]"
        name = port.get("name")
        if name:
            each(errors, f"{here}.name", name, label_errors(name))
            if name in names:
                errors.append(duplicate(f"{here}.name", name))
            names.add(name)
        elif len(ports) > 1:
            errors.append(required(f"{here}.name"))
        port_number(errors, f"{here}.port", port.get("port", 0))
        if needed(errors, f"{here}.protocol", port.get("protocol")):
            one_of(errors, f"{here}.protocol", port["protocol"], PROTOCOLS)
        _target_port(errors, f"{here}.targetPort", port.get("targetPort"))
        if port.get("appProtocol"):
            sentences = label_key_errors(port["appProtocol"])
            each(errors, f"{here}.appProtocol", port["appProtocol"], sentences)
        key = (port.get("protocol"), port.get("port"))
        if key in numbers:
            value = {"protocol": port.get("protocol"), "port": port.get("port"), "targetPort": 0}
            errors.append(duplicate(here, value))
        numbers.add(key)
        node_port = port.get("nodePort")
        if node_port:
            if kind in ("ClusterIP", "ExternalName"):
                detail = f"may not be used when `type` is '{kind}'"
                errors.append(forbidden_value(f"{here}.nodePort", detail))
            elif (port.get("protocol"), node_port) in node_ports:
                errors.append(duplicate(f"{here}.nodePort", node_port))
            node_ports.add((port.get("protocol"), node_port))


def _target_port(errors: Errors, field: str, port: Any) -> None:
    if isinstance(port, str):
        each(errors, field, port, port_name_errors(port))
    else:
        port_number(errors, field, 0 if port is None else port)


def _external_name(errors: Errors, spec: Object) -> None:
    for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            detail = "may not be set for ExternalName services"
            errors.append(invalid_value(f"spec.{name}", spec[name], detail))
    name = spec.get("externalName") or ""
    if not name:
        errors.append(required("spec.externalName"))
    else:
        sentences = subdomain_errors(name.removesuffix("."))
        each(errors, "spec.externalName", name.removesuffix("."), sentences)


def _affinity(errors: Errors, spec: Object) -> None:
    kind = spec.get("sessionAffinity")
    if needed(errors, "spec.sessionAffinity", kind):
        one_of(errors, "spec.sessionAffinity", kind, ("ClientIP", "None"))
    config = spec.get("sessionAffinityConfig")
    if kind == "ClientIP":
        seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
        if seconds is None or not 0 < seconds <= MAX_AFFINITY_S:
            field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
            detail = f"must be greater than 0 and less than {MAX_AFFINITY_S}"
            errors.append(invalid_value(field, seconds, detail))
    elif kind == "None" and config:
        detail = "must not be set when session affinity is None"
        errors.append(forbidden_value("spec.sessionAffinityConfig", detail))


def special_address_errors(address: str) -> list[str]:
    """Addresses that name no host of their own may not stand for a Service or an endpoint."""
    number = ipaddress.ip_address(address)
    if number.is_unspecified:
        return [f"may not be unspecified ({address})"]
    if number.is_loopback:
        return ["may not be in the loopback range (127.0.0.0/8, ::1/128)"]
    if number.is_link_local:
        return ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]
    if number.is_multicast and (int(number) >> 8 == 0xE00000 or str(number).startswith("ff02")):
        return ["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"]
    return []


def _load_balancer(errors: Errors, spec: Object) -> None:
    balanced = spec.get("type") == "LoadBalancer"
    for index, cidr in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        each(errors, f"spec.LoadBalancerSourceRanges[{index}]", cidr, cidr_errors(cidr.strip()))
    for name in ("loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"):
        if not balanced and name in spec:
            detail = "may only be used when `type` is 'LoadBalancer'"
            errors.append(forbidden_value(f"spec.{name}", detail))
    if balanced and spec.get("allocateLoadBalancerNodePorts") is None:
        errors.append(required("spec.allocateLoadBalancerNodePorts"))
    if balanced and "loadBalancerClass" in spec:
        sentences = label_key_errors(spec["loadBalancerClass"])
        each(errors, "spec.loadBalancerClass", spec["loadBalancerClass"], sentences)


def _traffic_policies(errors: Errors, spec: Object) -> None:
    external = spec.get("externalTrafficPolicy")
    field = "spec.externalTrafficPolicy"
    if not needs_external_policy(spec):
        if external:
            detail = "may only be set for externally-accessible services"
            errors.append(invalid_value(field, external, detail))
    elif needed(errors, field, external):
        one_of(errors, field, external, ("Cluster", "Local"))
    health = spec.get("healthCheckNodePort")
    if health and not needs_health_check_port(spec):
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(invalid_value("spec.healthCheckNodePort", health, detail))
    internal = spec.get("internalTrafficPolicy")
    if internal is not None:
        one_of(errors, "spec.internalTrafficPolicy", internal, ("Cluster", "Local"))
    elif needs_cluster_ip(spec):
        errors.append(required("spec.internalTrafficPolicy"))
    one_of(errors, "spec.trafficDistribution", spec.get("trafficDistribution"), DISTRIBUTIONS)


def service_update(new: Object, old: Object, errors: Errors) -> None:
    """The primary address stays while the type needs one; so does the class of a load balancer."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if needs_cluster_ip(spec) and needs_cluster_ip(before):
        _kept(errors, spec, before, "clusterIPs")
        _kept(errors, spec, before, "ipFamilies")
    balanced = spec.get("type") == before.get("type") == "LoadBalancer"
    if balanced and spec.get("loadBalancerClass") != before.get("loadBalancerClass"):
        errors.append(
            invalid_value("spec.loadBalancerClass", spec.get("loadBalancerClass"), "may not change once set")
        )


def _kept(errors: Errors, spec: Object, before: Object, name: str) -> None:
    old, new = before.get(name) or [], spec.get(name) or []
    if not old or not new:
        return
    if new[0] != old[0]:
        errors.append(invalid_value(f"spec.{name}[0]", new, "may not change once set"))
    elif len(old) > 1 and len(new) > 1 and old[1] != new[1]:
        errors.append(invalid_value(f"spec.{name}[1]", new, "may not change once set"))
