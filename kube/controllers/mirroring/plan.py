"""Which slices mirror an Endpoints object. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.controllers.endpointslice.endpoints import Group, GroupKey, group_key
from kube.controllers.endpointslice.packing import pack
from kube.controllers.members import family_of
from kube.controllers.owners import reference_body
from kube.objects import (
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    OwnerReference,
    Service,
)

CONTROLLER = "endpointslicemirroring-controller.k8s.io"
SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror"
_LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader"
_LIMIT = 1000  # addresses of a subset
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    create: tuple[dict[str, Any], ...] = ()
    update: tuple[EndpointSlice, ...] = ()
    delete: tuple[EndpointSlice, ...] = ()


def is_mirrored(endpoints: Endpoints | None, service: Service | None) -> bool:
    """A Service with a selector has slices of its own; a leader's lock is no Endpoints at all."""
    return (
        endpoints is not None
        and service is not None
        and not service.spec.selector
        and service.spec.type != "ExternalName"
        and endpoints.metadata.deletion_timestamp is None
        and endpoints.metadata.labels.get(SKIP_LABEL) != "true"
        and _LEADER_ANNOTATION not in endpoints.metadata.annotations
    )


def is_ours(one: EndpointSlice, name: str) -> bool:
    labels = one.metadata.labels
    return labels.get(MANAGED_BY_LABEL) == CONTROLLER and labels.get(SERVICE_NAME_LABEL) == name


def _endpoint(address: EndpointAddress, *, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=(address.ip,),
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


def _desired(endpoints: Endpoints) -> dict[GroupKey, tuple[Group, list[Endpoint]]]:
    groups: dict[GroupKey, tuple[Group, list[Endpoint]]] = {}
    for subset in endpoints.subsets:
        ports = tuple(
            EndpointPort(
                name=port.name, protocol=port.protocol, port=port.port, app_protocol=port.app_protocol
            )
            for port in subset.ports
        )
        listed = [(one, True) for one in subset.addresses] + [
            (one, False) for one in subset.not_ready_addresses
        ]
        for address, ready in listed[:_LIMIT]:
            key = group_key(family_of(address.ip), ports)
            group = groups.setdefault(key, (Group(key.family, ports), []))
            group[1].append(_endpoint(address, ready=ready))
    return groups


def plan(endpoints: Endpoints, slices: Sequence[EndpointSlice], limit: int) -> Plan:
    """`slices`: ours, of this Endpoints."""
    meta = endpoints.metadata
    labels = {
        **{key: value for key, value in meta.labels.items() if key != SKIP_LABEL},
        SERVICE_NAME_LABEL: meta.name,
        MANAGED_BY_LABEL: CONTROLLER,
    }
    annotations = {key: value for key, value in meta.annotations.items() if key not in _NOT_COPIED}
    existing: dict[GroupKey, list[EndpointSlice]] = {}
    for one in slices:
        existing.setdefault(group_key(one.address_type, one.ports), []).append(one)
    wanted = _desired(endpoints)
    create: list[dict[str, Any]] = []
    update: list[EndpointSlice] = []
    delete: list[EndpointSlice] = []
    for key in {**wanted, **existing}:
        group, members = wanted.get(key) or (Group(key.family, existing[key][0].ports), [])
        packed = pack(members, existing.get(key, ()), limit)
        create += [_body(endpoints, group, held, labels, annotations) for held in packed.fresh]
        for one in existing.get(key, ()):
            held = packed.contents[one.metadata.name]
            same = one.metadata.labels == labels and one.metadata.annotations == annotations
            if not held:
                delete.append(one)
            elif held != one.endpoints or not same:
                changed = msgspec.structs.replace(one.metadata, labels=labels, annotations=annotations)
                update.append(msgspec.structs.replace(one, metadata=changed, endpoints=held))
    return Plan(create=tuple(create), update=tuple(update), delete=tuple(delete))


def _body(
    endpoints: Endpoints,
    group: Group,
    held: tuple[Endpoint, ...],
    labels: dict[str, str],
    annotations: dict[str, str],
) -> dict[str, Any]:
    meta = endpoints.metadata
    owner = OwnerReference(
        api_version="v1",
        kind="Endpoints",
        name=meta.name,
        uid=meta.uid,
        controller=True,
        block_owner_deletion=True,
    )
    return {
        "metadata": {
            "generateName": f"{meta.name}-",
            "namespace": meta.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [reference_body(owner)],
        },
        "addressType": group.family,
        "endpoints": msgspec.to_builtins(held),
        "ports": msgspec.to_builtins(group.ports),
    }
