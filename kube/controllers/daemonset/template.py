"""The pod of a DaemonSet for one node, and which nodes want one. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from kube.controllers.history.plan import HASH_LABEL
from kube.controllers.owners import controller_reference
from kube.objects import DaemonSet, Node, Pod
from kube.scheduler.filters import matches_node, untolerated
from kube.scheduler.nodes import with_node
from kube.scheduler.pods import NodeWishes, pod_info

_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_TOLERATED_WITH_HOST_NETWORK = (("node.kubernetes.io/network-unavailable", "NoSchedule"),)


class Fitness(NamedTuple):
    """`may_run`: a pod should be there; `may_stay`: one that is there is not removed."""

    may_run: bool
    may_stay: bool


def _spec(template: dict[str, Any]) -> dict[str, Any]:
    """The template's spec with the tolerations that every daemon pod has."""
    spec = dict(template.get("spec") or {})
    more = (*_TOLERATED, *(_TOLERATED_WITH_HOST_NETWORK if spec.get("hostNetwork") else ()))
    own = list(spec.get("tolerations") or ())
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in more]
    spec["tolerations"] = [*own, *(one for one in added if one not in own)]
    return spec


def wishes(daemon_set: DaemonSet) -> NodeWishes:
    """Raises msgspec.ValidationError for a template that is no pod."""
    spec = _spec(daemon_set.spec.template)
    return pod_info(msgspec.convert({"spec": spec}, Pod)).wishes


def fitness(wanted: NodeWishes, node: Node) -> Fitness:
    info = with_node(None, node)
    if wanted.node_name not in ("", info.name) or not matches_node(wanted, info):
        return Fitness(may_run=False, may_stay=False)
    if untolerated(node.spec.taints, wanted.tolerations) is None:
        return Fitness(may_run=True, may_stay=True)
    evicting = [taint for taint in node.spec.taints if taint.effect == "NoExecute"]
    return Fitness(may_run=False, may_stay=untolerated(evicting, wanted.tolerations) is None)


def pod_body(daemon_set: DaemonSet, node: str, digest: str) -> dict[str, Any]:
    """Bound to its node by affinity: the scheduler still decides when it fits."""
    template = daemon_set.spec.template
    meta = template.get("metadata") or {}
    spec = _spec(template)
    affinity = dict(spec.get("affinity") or {})
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [field]}]},
    }
    return {
        "metadata": {
            **{field: meta[field] for field in ("annotations", "finalizers") if meta.get(field)},
            "labels": {**(meta.get("labels") or {}), HASH_LABEL: digest},
            "generateName": f"{daemon_set.metadata.name}-",
            "namespace": daemon_set.metadata.namespace,
            "ownerReferences": [controller_reference(daemon_set)],
        },
        "spec": {**spec, "affinity": affinity},
    }


def node_of(pod: Pod) -> str:
    """Where a daemon pod is, or is meant to be."""
    if pod.spec.node_name or pod.spec.affinity is None or pod.spec.affinity.node_affinity is None:
        return pod.spec.node_name
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms if required is not None else ():
        for condition in term.match_fields:
            if condition.key == "metadata.name" and len(condition.values) == 1:
                return condition.values[0]
    return ""
