"""How many pods a ReplicaSet makes or deletes, and which."""

from __future__ import annotations

import pytest

from kube.controllers.claims import claims
from kube.controllers.replicaset import plan
from kube.objects import LabelSelector, Pod
from tests.unit.kube.controllers.builders import NOW, pod, replica_set

APP = LabelSelector(match_labels={"app": "a"})
A = {"app": "a"}


@pytest.mark.parametrize(
    ("replicas", "pods", "create", "delete"),
    [
        (3, [], 3, 0),
        (3, [pod("p")], 2, 0),
        (1, [pod("p"), pod("q")], 0, 1),
        (1, [pod("p", phase="Failed")], 1, 0),
        (1, [pod("p", phase="Succeeded")], 1, 0),
        (1, [pod("p", terminating=True)], 1, 0),
        (9, [], 5, 0),
    ],
)
def test_the_number_of_active_pods_is_made_as_asked(
    replicas: int, pods: list[Pod], create: int, delete: int
) -> None:
    todo = plan.plan(replica_set("r", replicas), pods, NOW, burst=5)
    assert (todo.create, len(todo.delete)) == (create, delete)


ORDER: list[tuple[str, Pod, Pod]] = [
    # why, who goes first, who stays
    ("not placed yet", pod("go"), pod("stay", node="n")),
    ("pending", pod("go", node="n", phase="Pending"), pod("stay", node="n")),
    ("not ready", pod("go", node="n", ready=False), pod("stay", node="n", ready=True)),
    (
        "cheaper to delete",
        pod("go", node="n", ready=True, annotations={plan.DELETION_COST: "-1"}),
        pod("stay", node="n", ready=True),
    ),
    (
        "ready for a shorter time",
        pod("go", node="n", ready=True, since="2027-01-15T07:59:00Z"),
        pod("stay", node="n", ready=True, since="2027-01-15T07:00:00Z"),
    ),
]


@pytest.mark.parametrize(("goes", "stays"), [case[1:] for case in ORDER], ids=[case[0] for case in ORDER])
def test_the_less_useful_pod_is_deleted(goes: Pod, stays: Pod) -> None:
    assert plan.least_useful([stays, goes], 1, NOW) == [goes]


def test_the_fuller_node_gives_up_a_pod() -> None:
    pods = [pod("a", node="n1", ready=True), pod("b", node="n2", ready=True), pod("c", node="n2", ready=True)]
    assert plan.least_useful(pods, 1, NOW)[0].spec.node_name == "n2"


def test_pods_are_claimed_by_label() -> None:
    ours, stray, other = pod("ours", owner="r", labels=A), pod("stray", labels=A), pod("other")
    lost = pod("lost", owner="r", labels={"app": "b"})
    foreign = pod("foreign", owner="z", labels=A)
    found = claims("uid-r", APP, [ours, stray, other, lost, foreign], may_adopt=True)
    assert (found.owned, found.adopt, found.release) == ((ours,), (stray,), (lost,))


def test_status_counts_ready_and_available_apart() -> None:
    young = pod("young", ready=True, since="2027-01-15T07:59:55Z", labels=A)
    old = pod("old", ready=True, labels=A)
    leaving = pod("leaving", terminating=True, labels=A)
    one = replica_set("r", 3)
    import msgspec

    one = msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, min_ready_seconds=10))
    pods = [young, old, leaving, pod("bare")]
    found = plan.status(one, pods, NOW, None)
    counts = (found.replicas, found.ready_replicas, found.available_replicas, found.fully_labeled_replicas)
    assert counts == (3, 2, 1, 2)
    assert found.terminating_replicas == 1
    assert plan.next_available_in(one, pods, NOW) == 5


def test_a_pod_is_made_from_the_whole_template() -> None:
    one = replica_set("r", 1)
    body = plan.pod_body({**one.spec.template, "spec": {"unheardOf": {"x": 1}}}, one)
    assert body["spec"] == {"unheardOf": {"x": 1}}
    assert body["metadata"]["generateName"] == "r-"
    assert body["metadata"]["labels"] == A
    assert body["metadata"]["ownerReferences"][0]["controller"] is True
