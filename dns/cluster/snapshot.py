"""A ClusterZone as bytes and back: what a server that starts without its API answers from."""

from __future__ import annotations

import msgspec

from dns.cluster.records import ServiceRecord, SliceRecord
from dns.cluster.zone import ClusterZone, Key

VERSION = 2


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    version: int
    taken_at_s: float  # since 1970
    serial: int
    namespaces: tuple[str, ...]
    services: tuple[ServiceRecord, ...]
    slices: tuple[tuple[str, str, SliceRecord], ...]  # namespace, service, slice
    pods: tuple[tuple[str, str, str], ...] = ()  # namespace, name, address


class BadSnapshot(ValueError):
    """The bytes are no snapshot of this version."""


class Loaded(msgspec.Struct, frozen=True):
    """What came from a snapshot, to be taken out again when the API does not know it."""

    taken_at_s: float
    services: frozenset[Key]
    slices: frozenset[tuple[Key, str]]
    namespaces: frozenset[str]
    pods: frozenset[Key]


def take(cluster: ClusterZone, now: float) -> bytes:
    """The zone as it is, without ServiceImports."""
    entries = list(cluster.entries.items())
    return msgspec.msgpack.encode(
        Snapshot(
            VERSION,
            now,
            cluster.serial,
            tuple(sorted(cluster.namespaces)),
            tuple(entry.service for _, entry in entries if entry.service is not None),
            tuple((*key, piece) for key, entry in entries for piece in entry.slices),
            tuple((*key, ip) for key, ip in cluster.pod_addresses()),
        )
    )


def load(cluster: ClusterZone, data: bytes) -> Loaded:
    """Put a snapshot into an empty zone. Raises BadSnapshot."""
    try:
        found = msgspec.msgpack.decode(data, type=Snapshot)
    except msgspec.DecodeError as problem:
        raise BadSnapshot(f"not a snapshot: {problem}") from problem
    if found.version != VERSION:
        raise BadSnapshot(f"a snapshot of version {found.version}, this server reads {VERSION}")
    for name in found.namespaces:
        cluster.set_namespace(name, exists=True)
    for service in found.services:
        cluster.set_service((service.namespace, service.name), service, found.taken_at_s)
    for namespace, name, piece in found.slices:
        cluster.set_slice((namespace, name), piece.name, piece, found.taken_at_s)
    for namespace, name, ip in found.pods:
        cluster.set_pod((namespace, name), ip)
    cluster.serial = found.serial
    return Loaded(
        found.taken_at_s,
        frozenset((service.namespace, service.name) for service in found.services),
        frozenset(((namespace, name), piece.name) for namespace, name, piece in found.slices),
        frozenset(found.namespaces),
        frozenset((namespace, name) for namespace, name, _ in found.pods),
    )
