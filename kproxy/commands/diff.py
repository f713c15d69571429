"""What a change of objects does to this node's traffic and rules, before it is applied. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from kproxy.forwarding import (
    Endpoint,
    Forward,
    ForwardingTable,
    Frontend,
    FrontendKind,
    Reject,
    ServiceForwarding,
    ServicePortName,
    Verdict,
)


class ServiceDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One service port. `change`: added, removed or changed."""

    service: str
    protocol: str
    change: str
    behaviour: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Of one IP family; printed as it is with -o json."""

    family: str
    services: tuple[ServiceDifference, ...] = ()
    rules_added: tuple[str, ...] = ()
    rules_removed: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.services or self.rules_added or self.rules_removed)


def difference(
    family: str,
    old: ForwardingTable,
    new: ForwardingTable,
    old_rules: Iterable[str] = (),
    new_rules: Iterable[str] = (),
) -> Difference:
    before, after = Counter(old_rules), Counter(new_rules)
    return Difference(
        family=family,
        services=tuple(_services(old, new)),
        rules_added=tuple((after - before).elements()),
        rules_removed=tuple((before - after).elements()),
    )


def _services(old: ForwardingTable, new: ForwardingTable) -> Iterator[ServiceDifference]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        change = "added" if before is None else "removed" if after is None else "changed"
        yield _difference_of(name, change, tuple(behaviour(before, after)))


def _difference_of(name: ServicePortName, change: str, lines: tuple[str, ...]) -> ServiceDifference:
    return ServiceDifference(service=str(name), protocol=name.protocol, change=change, behaviour=lines)


def behaviour(old: ServiceForwarding | None, new: ServiceForwarding | None) -> Iterator[str]:
    """What somebody who connects notices, a line each."""
    before, after = _frontends(old), _frontends(new)
    for where in sorted(before.keys() - after.keys()):
        yield f"{where}: no longer answered"
    for where in sorted(after.keys() - before.keys()):
        yield f"{where}: answered now{_sources(after[where])}"
    for where in sorted(before.keys() & after.keys()):
        if before[where].allowed_sources != after[where].allowed_sources:
            yield f"{where}: other sources are let in{_sources(after[where])}"
    if new is None:
        return
    yield from _verdicts(old, new)
    affinity_before = old.affinity_timeout_s if old is not None else None
    if affinity_before != new.affinity_timeout_s:
        kept = "none" if new.affinity_timeout_s is None else f"{new.affinity_timeout_s} s"
        yield f"session affinity: {kept}"
    if new.health_check_port != (old.health_check_port if old is not None else 0):
        yield f"health check port: {new.health_check_port or 'none'}"
    if old is not None and old.masquerades_external != new.masquerades_external:
        how = "see a node's address" if new.masquerades_external else "see the client's address"
        yield f"from outside: endpoints {how}"


def _verdicts(old: ServiceForwarding | None, new: ServiceForwarding) -> Iterator[str]:
    yield from _verdict("from inside", old.internal if old is not None else None, new.internal)
    outside = [s for s in (old, new) if s is not None and _answers_outside(s)]
    if outside:
        yield from _verdict("from outside", old.external if old is not None else None, new.external)


def _answers_outside(service: ServiceForwarding) -> bool:
    return any(f.kind is not FrontendKind.CLUSTER_IP for f in service.frontends)


def _verdict(whence: str, old: Verdict | None, new: Verdict) -> Iterator[str]:
    if old == new:
        return
    if not isinstance(new, Forward):
        yield f"{whence}: {'rejected' if isinstance(new, Reject) else 'dropped'}, {new.because}"
        return
    before = set(_ips(old.endpoints)) if isinstance(old, Forward) else set()
    after = set(_ips(new.endpoints))
    if not before:
        yield f"{whence}: to {', '.join(sorted(after))}"
        return
    parts = [f"+{ip}" for ip in sorted(after - before)] + [f"-{ip}" for ip in sorted(before - after)]
    if parts:
        yield f"{whence}: {' '.join(parts)}; {len(after)} endpoints instead of {len(before)}"


def _ips(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    return map(str, endpoints)


def _frontends(service: ServiceForwarding | None) -> dict[str, Frontend]:
    if service is None:
        return {}
    return {_where(frontend): frontend for frontend in service.frontends}


def _where(frontend: Frontend) -> str:
    if not frontend.ip:
        return f"node port {frontend.port}"
    at = f"[{frontend.ip}]" if ":" in frontend.ip else frontend.ip
    return f"{at}:{frontend.port} ({frontend.kind.value})"


def _sources(frontend: Frontend) -> str:
    if frontend.allowed_sources is None:
        return ""
    ranges = ", ".join(f"{first}-{last}" for first, last in frontend.allowed_sources)
    return f", from {ranges or 'nowhere'}"
