"""Topology-aware hints (KEP-2433, `service.kubernetes.io/topology-mode: Auto`): each zone is given endpoints in
proportion to its CPUs, its own as far as they go. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from kube.controllers.endpointslice.endpoints import GroupKey
from kube.objects import ZONE_LABEL, Endpoint, EndpointHints, ForZone, Node, Service
from kube.scheduler.quantity import milli

_MODE = "service.kubernetes.io/topology-mode"
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
# By how much an endpoint of the zone that is worst off may be busier than the average.
_OVERLOAD = 0.2


class Zones(NamedTuple):
    """Each zone's part of the CPUs, 0 to 1; or why there can be no hints."""

    parts: Mapping[str, float]
    refusal: str = ""


UNKNOWN = Zones({}, "Nodes only ready in one zone")


class Hinted(NamedTuple):
    endpoints: Mapping[GroupKey, tuple[Endpoint, ...]]
    refusal: str = ""


def is_automatic(service: Service) -> bool:
    return service.metadata.annotations.get(_MODE) in ("Auto", "auto")


def _is_counted(node: Node) -> bool:
    """Ready, and no part of the control plane."""
    return not any(label in node.metadata.labels for label in _CONTROL_PLANE) and any(
        one.type == "Ready" and one.status == "True" for one in node.status.conditions
    )


def facts(node: Node | None) -> tuple[str | None, str | None] | None:
    """All that `zones` reads of a node: zone and CPUs; None for one that does not count."""
    if node is None or not _is_counted(node):
        return None
    cpu = node.status.allocatable.get("cpu")
    return node.metadata.labels.get(ZONE_LABEL) or None, str(cpu) if cpu else None


def zones(nodes: Iterable[Node]) -> Zones:
    """Of the nodes that count."""
    cpus: dict[str, int] = {}
    for found in filter(None, map(facts, nodes)):
        zone, cpu = found
        if zone is None or cpu is None:
            refusal = (
                "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
            )
            return Zones({}, refusal)
        cpus[zone] = cpus.get(zone, 0) + milli(cpu)
    if len(cpus) < 2:
        return UNKNOWN
    total = sum(cpus.values())
    return Zones({zone: cpu / total for zone, cpu in cpus.items()})


def hinted(groups: Mapping[GroupKey, Sequence[Endpoint]], found: Zones) -> Hinted:
    """Endpoints of one service and address family, with a hint each that is ready; without any hint where that
    would leave a zone more than 20 % busier than the others.
    """
    ready = [one for endpoints in groups.values() for one in endpoints if one.conditions.ready]
    refusal = found.refusal or _refusal(ready, found.parts)
    if refusal:
        return Hinted({key: tuple(endpoints) for key, endpoints in groups.items()}, refusal)
    zone_of = _given(ready, found.parts)
    return Hinted(
        {key: tuple(_with_hint(one, zone_of.get(_name(one))) for one in held) for key, held in groups.items()}
    )


def _refusal(ready: Sequence[Endpoint], parts: Mapping[str, float]) -> str:
    if any(not one.zone for one in ready):
        return "One or more endpoints do not have a zone specified"
    count = len(ready)
    if count < len(parts) or sum(_least(part, count) for part in parts.values()) > count:
        return f"Insufficient number of endpoints ({count}), impossible to safely allocate proportionally"
    return ""


def _least(part: float, count: int) -> int:
    return math.ceil(part * count / (1 + _OVERLOAD))


def _given(ready: Sequence[Endpoint], parts: Mapping[str, float]) -> dict[tuple[str, ...], str]:
    """Each endpoint for its own zone; then zones that have too little get from the one with the most to spare."""
    held: dict[str, list[Endpoint]] = {zone: [] for zone in parts}
    homeless: list[Endpoint] = []  # of a zone without a ready node
    for one in sorted(ready, key=_name):
        held.get(one.zone or "", homeless).append(one)
    count = len(ready)
    for one in homeless:
        held[min(parts, key=lambda zone: (len(held[zone]) - parts[zone] * count, zone))].append(one)
    least = {zone: _least(part, count) for zone, part in parts.items()}
    for zone in sorted(parts):
        while len(held[zone]) < least[zone]:
            able = (other for other in parts if len(held[other]) > least[other])
            giver = max(able, key=lambda other: (len(held[other]) - parts[other] * count, other))
            held[zone].append(held[giver].pop())
    return {_name(one): zone for zone, endpoints in held.items() for one in endpoints}


def _name(one: Endpoint) -> tuple[str, ...]:
    return (*one.addresses, one.target_ref.uid if one.target_ref else "")


def _with_hint(one: Endpoint, zone: str | None) -> Endpoint:
    hints = EndpointHints(for_zones=(ForZone(name=zone),)) if zone else None
    return msgspec.structs.replace(one, hints=hints)
