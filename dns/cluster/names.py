"""What a name below a cluster zone asks for, by its labels from right to left (DNS-Based Service Discovery 1.1)."""

from __future__ import annotations

import msgspec


class ClusterName(msgspec.Struct, frozen=True, gc=False):
    """`branch` is `svc` or `pod`, "" for the zone itself; an empty part was not in the name. Lower case."""

    branch: str = ""
    namespace: str = ""
    service: str = ""  # of a pod name: the dashed address
    endpoint: str = ""
    cluster: str = ""
    port: str = ""
    protocol: str = ""
    topology_zone: str = ""  # only endpoints of this zone (the `zonal` option)
    prefer_zone: bool = False  # all endpoints when that zone has none


APEX = ClusterName()


def parse_name(
    name: str, zone: str, *, multicluster: bool = False, zonal: bool = False
) -> ClusterName | None:
    """What is asked; None when no record can have such a name. Both names in lower case, absolute.

    One label left of a service is an endpoint's hostname; two are port and protocol, with or without underscores, or
    in a multicluster zone hostname and cluster. With `zonal`, `ZONE.pin._zone` and `ZONE.prefer._zone` left of a
    service select endpoints by topology zone (a zone's name may have dots).
    """
    base = name[: -len(zone)].rstrip(".") if zone != "." else name.rstrip(".")
    if base in {"", "svc", "pod"}:
        return APEX
    labels = base.split(".")
    branch = labels.pop()
    if branch not in {"svc", "pod"}:
        return None
    namespace = labels.pop()
    if not labels:
        return ClusterName(branch, namespace)
    service = labels.pop()
    match labels:
        case []:
            return ClusterName(branch, namespace, service)
        case [endpoint]:
            return ClusterName(branch, namespace, service, endpoint)
        case [left, right] if multicluster and not left.startswith("_") and not right.startswith("_"):
            return ClusterName(branch, namespace, service, left, right)
        case [left, right]:
            port, protocol = left.removeprefix("_"), right.removeprefix("_")
            return ClusterName(branch, namespace, service, port=port, protocol=protocol)
        case [*zone_labels, "pin" | "prefer" as directive, "_zone"] if (
            zonal and not multicluster and branch == "svc"
        ):
            topology_zone = ".".join(zone_labels)
            return ClusterName(
                branch, namespace, service, topology_zone=topology_zone, prefer_zone=directive == "prefer"
            )
        case _:
            return None


def pod_address(label: str) -> str:
    """`10-2-0-1` → `10.2.0.1`, `2001-db8--1` → `2001:db8::1`; not checked to be an address."""
    if label.count("-") == 3 and "--" not in label:
        return label.replace("-", ".")
    return label.replace("-", ":")


def dashed(ip: str) -> str:
    """The hostname of an endpoint that has none: dashes for dots and colons, no dash at the end."""
    if "." in ip:
        return ip.replace(".", "-")
    name = ip.replace(":", "-")
    return name + "0" if name.endswith("-") else name
