"""Rows of Services and what stands behind and before them."""

from typing import Any

from kube.apiserver.kinds.table.format import (
    NONE,
    UNSET,
    age,
    first_few,
    labels,
    load_balancer,
    name_of,
    selector,
)

Object = dict[str, Any]


def service(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    addresses = spec.get("clusterIPs") or ()
    return [
        name_of(obj),
        spec.get("type", ""),
        (addresses[0] if addresses else spec.get("clusterIP")) or NONE,
        _external(obj, spec),
        ",".join(_port(port) for port in spec.get("ports") or ()) or NONE,
        age(obj, now),
        labels(spec.get("selector")),
    ]


def _external(obj: Object, spec: Object) -> str:
    external = ",".join(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "LoadBalancer":
            balanced = load_balancer(obj.get("status"))
            return ",".join(text for text in (balanced, external) if text) or "<pending>"
        case _:
            return external or NONE


def _port(port: Object) -> str:
    protocol = port.get("protocol", "TCP")
    if port.get("nodePort"):
        return f"{port.get('port')}:{port['nodePort']}/{protocol}"
    return f"{port.get('port')}/{protocol}"


def endpoints(obj: Object, now: float) -> list[Any]:
    listed: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [address.get("ip", "") for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if not ports:
            listed.extend(addresses)
        for port in ports:
            listed.extend(_host_port(address, port.get("port")) for address in addresses)
    return [name_of(obj), first_few(listed, len(listed)) or NONE, age(obj, now)]


def _host_port(address: str, port: Any) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def endpoint_slice(obj: Object, now: float) -> list[Any]:
    ports = ["*" if port.get("port") is None else str(port["port"]) for port in obj.get("ports") or ()]
    addresses = [
        address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()
    ]
    return [
        name_of(obj),
        obj.get("addressType", ""),
        first_few(ports, len(ports)) or UNSET,
        first_few(addresses, len(addresses)) or UNSET,
        age(obj, now),
    ]


def service_cidr(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), ",".join((obj.get("spec") or {}).get("cidrs") or ()), age(obj, now)]


def ip_address(obj: Object, now: float) -> list[Any]:
    parent = (obj.get("spec") or {}).get("parentRef")
    if not parent:
        return [name_of(obj), NONE]
    resource = parent.get("resource", "")
    if parent.get("group"):
        resource = f"{resource}.{parent['group']}"
    parts = (resource.lower(), parent.get("namespace"), parent.get("name"))
    return [name_of(obj), "/".join(part for part in parts if part)]


def ingress(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        name_of(obj),
        spec.get("ingressClassName") or NONE,
        first_few(hosts, len(hosts)) or "*",
        load_balancer(obj.get("status")),
        "80, 443" if spec.get("tls") else "80",
        age(obj, now),
    ]


def ingress_class(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    parameters = spec.get("parameters")
    shown = NONE
    if parameters:
        shown = parameters.get("kind", "")
        if parameters.get("apiGroup"):
            shown = f"{shown}.{parameters['apiGroup']}"
        shown = f"{shown}/{parameters.get('name', '')}"
    return [name_of(obj), spec.get("controller", ""), shown, age(obj, now)]


def network_policy(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), selector((obj.get("spec") or {}).get("podSelector")), age(obj, now)]
