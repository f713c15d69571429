"""Why a cluster name has no answer, in words (RFC 8914 extra text; `kdns query --explain`)."""

from __future__ import annotations

from dns.cluster.hits import ZoneOptions, namespace_exposed
from dns.cluster.lookup import Question
from dns.cluster.names import ClusterName, parse_name
from dns.cluster.zone import ClusterZone, ServiceEntry
from dns.wire import numbers


def reason(cluster: ClusterZone, options: ZoneOptions, question: Question) -> str:
    """One line for the operator; about a name that had no answer."""
    lower = question.name.lower()
    zone = question.zone.lower()
    multicluster = zone in options.multicluster_zones
    name = (
        parse_name(lower, zone, multicluster=multicluster, zonal=options.zonal) if "\\" not in lower else None
    )
    kind = numbers.type_name(question.kind)
    if lower.endswith(".arpa."):
        return "no Service and no ready endpoint has this address"
    if name is None:
        return f"no name of this form exists: SERVICE.NAMESPACE.svc.{zone} does"
    if not name.branch:
        return f"{question.name} has no {kind} record"
    if name.namespace not in cluster.namespaces:
        return f"namespace {name.namespace} does not exist"
    if not namespace_exposed(cluster, options, name.namespace):
        return f"namespace {name.namespace} is not exposed by this server"
    if not name.service:
        return f"a namespace has no {kind} record"
    if name.branch == "pod":
        return _pod(options, name)
    entry = (cluster.imports if multicluster else cluster.entries).get((name.namespace, name.service))
    return _service(cluster, options, name, entry, kind)


def _pod(options: ZoneOptions, name: ClusterName) -> str:
    if options.pods == "disabled":
        return "pod names are not served: the Corefile has pods disabled"
    if options.pods == "verified":
        return f"no pod in namespace {name.namespace} has the address {name.service}"
    return f"{name.service} is no address with dashes"


def _service(
    cluster: ClusterZone, options: ZoneOptions, name: ClusterName, entry: ServiceEntry | None, kind: str
) -> str:
    where = f"service {name.namespace}/{name.service}"
    if entry is None or entry.service is None:
        elsewhere = [one for one in cluster.namespaces_of(name.service) if one != name.namespace]
        if elsewhere:
            places = ", ".join(sorted(elsewhere)[:3])
            return f"{where} does not exist; {name.service} exists in {places}"
        return f"{where} does not exist"
    service = entry.service
    if service.external_name:
        return f"{where} is an alias of {service.external_name} and has no {kind} record here"
    waiting = f" ({entry.not_ready_count} not ready)" if entry.not_ready_count else ""
    if not entry.has_endpoints and (service.headless or name.endpoint or options.ignore_empty_service):
        return f"{where} has no ready endpoints{waiting}"
    if name.port or name.protocol:
        ports = ", ".join(f"_{port.name}._{port.protocol}" for port in service.ports if port.name)
        return f"{where} has no port {name.port}/{name.protocol}; named ports: {ports or 'none'}"
    if name.endpoint:
        return f"{where} has no ready endpoint called {name.endpoint}{waiting}"
    if kind in {"A", "AAAA"} and (service.addresses or entry.has_endpoints):
        return f"{where} has no {'IPv4' if kind == 'A' else 'IPv6'} address"
    return f"{where} has no {kind} record"
