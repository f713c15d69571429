"""API objects in, ForwardingTables out: remembers what is known, and recomputes what a change touches.

Slices may come before their service and outlive it; the order in which things arrive never shows in the result.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kproxy.forwarding import ServiceForwarding, ServicePortName
from kproxy.policy import Place, forwarding
from kproxy.services import (
    EndpointsByPort,
    EndpointState,
    PortKey,
    ServicePort,
    merge_endpoints,
    service_ports,
    slice_endpoints,
    slice_family,
    slice_service,
)
from kube.objects import EndpointSlice, NamespacedName, Service


class Known(NamedTuple):
    """What a ServiceForwarding was decided from."""

    port: ServicePort
    endpoints: tuple[EndpointState, ...]


class Change(NamedTuple):
    """One service port before and after; None: it was not there."""

    old: Known | None
    new: Known | None


class Changes(NamedTuple):
    """By family: what changed since the last look. `forwarding` names those that act differently now."""

    forwarding: dict[int, set[ServicePortName]]
    known: dict[int, dict[ServicePortName, Change]]


class _Slice(NamedTuple):
    service: NamespacedName
    family: int
    endpoints: EndpointsByPort


class Intake:
    """What this node knows of services, for the families that it proxies."""

    def __init__(self, families: tuple[int, ...], place: Place) -> None:
        self._place = place
        self._services: dict[NamespacedName, Service] = {}
        self._slices: dict[NamespacedName, _Slice] = {}
        self._slices_of: dict[NamespacedName, dict[NamespacedName, _Slice]] = {}
        self._names: dict[int, dict[NamespacedName, tuple[ServicePortName, ...]]] = {f: {} for f in families}
        self._touched: dict[NamespacedName, None] = {}
        self.tables: dict[int, dict[ServicePortName, ServiceForwarding]] = {f: {} for f in families}
        self.known: dict[int, dict[ServicePortName, Known]] = {f: {} for f in families}

    @property
    def place(self) -> Place:
        return self._place

    @property
    def services(self) -> Mapping[NamespacedName, Service]:
        return self._services

    def ports_of(self, services: Iterable[NamespacedName]) -> set[ServicePortName]:
        """All ports of these, in both families."""
        return {name for key in services for names in self._names.values() for name in names.get(key, ())}

    def set_place(self, place: Place) -> bool:
        """Whether it differs. Where endpoints are local or near may change for every service."""
        if place == self._place:
            return False
        same_node = place.node_name == self._place.node_name
        self._place = place
        assert same_node, "a proxy stays on its node"
        self._touched |= dict.fromkeys(self._services)
        return True

    def set_service(self, key: NamespacedName, service: Service | None) -> None:
        if service is None:
            self._services.pop(key, None)
        else:
            self._services[key] = service
        self._touched[key] = None

    def set_slice(self, key: NamespacedName, item: EndpointSlice | None) -> None:
        old = self._slices.pop(key, None)
        if old is not None:
            of_service = self._slices_of[old.service]
            del of_service[key]
            if not of_service:
                del self._slices_of[old.service]
            self._touched[old.service] = None
        if item is None:
            return
        service, family = slice_service(item), slice_family(item)
        if service is None or family not in self.tables:
            return
        new = _Slice(service, family, slice_endpoints(item, self._place.node_name))
        self._slices[key] = new
        self._slices_of.setdefault(service, {})[key] = new
        self._touched[service] = None

    def refresh(self) -> Changes:
        """Decide again what was touched since the last call."""
        touched, self._touched = self._touched, {}
        changes = Changes({f: set() for f in self.tables}, {f: {} for f in self.tables})
        for key in touched:
            for family in self.tables:
                self._refresh_one(key, family, changes)
        return changes

    def _refresh_one(self, key: NamespacedName, family: int, changes: Changes) -> None:
        table, known = self.tables[family], self.known[family]
        service = self._services.get(key)
        ports = service_ports(service, family) if service is not None else ()
        old_names = self._names[family].get(key, ())
        parts = [s.endpoints for s in self._slices_of.get(key, {}).values() if s.family == family]
        for port in ports:
            name = port.name
            now = Known(port, merge_endpoints(parts, PortKey(name.port, name.protocol)))
            before = known.get(name)
            if before is not None and before == now and name in table:
                decided = forwarding(port, now.endpoints, self._place)
                if decided == table[name]:
                    continue
            else:
                decided = forwarding(port, now.endpoints, self._place)
                known[name] = now
                changes.known[family][name] = Change(before, now)
            if table.get(name) != decided:
                table[name] = decided
                changes.forwarding[family].add(name)
        names = tuple(port.name for port in ports)
        for name in set(old_names) - set(names):
            changes.known[family][name] = Change(known.pop(name), None)
            del table[name]
            changes.forwarding[family].add(name)
        if names:
            self._names[family][key] = names
        else:
            self._names[family].pop(key, None)
