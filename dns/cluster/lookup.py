"""Questions about a cluster zone to records. Pure; what needs another zone comes back as `chase`."""

from __future__ import annotations

from functools import lru_cache
from sys import intern

import msgspec

from dns.cluster.hits import Hit, ZoneOptions, find_hits, is_address, namespace_exposed
from dns.cluster.names import ClusterName, parse_name, pod_address
from dns.cluster.records import canonical
from dns.cluster.zone import ClusterZone, service_key
from dns.wire import names, numbers, records
from dns.wire.records import Record

SCHEMA_VERSION = "1.1.0"
SCHEMA_VERSION_TTL_S = 28_800
MAX_CNAME_CHAIN = 10
# The key of everything that shows the zone's serial.
SERIAL_KEY = "serial"


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`exists` False is NXDOMAIN; no records is NODATA. `chase`: ask elsewhere for this name, append what it has."""

    exists: bool = True
    answer: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    chase: str = ""
    keys: tuple[str, ...] = ()  # the answer holds until one of these changes
    refused: bool = False

    @property
    def negative(self) -> bool:
        return not self.answer and not self.chase


class Question(msgspec.Struct, frozen=True, gc=False):
    """`zone` is the end of `name` that is the zone's, in the case it was asked in."""

    name: str
    kind: int
    zone: str

    @property
    def relative(self) -> str:
        """The name in front of the zone, in lower case."""
        return self.name[: -len(self.zone)].rstrip(".").lower()


MISSING = Answer(exists=False, keys=(SERIAL_KEY,))
NO_DATA = Answer(keys=(SERIAL_KEY,))


def lookup(
    cluster: ClusterZone, options: ZoneOptions, question: Question, *, local_ips: tuple[str, ...] = ()
) -> Answer:
    """The answer to a question whose name is in one of the zones."""
    relative = question.relative
    kind = question.kind
    if kind in {numbers.AXFR, numbers.IXFR}:
        return Answer(refused=True)
    if kind == numbers.SOA and not relative:
        return Answer(answer=(soa(cluster, options, question.zone),), keys=(SERIAL_KEY,))
    if kind == numbers.SOA and not options.strict:
        return NO_DATA
    if kind == numbers.TXT and relative == "dns-version":
        return Answer(answer=(records.txt(question.name, SCHEMA_VERSION_TTL_S, SCHEMA_VERSION),))
    if relative == "ns.dns" and kind not in {numbers.TXT, numbers.PTR}:
        found = tuple(
            records.address(question.name, options.ttl_s, ip)
            for _, ip in name_servers(cluster, options, question.zone, local_ips)
        )
        return Answer(answer=tuple(one for one in found if one.kind == kind), keys=(SERIAL_KEY,))
    if kind == numbers.NS and not relative:
        return _name_server_answer(cluster, options, question, local_ips)
    if kind == numbers.PTR and (ip := records.reverse_address(question.name)):
        return _reverse_answer(cluster, options, question, ip)
    return _forward_answer(cluster, options, question, ())


def _forward_answer(
    cluster: ClusterZone, options: ZoneOptions, question: Question, chain: tuple[Record, ...]
) -> Answer:
    zone = question.zone.lower()
    multicluster = zone in options.multicluster_zones
    lower = question.name.lower()
    if "\\" in lower:
        return MISSING
    name = parse_name(lower, zone, multicluster=multicluster, zonal=options.zonal)
    if name is None or (name.branch and lower.endswith(".arpa.")):
        return _absent(cluster, options, question, name)
    keys = _keys(options, name)
    hits = find_hits(cluster, options, name, multicluster=multicluster)
    texts_deny = question.kind == numbers.TXT and not name.topology_zone and not options.strict
    if hits is None or (texts_deny and not hits):
        return _absent(cluster, options, question, name, keys)
    match question.kind:
        case numbers.A | numbers.AAAA:
            if hits and hits[0].is_name:
                return _external(cluster, options, question, hits[0], chain, keys)
            return _positive(_addresses(question, hits, options.ttl_s), keys)
        case numbers.SRV:
            if options.strict and not name.port and not name.protocol:
                hits = _only_named(cluster, name, hits)
            return _srv_answer(question, hits, options.ttl_s, keys)
        case numbers.CNAME if hits and hits[0].is_name:
            target = names.absolute(hits[0].host)
            return _positive((records.cname(question.name, options.ttl_s, target),), keys)
        case _:
            return Answer(keys=(*keys, SERIAL_KEY))


def _keys(options: ZoneOptions, name: ClusterName) -> tuple[str, ...]:
    if not name.branch:
        return ()
    namespace = intern(f"ns/{name.namespace}")
    if name.branch == "pod":
        if options.pods != "verified" or not name.service:
            return (namespace,)
        return (namespace, "pod/" + canonical(pod_address(name.service)))
    return (service_key(name.namespace, name.service), namespace)


def _positive(answer: tuple[Record, ...], keys: tuple[str, ...]) -> Answer:
    return Answer(answer=answer, keys=keys if answer else (*keys, SERIAL_KEY))


def _absent(
    cluster: ClusterZone,
    options: ZoneOptions,
    question: Question,
    name: ClusterName | None,
    keys: tuple[str, ...] = (),
) -> Answer:
    """NXDOMAIN; when strict, NODATA for names that have something below them (RFC 8020)."""
    exists = options.strict and (
        question.relative in {"", "svc", "pod", "dns", "dns-version", "ns.dns"} or _is_protocol(cluster, name)
    )
    return Answer(exists=exists, keys=(*keys, SERIAL_KEY))


def _is_protocol(cluster: ClusterZone, name: ClusterName | None) -> bool:
    """`_tcp` left of a Service that has named ports of that protocol."""
    if name is None or not name.endpoint.startswith("_"):
        return False
    service = cluster.entry(name.namespace, name.service).service
    ports = service.ports if service is not None else ()
    return any(port.name and "_" + port.protocol == name.endpoint for port in ports)


def _addresses(question: Question, hits: list[Hit], ttl_s: int) -> tuple[Record, ...]:
    colon = question.kind == numbers.AAAA
    unique = dict.fromkeys(hit.host for hit in hits if (":" in hit.host) == colon)
    return tuple(records.address(question.name, ttl_s, ip) for ip in unique)


def _external(
    cluster: ClusterZone,
    options: ZoneOptions,
    question: Question,
    hit: Hit,
    chain: tuple[Record, ...],
    keys: tuple[str, ...],
) -> Answer:
    """An alias: followed here while it stays in the zone, else chased."""
    target = names.absolute(hit.host)
    record = records.cname(question.name, options.ttl_s, target)
    lower = target.lower()
    known = any(one.name == record.name and one.data == record.data for one in chain)
    if names.is_within(lower, question.name.lower()) or len(chain) > MAX_CNAME_CHAIN or known:
        return Answer(keys=(*keys, SERIAL_KEY))
    if not names.is_within(lower, question.zone.lower()):
        return Answer(answer=(record,), chase=target, keys=keys)
    inner = Question(target, question.kind, target[len(target) - len(question.zone) :])
    rest = _forward_answer(cluster, options, inner, (*chain, record))
    together = (*keys, *rest.keys)
    if rest.answer:
        return Answer(answer=(record, *rest.answer), chase=rest.chase, keys=together)
    return Answer(keys=(*together, SERIAL_KEY))


def _srv_answer(question: Question, hits: list[Hit], ttl_s: int, keys: tuple[str, ...]) -> Answer:
    """Weights share 100 evenly between all hits, counted before equal ones are merged; never below 1."""
    found = [hit for hit in hits if not hit.is_name]
    answer: dict[tuple[str, int], Record] = {}
    additional: dict[tuple[str, str], Record] = {}
    weight = max(1, 100 // len(found)) if found else 0
    for hit in found:
        if hit.port < 0:
            continue
        target = hit.owner + question.zone
        if (target, hit.port) not in answer:
            answer[target, hit.port] = records.srv(question.name, ttl_s, weight, hit.port, target)
        if (target, hit.host) not in additional:
            additional[target, hit.host] = records.address(target, ttl_s, hit.host)
    if not answer:
        return Answer(keys=(*keys, SERIAL_KEY))
    return Answer(answer=tuple(answer.values()), additional=tuple(additional.values()), keys=keys)


def _only_named(cluster: ClusterZone, name: ClusterName, hits: list[Hit]) -> list[Hit]:
    """The specification gives SRV to named ports only (2.3.2, 2.4.2), and none at the bare name."""
    return []


def _reverse_answer(cluster: ClusterZone, options: ZoneOptions, question: Question, ip: str) -> Answer:
    """The one Service with this cluster IP, else every Service with a ready endpoint there."""

    def hidden(namespace: str) -> bool:
        return bool(options.namespaces) and not namespace_exposed(cluster, options, namespace)

    keys = (f"ip/{ip}",)
    zone = "svc." + options.primary_zone
    for namespace, service in cluster.services_at(ip):
        if not hidden(namespace):
            target = f"{service}.{namespace}.{zone}"
            return Answer(answer=(records.ptr(question.name, options.ttl_s, target),), keys=keys)
    targets: dict[str, None] = {}
    for namespace, service in cluster.endpoints_at(ip):
        if hidden(namespace):
            continue
        for piece in cluster.entry(namespace, service).slices:
            for endpoint in piece.endpoints:
                if endpoint.address == ip:
                    targets[f"{endpoint.hostname}.{service}.{namespace}.{zone}"] = None
    if not targets:
        return Answer(exists=False, keys=(*keys, SERIAL_KEY))
    return Answer(
        answer=tuple(records.ptr(question.name, options.ttl_s, target) for target in targets), keys=keys
    )


def name_servers(
    cluster: ClusterZone, options: ZoneOptions, zone: str, local_ips: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Name and address of each server of the zone: the Services whose endpoints we are, else our own addresses."""
    found: list[tuple[str, str]] = []
    known = False
    for ip in local_ips:
        for namespace, name in cluster.endpoints_at(ip):
            known = True
            entry = cluster.entry(namespace, name)
            if entry.service is None:
                continue
            base = f"{name}.{namespace}.svc.{zone}"
            if entry.service.headless:
                found += [
                    (f"{one.hostname}.{base}", one.address) for s in entry.slices for one in s.endpoints
                ]
            else:
                found += [(base, address) for address in entry.service.addresses]
    if not known:
        found = [("ns.dns." + zone, ip) for ip in local_ips]
    return found


def _name_server_answer(
    cluster: ClusterZone, options: ZoneOptions, question: Question, local_ips: tuple[str, ...]
) -> Answer:
    servers = name_servers(cluster, options, question.zone, local_ips)
    unique = dict.fromkeys(name for name, _ in servers)
    return Answer(
        answer=tuple(records.ns(question.name, options.ttl_s, name) for name in unique),
        additional=tuple(records.address(name, options.ttl_s, ip) for name, ip in servers if is_address(ip)),
        keys=(SERIAL_KEY,),
    )


def soa(cluster: ClusterZone, options: ZoneOptions, zone: str) -> Record:
    """The zone's SOA, in the case its name was asked in."""
    multicluster = zone.lower() in options.multicluster_zones
    return _soa(zone, options.ttl_s, cluster.import_serial if multicluster else cluster.serial)


@lru_cache(maxsize=256)
def _soa(zone: str, ttl_s: int, serial: int) -> Record:
    timers = (serial, 7200, 1800, 86_400, ttl_s)
    return records.soa(zone, min(ttl_s, 300), f"ns.dns.{zone}", f"hostmaster.{zone}", timers)
