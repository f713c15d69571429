"""API objects for tables: a row says only what matters."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from kube.objects import Deployment, Node, Object, Pod, ReplicaSet, Service

T = TypeVar("T", bound=Object)

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def make(cls: type[T], name: str = "x", *, namespace: str = "ns", **parts: Any) -> T:
    """`meta` goes into metadata, the rest is the object's own fields, JSON-named."""
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{name}", **parts.pop("meta", {})}
    return msgspec.convert({"metadata": meta, **parts}, cls)


def owned_by(name: str, kind: str = "ReplicaSet", **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "name": name,
            "uid": f"uid-{name}",
            "controller": True,
            "blockOwnerDeletion": True,
            **more,
        }
    ]


def pod(
    name: str,
    *,
    ready: bool | None = None,
    since: str = "2027-01-15T07:00:00Z",
    ips: tuple[str, ...] = (),
    node: str = "",
    phase: str = "Running",
    labels: dict[str, str] | None = None,
    owner: str = "",
    terminating: bool = False,
    spec: dict[str, Any] | None = None,
    **meta: Any,
) -> Pod:
    conditions = []
    if ready is not None:
        conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": since}]
    if owner:
        meta["ownerReferences"] = owned_by(owner)
    if terminating:
        meta["deletionTimestamp"] = since
    return make(
        Pod,
        name,
        meta={"labels": labels or {}, "creationTimestamp": since, **meta},
        spec={"nodeName": node, "containers": [{"name": "c"}], **(spec or {})},
        status={"phase": phase, "conditions": conditions, "podIPs": [{"ip": ip} for ip in ips]},
    )


def replica_set(
    name: str,
    replicas: int,
    *,
    available: int | None = None,
    age: int = 0,
    image: str = "v1",
    status: dict[str, Any] | None = None,
    **annotations: str,
) -> ReplicaSet:
    """`age`: the higher, the older."""
    count = replicas if available is None else available
    return make(
        ReplicaSet,
        name,
        meta={
            "creationTimestamp": f"2027-01-14T{23 - age:02}:00:00Z",
            "annotations": {
                f"deployment.kubernetes.io/{key.replace('_', '-')}": value
                for key, value in annotations.items()
            },
            "labels": {"app": "a"},
            "ownerReferences": owned_by("d", "Deployment"),
        },
        spec={
            "replicas": replicas,
            "template": template(image),
            "selector": {"matchLabels": {"app": "a"}},
        },
        status={
            "replicas": replicas,
            "readyReplicas": count,
            "availableReplicas": count,
            **(status or {}),
        },
    )


def template(image: str = "v1") -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "a"}, "creationTimestamp": None},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def deployment(replicas: int, *, image: str = "v1", **spec: Any) -> Deployment:
    meta = spec.pop("meta", {})
    status = spec.pop("status", {})
    return make(
        Deployment,
        "d",
        meta={"generation": 1, **meta},
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "a"}},
            "template": template(image),
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            **spec,
        },
        status=status,
    )


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


def service(name: str = "web", **spec: Any) -> Service:
    meta = spec.pop("meta", {})
    return make(
        Service,
        name,
        meta=meta,
        spec={
            "selector": {"app": "a"},
            "clusterIP": "10.96.0.9",
            "ipFamilies": ["IPv4"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            **spec,
        },
    )


def node(name: str, *, ready: str = "True", zone: str = "", **spec: Any) -> Node:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    return make(
        Node, name, namespace="", meta={"labels": labels}, spec=spec, status={"conditions": conditions}
    )
