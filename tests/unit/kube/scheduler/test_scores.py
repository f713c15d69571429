"""Which of several feasible nodes is taken."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
import pytest

from kube.objects import Node
from kube.scheduler.decide import Bind, LocalMemo, decide, nodes_to_find
from kube.scheduler.nodes import with_node
from kube.scheduler.pods import PodInfo, pod_requests
from kube.scheduler.profile import SchedulerProfile
from kube.scheduler.scores import local_score
from kube.scheduler.state import ClusterState
from tests.unit.kube.scheduler.builders import cluster, node, pod

A, B, C = (node(name) for name in "abc")
ZONED = [node(f"n{i}", labels={"topology.kubernetes.io/zone": f"z{i % 2}"}) for i in range(4)]


def prefer(**labels: str) -> dict[str, object]:
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    term = {"weight": 10, "preference": {"matchExpressions": expressions}}
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}


def prefer_pods(kind: str, **labels: str) -> dict[str, object]:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    return {
        kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
    }


CASES: list[tuple[str, PodInfo, list[Node | PodInfo], str]] = [
    (
        "the emptier node",
        pod(requests={"cpu": "1"}),
        [A, B, pod("x", node="a", requests={"cpu": "2", "memory": "4Gi"})],
        "b",
    ),
    (
        "pods without requests count as a little",
        pod(),
        [A, B, pod("x", node="a"), pod("y", node="a")],
        "b",
    ),
    (
        "preferred node affinity",
        pod(affinity=prefer(disk="ssd")),
        [A, node("b", labels={"disk": "ssd"})],
        "b",
    ),
    (
        "a taint that is better avoided",
        pod(),
        [node("a", taints=[{"key": "k", "effect": "PreferNoSchedule"}]), B],
        "b",
    ),
    (
        "preferred pod affinity",
        pod(affinity=prefer_pods("podAffinity", app="db")),
        [A, B, pod("db", node="b", labels={"app": "db"})],
        "b",
    ),
    (
        "preferred pod anti-affinity",
        pod(affinity=prefer_pods("podAntiAffinity", app="db")),
        [
            A,
            B,
            C,
            pod("db", node="b", labels={"app": "db"}),
            pod("x", node="a", affinity=prefer_pods("podAntiAffinity", app="db"), labels={"app": "db"}),
        ],
        "c",
    ),
    (
        "an existing pod's preference for us",
        pod(labels={"app": "web"}),
        [A, B, pod("db", node="b", affinity=prefer_pods("podAffinity", app="web"))],
        "b",
    ),
    (
        "the node that has a big image",
        pod(),
        [node("a", images=[{"names": ["i:latest"], "sizeBytes": 900 << 20}]), B],
        "a",
    ),
    (
        "the node with fewer pods of the same owner",
        pod("w3", labels={"app": "w"}, owner="rs"),
        [
            A,
            B,
            pod("w1", node="a", labels={"app": "w"}, owner="rs"),
            pod("w2", node="a", labels={"app": "w"}, owner="rs"),
        ],
        "b",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "parts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_better_node_is_taken(wanted: PodInfo, parts: list[Node | PodInfo], expected: str) -> None:
    assert decide(wanted, cluster(*parts), SchedulerProfile(), Random(1)) == Bind(node=expected)


def place_all(state: ClusterState, pods: list[PodInfo], profile: SchedulerProfile, seed: int) -> Counter[str]:
    rng, memo = Random(seed), LocalMemo()
    for one in pods:
        decision = decide(one, state, profile, rng, memo)
        assert isinstance(decision, Bind)
        state.set_pod(msgspec.structs.replace(one, node_name=decision.node))
    return Counter(one.node_name for one in state.pods.values())


@pytest.mark.parametrize("seed", range(5))
def test_many_pods_at_once_are_even_over_three_nodes(seed: int) -> None:
    pods = [pod(f"p{i}", labels={"app": "w"}, owner="rs") for i in range(30)]
    assert place_all(cluster(A, B, C), pods, SchedulerProfile(), seed) == {"a": 10, "b": 10, "c": 10}


def test_pods_of_two_deployments_are_each_even_over_three_nodes() -> None:
    pods = [pod(f"p{i}", labels={"app": f"w{i % 2}"}, owner=f"rs{i % 2}") for i in range(12)]
    state = cluster(A, B, C)
    place_all(state, pods, SchedulerProfile(), 3)
    for group in state.running:
        assert sorted(state.running.of(group).values()) == [2, 2, 2]


def test_pods_of_a_service_are_even_over_zones() -> None:
    state = cluster(*ZONED)
    state.services["ns"] = {"web": {"app": "w"}}
    counts = place_all(state, [pod(f"p{i}", labels={"app": "w"}) for i in range(8)], SchedulerProfile(), 1)
    assert counts["n0"] + counts["n2"] == counts["n1"] + counts["n3"] == 4


def test_bin_packing_fills_one_node_first() -> None:
    state = cluster(A, B, C)
    profile = SchedulerProfile(fit_strategy="MostAllocated")
    counts = place_all(
        state, [pod(f"p{i}", requests={"cpu": "1", "memory": "2Gi"}) for i in range(4)], profile, 1
    )
    assert list(counts.values()) == [4]


def test_equals_are_drawn_by_lot() -> None:
    state = cluster(A, B, C)
    taken = {decide(pod(), state, SchedulerProfile(), Random(seed)) for seed in range(30)}
    assert len(taken) == 3


def test_least_allocated_counts_what_is_left_after_the_pod() -> None:
    wishes = pod(requests={"cpu": "1", "memory": "2Gi"}).wishes
    score = local_score(wishes, with_node(None, A), SchedulerProfile())
    assert (score.fit, score.balanced) == (75, 75)


def test_a_heartbeat_keeps_the_node_value() -> None:
    state = cluster(A)
    before = state.nodes["a"]
    state.set_node(
        msgspec.structs.replace(A, metadata=msgspec.structs.replace(A.metadata, resource_version="9"))
    )
    assert state.nodes["a"] is before


@pytest.mark.parametrize(("count", "expected"), [(3, 3), (99, 99), (100, 100), (1000, 420), (5000, 500)])
def test_enough_nodes_are_compared(count: int, expected: int) -> None:
    assert nodes_to_find(count) == expected


def test_init_containers_need_their_peak_and_sidecars_stay() -> None:
    def container(name: str, cpu: str, **more: object) -> dict[str, object]:
        return {"name": name, "image": "i", "resources": {"requests": {"cpu": cpu}}, **more}

    init = [container("side", "200m", restartPolicy="Always"), container("init", "1")]
    wanted = pod(initContainers=init, requests={"cpu": "500m"}, overhead={"cpu": "10m"})
    assert dict(pod_requests(wanted.pod)) == {"cpu": 1210}


def test_a_fork_does_not_change_its_origin() -> None:
    state = cluster(A, pod("x", node="a", labels={"app": "w"}))
    other = state.fork()
    other.set_pod(pod("y", node="a", labels={"app": "w"}))
    other.remove_pod(pod("x").key)
    group = pod("x", labels={"app": "w"}).group
    assert (state.running.of(group), other.running.of(group)) == ({"a": 1}, {"a": 1})
    assert set(state.pods) == {pod("x").key}
