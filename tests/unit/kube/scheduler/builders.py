"""Pods and nodes for tables: a row says only what matters."""

from __future__ import annotations

from typing import Any

import msgspec

from kube.objects import Node, Pod
from kube.scheduler.pods import PodInfo, pod_info
from kube.scheduler.state import ClusterState


def pod(name: str = "p", namespace: str = "ns", *, node: str = "", **spec: Any) -> PodInfo:
    """`labels`, `requests`, `ports` are put where they belong; the rest is spec."""
    labels = spec.pop("labels", {})
    requests = spec.pop("requests", {})
    ports = spec.pop("ports", [])
    owner = spec.pop("owner", None)
    meta = {"name": name, "namespace": namespace, "uid": spec.pop("uid", f"uid-{name}"), "labels": labels}
    if owner:
        meta["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
        ]
    if spec.pop("terminating", False):
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = spec.pop("status", {})
    containers = [{"name": "c", "image": "i", "resources": {"requests": requests}, "ports": ports}]
    raw = {
        "metadata": meta,
        "spec": {"containers": containers, "nodeName": node, **spec},
        "status": status,
    }
    return pod_info(msgspec.convert(raw, Pod))


def node(name: str, **fields: Any) -> Node:
    """4 cores, 8 GiB, 110 pods, unless said otherwise; hostname label set."""
    labels = {"kubernetes.io/hostname": name, **fields.pop("labels", {})}
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110", **fields.pop("allocatable", {})}
    images = fields.pop("images", [])
    raw = {
        "metadata": {"name": name, "labels": labels},
        "spec": fields,
        "status": {"allocatable": allocatable, "images": images},
    }
    return msgspec.convert(raw, Node)


def cluster(*parts: Node | PodInfo) -> ClusterState:
    state = ClusterState()
    for part in parts:
        if isinstance(part, Node):
            state.set_node(part)
        else:
            state.set_pod(part)
    return state
