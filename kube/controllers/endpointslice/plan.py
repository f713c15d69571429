"""Which slices of a Service to create, change and delete. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kube.controllers.clock import seconds
from kube.controllers.endpointslice import topology
from kube.controllers.endpointslice.endpoints import Group, GroupKey, desired, group_key
from kube.controllers.endpointslice.packing import pack
from kube.controllers.members import is_headless
from kube.controllers.owners import controller_reference
from kube.controllers.pods import condition
from kube.objects import (
    HEADLESS_LABEL,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    TRIGGER_TIME_ANNOTATION,
    Endpoint,
    EndpointSlice,
    Node,
    Pod,
    Service,
)

CONTROLLER = "endpointslice-controller.k8s.io"
_RESERVED = frozenset({HEADLESS_LABEL, SERVICE_NAME_LABEL, MANAGED_BY_LABEL})


class NewSlice(msgspec.Struct, frozen=True, kw_only=True):
    group: Group
    endpoints: tuple[Endpoint, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    create: tuple[NewSlice, ...] = ()
    update: tuple[EndpointSlice, ...] = ()
    delete: tuple[EndpointSlice, ...] = ()
    no_hints: Mapping[str, str] = {}
    """By address family, why it has no topology hints; "" where it has. Empty unless the service asks for them."""


def labels_for(service: Service) -> dict[str, str]:
    own = {key: value for key, value in service.metadata.labels.items() if key not in _RESERVED}
    headless = {HEADLESS_LABEL: ""} if is_headless(service) else {}
    return {
        **own,
        **headless,
        SERVICE_NAME_LABEL: service.metadata.name,
        MANAGED_BY_LABEL: CONTROLLER,
    }


def is_ours(one: EndpointSlice, service_name: str) -> bool:
    labels = one.metadata.labels
    return labels.get(MANAGED_BY_LABEL) == CONTROLLER and labels.get(SERVICE_NAME_LABEL) == service_name


def plan(
    service: Service,
    pods: Sequence[Pod],
    slices: Sequence[EndpointSlice],
    nodes: Mapping[str, Node],
    limit: int,
    zones: topology.Zones = topology.UNKNOWN,
) -> Plan:
    """`slices`: ours, of this service. A family without any endpoint keeps one empty slice, so that its watchers see
    the service. Slices of equal ports are packed together.
    """
    if not service.spec.selector or service.spec.type == "ExternalName":
        return Plan(delete=tuple(slices))
    wanted = desired(service, pods, nodes)
    no_hints = _topology_hints(service, wanted, zones)
    existing: dict[GroupKey, list[EndpointSlice]] = {}
    for one in slices:
        existing.setdefault(group_key(one.address_type, one.ports), []).append(one)
    labels = labels_for(service)
    create: list[NewSlice] = []
    update: list[EndpointSlice] = []
    spare: list[EndpointSlice] = []  # left without endpoints
    for key in {**wanted, **existing}:
        group, endpoints = wanted.get(key) or (_group_of(existing[key][0]), [])
        packed = pack(endpoints, existing.get(key, ()), limit)
        create += [NewSlice(group=group, endpoints=held) for held in packed.fresh]
        for one in existing.get(key, ()):
            if one.metadata.name in packed.empty:
                spare.append(one)
            else:
                update.append(_changed(one, packed.contents[one.metadata.name], group, labels))
    for family in service.spec.ip_families:
        if not any(key.family == family for key in wanted):
            _keep_empty(family, spare, create, update, labels)
    differing = {one.metadata.name: one for one in slices}
    return Plan(
        create=tuple(create),
        update=tuple(one for one in update if one is not differing[one.metadata.name]),
        delete=tuple(spare),
        no_hints=no_hints,
    )


def _topology_hints(
    service: Service, wanted: dict[GroupKey, tuple[Group, list[Endpoint]]], zones: topology.Zones
) -> dict[str, str]:
    """Put into `wanted`, in place of those of trafficDistribution."""
    if not topology.is_automatic(service):
        return {}
    no_hints: dict[str, str] = {}
    for family in sorted({key.family for key in wanted}):
        mine = {key: endpoints for key, (_, endpoints) in wanted.items() if key.family == family}
        hinted = topology.hinted(mine, zones)
        no_hints[family] = hinted.refusal
        for key, endpoints in hinted.endpoints.items():
            wanted[key] = (wanted[key][0], list(endpoints))
    return no_hints


def _group_of(one: EndpointSlice) -> Group:
    return Group(one.address_type, one.ports)


def _changed(
    one: EndpointSlice, endpoints: tuple[Endpoint, ...], group: Group, labels: dict[str, str]
) -> EndpointSlice:
    """The very same object when nothing differs."""
    if one.endpoints == endpoints and one.ports == group.ports and one.metadata.labels == labels:
        return one
    meta = msgspec.structs.replace(one.metadata, labels=labels)
    return msgspec.structs.replace(one, metadata=meta, endpoints=endpoints, ports=group.ports)


def _keep_empty(
    family: str,
    spare: list[EndpointSlice],
    create: list[NewSlice],
    update: list[EndpointSlice],
    labels: dict[str, str],
) -> None:
    """One slice without endpoints and ports; a slice that has just become empty is taken before a new one is made."""
    empty = Group(family, ())
    mine = [one for one in spare if one.address_type == family]
    kept = next((one for one in mine if not one.ports), mine[0] if mine else None)
    if kept is None:
        create.append(NewSlice(group=empty, endpoints=()))
    else:
        spare.remove(kept)
        update.append(_changed(kept, (), empty, labels))


class TriggerState(msgspec.Struct, frozen=True, kw_only=True):
    """When the service and each of its pods last changed their endpoints, in Unix seconds."""

    service: float
    pods: Mapping[str, float]  # by uid


def _pod_time(pod: Pod) -> float:
    ready = condition(pod.status.conditions, "Ready")
    return seconds(ready.last_transition_time) if ready is not None and ready.last_transition_time else 0.0


def trigger(before: TriggerState | None, service: Service, pods: Sequence[Pod]) -> tuple[float, TriggerState]:
    """The earliest change since the last look (0: unknown), for the programming latency that proxies measure."""
    created = seconds(service.metadata.creation_timestamp) if service.metadata.creation_timestamp else 0.0
    state = TriggerState(service=created, pods={pod.metadata.uid: _pod_time(pod) for pod in pods})
    if before is None:
        return created, state
    changes = [at for uid, at in state.pods.items() if at > before.pods.get(uid, 0.0)]
    if created > before.service:
        changes.append(created)
    return min(changes, default=0.0), state


def slice_body(service: Service, new: NewSlice, trigger_time: str | None) -> dict[str, Any]:
    """JSON-shaped, for creation."""
    annotations = {TRIGGER_TIME_ANNOTATION: trigger_time} if trigger_time else {}
    return {
        "metadata": {
            "generateName": f"{service.metadata.name}-",
            "namespace": service.metadata.namespace,
            "labels": labels_for(service),
            "annotations": annotations,
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": new.group.family,
        "endpoints": msgspec.to_builtins(new.endpoints),
        "ports": msgspec.to_builtins(new.group.ports),
    }


def with_trigger(one: EndpointSlice, trigger_time: str | None) -> EndpointSlice:
    annotations = {
        key: value for key, value in one.metadata.annotations.items() if key != TRIGGER_TIME_ANNOTATION
    }
    if trigger_time:
        annotations[TRIGGER_TIME_ANNOTATION] = trigger_time
    meta = msgspec.structs.replace(one.metadata, annotations=annotations)
    return msgspec.structs.replace(one, metadata=meta)
