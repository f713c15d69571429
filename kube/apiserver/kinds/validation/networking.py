"""Rules of Ingress, IngressClass, NetworkPolicy, ServiceCIDR and IPAddress."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.names import (
    cidr_errors,
    ip_errors,
    label_errors,
    port_name_errors,
    subdomain_errors,
    wildcard_errors,
)
from kube.apiserver.kinds.validation.containers import PROTOCOLS
from kube.apiserver.kinds.validation.rules import (
    Errors,
    each,
    immutable,
    label_selector,
    needed,
    one_of,
    port_number,
)
from kube.apiserver.status import forbidden_value, invalid_value, required

Object = dict[str, Any]

PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_FORBIDDEN_IN_PATH = ("//", "/./", "/../", "%2f", "%2F")
_FORBIDDEN_AT_END = ("/..", "/.")


def ingress(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        errors.append(invalid_value("spec", spec.get("rules") or [], detail))
    if spec.get("defaultBackend") is not None:
        _backend(errors, "spec.defaultBackend", spec["defaultBackend"])
    for index, rule in enumerate(spec.get("rules") or ()):
        _rule(errors, f"spec.rules[{index}]", rule)
    for index, item in enumerate(spec.get("tls") or ()):
        for number, host in enumerate(item.get("hosts") or ()):
            each(errors, f"spec.tls[{index}].hosts[{number}]", host, _host_errors(host))
    name = spec.get("ingressClassName")
    if name is not None:
        each(errors, "spec.ingressClassName", name, subdomain_errors(name))


def _host_errors(host: str) -> list[str]:
    return wildcard_errors(host) if "*" in host else subdomain_errors(host)


def _rule(errors: Errors, where: str, rule: Object) -> None:
    host = rule.get("host")
    if host:
        if not ip_errors(host):
            errors.append(invalid_value(f"{where}.host", host, "must be a DNS name, not an IP address"))
        else:
            each(errors, f"{where}.host", host, _host_errors(host))
    http = rule.get("http")
    if http is None:
        return
    if not http.get("paths"):
        errors.append(required(f"{where}.http.paths"))
    for index, path in enumerate(http.get("paths") or ()):
        _path(errors, f"{where}.http.paths[{index}]", path)


def _path(errors: Errors, where: str, item: Object) -> None:
    kind, path = item.get("pathType"), item.get("path") or ""
    if kind is None:
        errors.append(required(f"{where}.pathType", "pathType must be specified"))
    elif kind in ("Exact", "Prefix"):
        if not path.startswith("/"):
            errors.append(invalid_value(f"{where}.path", path, "must be an absolute path"))
        for part in _FORBIDDEN_IN_PATH:
            if part in path:
                errors.append(invalid_value(f"{where}.path", path, f"must not contain '{part}'"))
        for part in _FORBIDDEN_AT_END:
            if path.endswith(part):
                errors.append(invalid_value(f"{where}.path", path, f"cannot end with '{part}'"))
    elif kind == "ImplementationSpecific":
        if path and not path.startswith("/"):
            errors.append(invalid_value(f"{where}.path", path, "must be an absolute path"))
    else:
        one_of(errors, f"{where}.pathType", kind, PATH_TYPES)
    _backend(errors, f"{where}.backend", item.get("backend") or {})


def _backend(errors: Errors, where: str, backend: Object) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if resource is not None:
        if service is not None:
            detail = "cannot set both resource and service backends"
            errors.append(invalid_value(where, "", detail))
        for name in ("kind", "name"):
            needed(errors, f"{where}.resource.{name}", resource.get(name))
        return
    if service is None:
        errors.append(required(where, "resource or service backend is required"))
        return
    name = service.get("name") or ""
    if needed(errors, f"{where}.service.name", name):
        each(errors, f"{where}.service.name", name, label_errors(name))
    port = service.get("port") or {}
    named, number = port.get("name"), port.get("number")
    if named and number:
        errors.append(invalid_value(where, "", "cannot set both port name & port number"))
    elif named:
        each(errors, f"{where}.service.port.name", named, port_name_errors(named))
    elif number:
        port_number(errors, f"{where}.service.port.number", number)
    else:
        errors.append(required(where, "port name or number is required"))


def ingress_class(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    controller = spec.get("controller")
    if needed(errors, "spec.controller", controller):
        host, _, path = str(controller).partition("/")
        if not host or not path:
            detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
            errors.append(invalid_value("spec.controller", controller, detail))
        else:
            each(errors, "spec.controller", host, subdomain_errors(host))
    parameters = spec.get("parameters")
    if parameters is None:
        return
    for name in ("kind", "name"):
        needed(errors, f"spec.parameters.{name}", parameters.get(name))
    scope = parameters.get("scope")
    one_of(errors, "spec.parameters.scope", scope, ("Cluster", "Namespace"))
    if scope == "Namespace" and not parameters.get("namespace"):
        detail = "`parameters.scope` is set to 'Namespace'"
        errors.append(required("spec.parameters.namespace", detail))
    elif scope == "Cluster" and parameters.get("namespace"):
        detail = "`parameters.scope` is set to 'Cluster'"
        errors.append(forbidden_value("spec.parameters.namespace", detail))


def ingress_class_update(new: Object, old: Object, errors: Errors) -> None:
    controller = (new.get("spec") or {}).get("controller")
    immutable(errors, "spec.controller", controller, (old.get("spec") or {}).get("controller"))


def network_policy(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    label_selector(errors, "spec.podSelector", spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            here = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports") or ()):
                _policy_port(errors, f"{here}.ports[{number}]", port)
            for number, peer in enumerate(rule.get(peers) or ()):
                _peer(errors, f"{here}.{peers}[{number}]", peer)
    types = spec.get("policyTypes") or ()
    if len(types) > 2:
        errors.append(
            invalid_value("spec.policyTypes", list(types), "may not specify more than two policyTypes")
        )
    for index, kind in enumerate(types):
        one_of(errors, f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))


def _policy_port(errors: Errors, where: str, port: Object) -> None:
    one_of(errors, f"{where}.protocol", port.get("protocol"), PROTOCOLS)
    number = port.get("port")
    if isinstance(number, str):
        each(errors, f"{where}.port", number, port_name_errors(number))
    elif number is not None:
        port_number(errors, f"{where}.port", number)
    end = port.get("endPort")
    if end is None:
        return
    if not isinstance(number, int):
        errors.append(
            invalid_value(
                f"{where}.endPort",
                end,
                "may not be specified when `port` is not specified"
                if number is None
                else "may not be specified when `port` is non-numeric",
            )
        )
    elif end < number:
        errors.append(invalid_value(f"{where}.endPort", end, "must be greater than or equal to `port`"))


def _peer(errors: Errors, where: str, peer: Object) -> None:
    for name in ("podSelector", "namespaceSelector"):
        label_selector(errors, f"{where}.{name}", peer.get(name))
    block = peer.get("ipBlock")
    if block is None:
        if not peer:
            errors.append(required(where, "must specify a peer"))
        return
    if len(peer) > 1:
        detail = "may not specify both ipBlock and another peer"
        errors.append(forbidden_value(where, detail))
    cidr = block.get("cidr") or ""
    if not needed(errors, f"{where}.ipBlock.cidr", cidr):
        return
    sentences = cidr_errors(cidr)
    each(errors, f"{where}.ipBlock.cidr", cidr, sentences)
    for index, inner in enumerate(block.get("except") or ()):
        field = f"{where}.ipBlock.except[{index}]"
        if cidr_errors(inner):
            each(errors, field, inner, cidr_errors(inner))
        elif not sentences and not _strictly_within(inner, cidr):
            errors.append(invalid_value(field, inner, f"must be a strict subset of `cidr`: {cidr}"))


def _strictly_within(inner: str, outer: str) -> bool:
    small, large = ipaddress.ip_network(inner, strict=False), ipaddress.ip_network(outer, strict=False)
    if small.version != large.version or small.prefixlen <= large.prefixlen:
        return False
    return int(small.network_address) >> (small.max_prefixlen - large.prefixlen) == int(
        large.network_address
    ) >> (large.max_prefixlen - large.prefixlen)


def service_cidr(obj: Object, errors: Errors) -> None:
    cidrs: Sequence[str] = (obj.get("spec") or {}).get("cidrs") or ()
    if not cidrs:
        errors.append(required("spec.cidrs", "at least one CIDR required"))
    elif len(cidrs) > 2:
        detail = "may only hold up to 2 values"
        errors.append(invalid_value("spec.cidrs", list(cidrs), detail))
    families = []
    for index, cidr in enumerate(cidrs):
        sentences = cidr_errors(cidr)
        each(errors, f"spec.cidrs[{index}]", cidr, sentences)
        if sentences:
            continue
        network = ipaddress.ip_network(cidr, strict=False)
        families.append(network.version)
        if str(network) != cidr:
            detail = f"must be in canonical form ({str(network)!r})".replace("'", '"')
            errors.append(invalid_value(f"spec.cidrs[{index}]", cidr, detail))
    if len(families) == 2 and families[0] == families[1]:
        detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"
        errors.append(invalid_value("spec.cidrs", list(cidrs), detail))


def service_cidr_update(new: Object, old: Object, errors: Errors) -> None:
    cidrs, before = (new.get("spec") or {}).get("cidrs"), (old.get("spec") or {}).get("cidrs")
    immutable(errors, "spec.cidrs", cidrs, before)


def ip_address(obj: Object, errors: Errors) -> None:
    name = (obj.get("metadata") or {}).get("name") or ""
    if name and not ip_errors(name) and str(ipaddress.ip_address(name)) != name:
        detail = "must be a canonical format IP address"
        errors.append(invalid_value("metadata.name", name, detail))
    parent = (obj.get("spec") or {}).get("parentRef")
    if parent is None:
        errors.append(required("spec.parentRef"))
        return
    for field in ("resource", "name"):
        needed(errors, f"spec.parentRef.{field}", parent.get(field))


def ip_address_update(new: Object, old: Object, errors: Errors) -> None:
    parent = (new.get("spec") or {}).get("parentRef")
    immutable(errors, "spec.parentRef", parent, (old.get("spec") or {}).get("parentRef"))
