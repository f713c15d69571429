"""The cluster as DNS sees it. A change replaces the entry of the service that changed, in one assignment.

Every change returns the keys it touched, so that answers prepared from them can be dropped: `svc/NS/NAME`, `ns/NS`,
`ip/ADDRESS`, `pod/ADDRESS`.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from dns.cluster.records import AddressKey, ServiceRecord, SliceRecord, address_key, address_text

Key = tuple[str, str]  # namespace, name
Touched = frozenset[str]
Address = TypeVar("Address", bound=AddressKey)

NOTHING: Touched = frozenset()


class ServiceEntry(msgspec.Struct, frozen=True, gc=False):
    """A Service and its slices; either may be there without the other."""

    service: ServiceRecord | None = None
    slices: tuple[SliceRecord, ...] = ()
    keys: tuple[Key, ...] = ()  # its own key alone, as both indexes have it

    @property
    def not_ready_count(self) -> int:
        return sum(piece.not_ready_count for piece in self.slices)

    @property
    def has_endpoints(self) -> bool:
        return any(piece.endpoint_count for piece in self.slices)


EMPTY = ServiceEntry()


def service_key(namespace: str, name: str) -> str:
    return f"svc/{namespace}/{name}"


class ClusterZone:
    """Read by name or address from any thread; written by one."""

    def __init__(self) -> None:
        self.entries: dict[Key, ServiceEntry] = {}
        self.imports: dict[Key, ServiceEntry] = {}  # ServiceImports of a cluster set
        self.namespaces: set[str] = set()
        self.synced = False
        self.stale_since_s = 0.0  # when a snapshot that is answered from was taken; 0: the API's own state
        self.change_count = 0
        self.serial = 0
        self.import_serial = 0
        self._cluster_ips: dict[str, tuple[Key, ...]] = {}
        self._endpoint_ips: dict[AddressKey, tuple[Key, ...]] = {}
        self._alone: dict[
            str, tuple[str]
        ] = {}  # each namespace as the only one that has a Service of some name
        self._pods: dict[str, tuple[Key, ...]] = {}
        self._ip_of_pod: dict[Key, str] = {}
        self._namespaces_of: dict[str, tuple[str, ...]] = {}  # service name → where it exists

    def entry(self, namespace: str, name: str) -> ServiceEntry:
        return self.entries.get((namespace, name), EMPTY)

    def services_at(self, ip: str) -> tuple[Key, ...]:
        """Services that have this cluster IP."""
        return self._cluster_ips.get(ip, ())

    def endpoints_at(self, ip: str) -> tuple[Key, ...]:
        """Services that have a ready endpoint with this address."""
        return self._endpoint_ips.get(address_key(ip), ())

    def namespaces_of(self, service: str) -> tuple[str, ...]:
        """Namespaces that have a Service of this name."""
        return self._namespaces_of.get(service, ())

    def pods_at(self, ip: str) -> tuple[Key, ...]:
        return self._pods.get(ip, ())

    def pod_addresses(self) -> list[tuple[Key, str]]:
        return list(self._ip_of_pod.items())

    def set_service(self, key: Key, service: ServiceRecord | None, now: float) -> Touched:
        """Put, replace or (None) remove a Service."""
        old = self.entries.get(key, EMPTY)
        if old.service == service:
            return NOTHING
        alone = old.keys or (key,)
        self._store(self.entries, key, ServiceEntry(service, old.slices, alone))
        self.change_count += 1
        if (old.service is None) != (service is None):
            others = tuple(one for one in self.namespaces_of(key[1]) if one != key[0])
            if service is not None:
                others = (*others, key[0]) if others else self._alone.setdefault(key[0], (key[0],))
            self._namespaces_of[key[1]] = others
            if not self._namespaces_of[key[1]]:
                del self._namespaces_of[key[1]]
        self.serial = int(now)
        before = old.service.addresses if old.service is not None else ()
        after = service.addresses if service is not None else ()
        _reindex(self._cluster_ips, alone, frozenset(before), frozenset(after))
        changed = frozenset(before) ^ frozenset(after)
        return frozenset((service_key(*key), *(f"ip/{address}" for address in changed)))

    def set_slice(self, key: Key, name: str, piece: SliceRecord | None, now: float) -> Touched:
        """Put, replace or (None) remove the slice called `name` of the service at key."""
        old = self.entries.get(key, EMPTY)
        before = next((one for one in old.slices if one.name == name), None)
        if before == piece:
            return NOTHING
        others = [one for one in old.slices if one.name != name]
        slices = tuple(sorted((*others, piece), key=lambda one: one.name)) if piece else tuple(others)
        alone = old.keys or (key,)
        self._store(self.entries, key, ServiceEntry(old.service, slices, alone))
        self.change_count += 1
        self.serial = int(now)
        elsewhere = frozenset(address for one in others for address in one.address_keys)
        gone = (before.address_keys if before is not None else frozenset()) - elsewhere
        come = (piece.address_keys if piece is not None else frozenset()) - elsewhere
        _reindex(self._endpoint_ips, alone, gone, come)
        # Also those that stay: an endpoint may have another hostname now.
        return frozenset((service_key(*key), *(f"ip/{address_text(address)}" for address in gone | come)))

    def set_import(self, key: Key, service: ServiceRecord | None, now: float) -> Touched:
        """Put, replace or remove a ServiceImport."""
        old = self.imports.get(key, EMPTY)
        if old.service == service:
            return NOTHING
        self._store(self.imports, key, ServiceEntry(service, old.slices))
        self.import_serial = int(now)
        return frozenset((service_key(*key),))

    def set_import_slice(self, key: Key, name: str, piece: SliceRecord | None, now: float) -> Touched:
        old = self.imports.get(key, EMPTY)
        others = tuple(one for one in old.slices if one.name != name)
        slices = tuple(sorted((*others, piece), key=lambda one: one.name)) if piece else others
        if slices == old.slices:
            return NOTHING
        self._store(self.imports, key, ServiceEntry(old.service, slices))
        self.import_serial = int(now)
        return frozenset((service_key(*key),))

    def set_namespace(self, name: str, *, exists: bool) -> Touched:
        if (name in self.namespaces) == exists:
            return NOTHING
        self.change_count += 1
        if exists:
            self.namespaces.add(name)
        else:
            self.namespaces.discard(name)
        return frozenset((f"ns/{name}",))

    def set_pod(self, key: Key, ip: str) -> Touched:
        """The pod's address, "" when it has none (any more)."""
        self.change_count += 1
        old = self._ip_of_pod.pop(key, "")
        if ip:
            self._ip_of_pod[key] = ip
        before = frozenset((old,)) if old else frozenset()
        after = frozenset((ip,)) if ip else frozenset()
        _reindex(self._pods, (key,), before, after)
        return frozenset(f"pod/{address}" for address in before ^ after)

    @staticmethod
    def _store(entries: dict[Key, ServiceEntry], key: Key, entry: ServiceEntry) -> None:
        if entry.service is None and not entry.slices:
            entries.pop(key, None)
        else:
            entries[key] = entry


def _reindex(
    index: dict[Address, tuple[Key, ...]],
    alone: tuple[Key, ...],
    before: frozenset[Address],
    after: frozenset[Address],
) -> None:
    """Move a key from the addresses it had to those it has. `alone` is shared by all that only this key has."""
    (key,) = alone
    for address in before - after:
        rest = tuple(one for one in index.get(address, ()) if one != key)
        if rest:
            index[address] = rest
        else:
            index.pop(address, None)
    for address in after - before:
        others = index.get(address)
        index[address] = (*others, key) if others else alone
