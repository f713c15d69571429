"""Cluster IPs and node ports: given by the allocator in memory, held by keys written with the Service.

Every address has its IPAddress object and every node port a key of its own, written in the Service's transaction
and expected to be absent, so that two servers on one store cannot give the same twice. The allocator follows the
cache: what any server commits is taken or free here at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import Kind, kind_at, lifecycle
from kube.apiserver.kinds.services import ServiceAllocator
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api, encode_stored, key_of
from kube.store import Delete, Op, Put
from kube.store.cache import WatchCache, store_key
from kube.store.watchers import Event

SERVICES = "services"
_NODE_PORTS = "nodeports.podnet.internal"
_RANGES = "servicecidrs.networking.k8s.io"
_kind = kind_at("networking.k8s.io", "v1", "ipaddresses")
assert _kind is not None
IP_ADDRESSES: Kind = _kind


def follow(cache: WatchCache, allocator: ServiceAllocator) -> None:
    """Take what is stored now, then what is stored from now on."""
    services = [entry.decode() for entry in cache.collection(SERVICES).entries.values()]
    addresses = [entry.decode() for entry in cache.collection(IP_ADDRESSES.storage_key).entries.values()]
    allocator.rebuild(services, addresses)
    allocator.set_cidrs(_ranges(cache))

    def on_event(resource: str, event: Event) -> None:
        if resource == SERVICES:
            _follow_service(allocator, event)
        elif resource == IP_ADDRESSES.storage_key:
            _follow_address(allocator, event)
        elif resource == _RANGES:
            allocator.set_cidrs(_ranges(cache))

    cache.listen(on_event)


def _ranges(cache: WatchCache) -> list[str]:
    """Of the ServiceCIDRs from which addresses may be given: ready, and not about to go (KEP-1880)."""
    found: list[str] = []
    for _, entry in sorted(cache.collection(_RANGES).entries.items()):
        obj = entry.decode()
        conditions = (obj.get("status") or {}).get("conditions") or ()
        ready = any(row.get("type") == "Ready" and row.get("status") == "True" for row in conditions)
        if ready and not obj["metadata"].get("deletionTimestamp"):
            found += obj["spec"].get("cidrs") or ()
    return found


def _follow_service(allocator: ServiceAllocator, event: Event) -> None:
    old = event.old.decode() if event.old is not None else None
    if event.new is None:
        if old is not None:
            allocator.release(old)
        return
    new = event.new.decode()
    if old is not None:
        allocator.settle(new, old)
    allocator._take_all(_addresses(allocator, new), _ports(new))


def _follow_address(allocator: ServiceAllocator, event: Event) -> None:
    """IPAddress objects made by others; those of Services are taken and freed with them."""
    entry = event.new or event.old
    assert entry is not None
    if event.new is not None:
        allocator._take_all([entry.name], [])
    elif event.old is not None:
        allocator._free([entry.name], [])


def _addresses(allocator: ServiceAllocator, service: Object) -> list[str]:
    return [address["metadata"]["name"] for address in allocator.ip_address_objects(service)]


def _ports(service: Object) -> set[int]:
    spec = service.get("spec") or {}
    ports = {int(row["nodePort"]) for row in spec.get("ports") or () if row.get("nodePort")}
    if spec.get("healthCheckNodePort"):
        ports.add(int(spec["healthCheckNodePort"]))
    return ports


@contextmanager
def allocated(api: Api, kind: Kind, new: Object, old: Object | None, *, dry_run: bool) -> Iterator[list[Op]]:
    """What a Service needs, filled into new; gives the writes that go into the same transaction.

    Free again when the block fails or was a dry run. StatusError 422 for what cannot be had.
    """
    if kind.key != SERVICES:
        yield []
        return
    errors = api.allocator.assign(new, old)
    if errors:
        raise status.invalid(kind.group_kind, new["metadata"].get("name", ""), errors)
    try:
        yield _ops(api, new, old)
    except BaseException:
        api.allocator.revert(new, old)
        raise
    if dry_run:
        api.allocator.revert(new, old)


def _ops(api: Api, new: Object, old: Object | None) -> list[Op]:
    wanted = {obj["metadata"]["name"]: obj for obj in api.allocator.ip_address_objects(new)}
    before = set(_addresses(api.allocator, old)) if old else set()
    ops: list[Op] = []
    for name, obj in wanted.items():
        if name not in before:
            lifecycle.prepare_create(IP_ADDRESSES, obj, now=api.now(), uid=api.uid(), suffix="")
            ops.append(Put(key_of(IP_ADDRESSES, "", name), encode_stored(obj), 0))
    ops += [Delete(key_of(IP_ADDRESSES, "", name)) for name in before if name not in wanted]
    ports, ports_before = _ports(new), _ports(old) if old else set()
    metadata = new["metadata"]
    holder = {"namespace": metadata.get("namespace", ""), "name": metadata["name"]}
    ops += [Put(_port_key(port), _port_value(port, holder), 0) for port in ports - ports_before]
    ops += [Delete(_port_key(port)) for port in ports_before - ports]
    return ops


def _port_key(port: int) -> str:
    return store_key(_NODE_PORTS, "", str(port))


def _port_value(port: int, holder: Object) -> bytes:
    obj = {
        "kind": "NodePort",
        "apiVersion": "podnet.internal/v1",
        "metadata": {"name": str(port)},
        "service": holder,
    }
    return msgspec.json.encode(obj)


def removal_ops(api: Api, kind: Kind, obj: Object) -> list[Op]:
    """What goes in the same transaction as the object."""
    if kind.key != SERVICES:
        return []
    addresses = [Delete(key_of(IP_ADDRESSES, "", name)) for name in _addresses(api.allocator, obj)]
    return [*addresses, *(Delete(_port_key(port)) for port in _ports(obj))]
