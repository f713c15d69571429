"""Which nodes refuse which pods, and in which words."""

from __future__ import annotations

from random import Random

import pytest

from kube.objects import Node
from kube.scheduler.decide import Bind, Unschedulable, decide
from kube.scheduler.pods import PodInfo
from kube.scheduler.profile import SchedulerProfile
from tests.unit.kube.scheduler.builders import cluster, node, pod


def affinity(
    *expressions: dict[str, object], fields: list[dict[str, object]] | None = None
) -> dict[str, object]:
    term: dict[str, object] = {"matchExpressions": list(expressions), "matchFields": fields or []}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def near(labels: dict[str, str], key: str = "zone", **more: object) -> dict[str, object]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": labels}, **more}


def required(kind: str, *terms: dict[str, object]) -> dict[str, object]:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def spread(skew: int = 1, key: str = "zone", **more: object) -> dict[str, object]:
    return {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "a"}},
        **more,
    }


TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}
A = node("a", labels={"zone": "z1"})
B = node("b", labels={"zone": "z2"})
WEB_ON_A = pod("web", node="a", labels={"app": "a"})

CASES: list[tuple[str, PodInfo, list[Node | PodInfo], str]] = [
    ("an empty pod fits", pod(), [A], "a"),
    ("no nodes", pod(), [], "no nodes available to schedule pods"),
    (
        "a cordoned node",
        pod(),
        [node("a", unschedulable=True)],
        "0/1 nodes are available: 1 node(s) were unschedulable.",
    ),
    (
        "a cordoned node tolerated",
        pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
        [node("a", unschedulable=True)],
        "a",
    ),
    (
        "a taint",
        pod(),
        [node("a", taints=[TAINT])],
        "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
    ),
    (
        "a taint tolerated by value",
        pod(tolerations=[{"key": "k", "value": "v"}]),
        [node("a", taints=[TAINT])],
        "a",
    ),
    (
        "a toleration for another effect does not help",
        pod(tolerations=[{"key": "k", "operator": "Exists", "effect": "NoExecute"}]),
        [node("a", taints=[TAINT])],
        "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
    ),
    ("everything tolerated", pod(tolerations=[{"operator": "Exists"}]), [node("a", taints=[TAINT])], "a"),
    (
        "PreferNoSchedule does not refuse",
        pod(),
        [node("a", taints=[{"key": "k", "effect": "PreferNoSchedule"}])],
        "a",
    ),
    ("nodeSelector", pod(nodeSelector={"zone": "z2"}), [A, B], "b"),
    (
        "nodeSelector without a match",
        pod(nodeSelector={"zone": "z3"}),
        [A, B],
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    ),
    (
        "affinity In",
        pod(affinity=affinity({"key": "zone", "operator": "In", "values": ["z2", "z3"]})),
        [A, B],
        "b",
    ),
    (
        "affinity Gt",
        pod(affinity=affinity({"key": "gen", "operator": "Gt", "values": ["3"]})),
        [node("a", labels={"gen": "3"}), node("b", labels={"gen": "4"})],
        "b",
    ),
    (
        "affinity by name",
        pod(affinity=affinity(fields=[{"key": "metadata.name", "operator": "In", "values": ["b"]}])),
        [A, B],
        "b",
    ),
    (
        "an empty affinity term matches no node",
        pod(affinity=affinity()),
        [A],
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ),
    (
        "a taken host port",
        pod(ports=[{"containerPort": 80, "hostPort": 80}]),
        [A, pod("x", node="a", ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}])],
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ),
    (
        "the same host port on another address",
        pod(ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.2"}]),
        [A, pod("x", node="a", ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}])],
        "a",
    ),
    (
        "the same host port of another protocol",
        pod(ports=[{"containerPort": 80, "hostPort": 80, "protocol": "UDP"}]),
        [A, pod("x", node="a", ports=[{"containerPort": 80, "hostPort": 80}])],
        "a",
    ),
    (
        "too little cpu and memory",
        pod(requests={"cpu": "2500m", "memory": "6Gi"}),
        [A, pod("x", node="a", requests={"cpu": "2", "memory": "4Gi"})],
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.",
    ),
    (
        "an extended resource",
        pod(requests={"example.com/gpu": "2"}),
        [node("a", allocatable={"example.com/gpu": "1"}), node("b", allocatable={"example.com/gpu": "2"})],
        "b",
    ),
    (
        "too many pods",
        pod(),
        [node("a", allocatable={"pods": "1"}), pod("x", node="a")],
        "0/1 nodes are available: 1 Too many pods.",
    ),
    (
        "reasons are counted over nodes",
        pod(requests={"cpu": "3"}),
        [
            A,
            B,
            node("c", taints=[TAINT]),
            pod("x", node="a", requests={"cpu": "2"}),
            pod("y", node="b", requests={"cpu": "2"}),
        ],
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.",
    ),
    (
        "affinity to a pod's zone",
        pod(affinity=required("podAffinity", near({"app": "a"}))),
        [A, B, WEB_ON_A],
        "a",
    ),
    (
        "affinity to a pod that is not there",
        pod(affinity=required("podAffinity", near({"app": "b"}))),
        [A, WEB_ON_A],
        "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    ),
    (
        "the first pod of a group that wants itself",
        pod(labels={"app": "b"}, affinity=required("podAffinity", near({"app": "b"}))),
        [A, WEB_ON_A],
        "a",
    ),
    (
        "affinity does not reach into another namespace",
        pod(affinity=required("podAffinity", near({"app": "a"}))),
        [A, pod("web", "other", node="a", labels={"app": "a"})],
        "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    ),
    (
        "affinity with an empty namespaceSelector reaches every namespace",
        pod(affinity=required("podAffinity", near({"app": "a"}, namespaceSelector={}))),
        [A, B, pod("web", "other", node="b", labels={"app": "a"})],
        "b",
    ),
    ("anti-affinity", pod(affinity=required("podAntiAffinity", near({"app": "a"}))), [A, B, WEB_ON_A], "b"),
    (
        "anti-affinity everywhere",
        pod(affinity=required("podAntiAffinity", near({"app": "a"}))),
        [A, WEB_ON_A],
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
    ),
    (
        "anti-affinity of a pod that is already there",
        pod(labels={"app": "b"}),
        [A, pod("x", node="a", affinity=required("podAntiAffinity", near({"app": "b"})))],
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
    ),
    (
        "a terminating pod is still a neighbour",
        pod(affinity=required("podAntiAffinity", near({"app": "a"}))),
        [A, B, pod("web", node="a", labels={"app": "a"}, terminating=True)],
        "b",
    ),
    (
        "spread over zones",
        pod(labels={"app": "a"}, topologySpreadConstraints=[spread()]),
        [A, B, WEB_ON_A],
        "b",
    ),
    (
        "spread does not count terminating pods",
        pod(labels={"app": "a"}, topologySpreadConstraints=[spread()], nodeSelector={"zone": "z1"}),
        [A, B, pod("web", node="a", labels={"app": "a"}, terminating=True)],
        "a",
    ),
    (
        "spread refuses what is too skewed",
        pod(
            labels={"app": "a"},
            topologySpreadConstraints=[spread(nodeAffinityPolicy="Ignore")],
            nodeSelector={"zone": "z1"},
        ),
        [A, B, WEB_ON_A],
        (
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
            "1 node(s) didn't match pod topology spread constraints."
        ),
    ),
    (
        "spread honours the node selector: one zone alone is even",
        pod(labels={"app": "a"}, topologySpreadConstraints=[spread()], nodeSelector={"zone": "z1"}),
        [A, B, WEB_ON_A],
        "a",
    ),
    (
        "spread with too few domains takes zero as the minimum",
        pod(labels={"app": "a"}, topologySpreadConstraints=[spread(minDomains=3)]),
        [A, B, WEB_ON_A, pod("w2", node="b", labels={"app": "a"})],
        "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
    ),
    (
        "spread needs the label",
        pod(labels={"app": "a"}, topologySpreadConstraints=[spread()]),
        [node("a")],
        (
            "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints "
            "(missing required label)."
        ),
    ),
    (
        "spread by matchLabelKeys counts one revision only",
        pod(
            labels={"app": "a", "rev": "2"},
            topologySpreadConstraints=[spread(matchLabelKeys=["rev"])],
            nodeSelector={"zone": "z1"},
        ),
        [A, B, pod("web", node="a", labels={"app": "a", "rev": "1"})],
        "a",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "parts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_pod_gets_the_node_or_the_reason(
    wanted: PodInfo, parts: list[Node | PodInfo], expected: str
) -> None:
    decision = decide(wanted, cluster(*parts), SchedulerProfile(), Random(1))
    match decision:
        case Bind(node=name):
            assert name == expected
        case Unschedulable(message=message):
            assert message == expected
