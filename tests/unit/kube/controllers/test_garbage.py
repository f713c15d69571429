"""What the garbage collector does with one object."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kube.controllers.garbage import plan
from kube.controllers.garbage.graph import Graph, Item
from kube.objects import NamespacedName, OwnerReference, Resource

PODS = Resource("", "v1", "pods", "Pod")


def item(uid: str, *owners: str, deleting: str = "", blocking: bool = True) -> Item:
    """`deleting`: Background, Foreground or Orphan."""
    finalizers = {"Foreground": ("foregroundDeletion",), "Orphan": ("orphan",)}.get(deleting, ())
    return Item(
        uid=uid,
        resource=PODS,
        key=NamespacedName("ns", uid),
        owners=tuple(
            OwnerReference(api_version="v1", kind="Pod", name=owner, uid=owner, block_owner_deletion=blocking)
            for owner in owners
        ),
        finalizers=finalizers,
        deleting=bool(deleting),
    )


OWNER, GONE = item("owner"), "gone"
ENDING = item("owner", deleting="Foreground")

CASES: list[tuple[str, Item, list[Item], plan.Action]] = [
    ("without owners it stays", item("x"), [], plan.Nothing()),
    ("with its owner it stays", item("x", "owner"), [OWNER], plan.Nothing()),
    ("without its owner it goes", item("x", GONE), [], plan.Delete(propagation="Background")),
    (
        "an owner that nobody knows is asked for",
        item("x", "new"),
        [],
        plan.Verify(owners=item("x", "new").owners),
    ),
    (
        "for another owner it stays, without the one that is gone",
        item("x", "owner", GONE),
        [OWNER],
        plan.DropOwners(uids=frozenset({GONE})),
    ),
    (
        "what is being deleted in the background is left alone",
        item("x", GONE, deleting="Background"),
        [],
        plan.Nothing(),
    ),
    (
        "an owner that waits looks at what it waits for",
        ENDING,
        [item("x", "owner")],
        plan.Descend(uids=("x",)),
    ),
    (
        "an owner does not wait for what does not block",
        ENDING,
        [item("x", "owner", blocking=False)],
        plan.Release(finalizer="foregroundDeletion"),
    ),
    (
        "a leaf of a waiting owner goes",
        item("x", "owner"),
        [ENDING],
        plan.Delete(propagation="Background"),
    ),
    (
        "what has dependents itself passes the waiting on",
        item("x", "owner"),
        [ENDING, item("y", "x")],
        plan.Delete(propagation="Foreground"),
    ),
    (
        "the last dependent is gone",
        ENDING,
        [],
        plan.Release(finalizer="foregroundDeletion"),
    ),
    (
        "orphans are let go",
        item("owner", deleting="Orphan"),
        [item("x", "owner")],
        plan.Release(finalizer="orphan", orphans=(item("x", "owner"),)),
    ),
]


def is_absent(graph: Graph) -> Any:
    def asked(ref: OwnerReference, _: Item) -> bool | None:
        if ref.uid in graph.items:
            return False
        return True if ref.uid == GONE else None

    return asked


@pytest.mark.parametrize(
    ("one", "others", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_object_by_its_owners(one: Item, others: list[Item], expected: plan.Action) -> None:
    graph = Graph()
    for other in (*others, one):
        graph.put(other)
    assert plan.plan(one, graph, is_absent(graph)) == expected


def test_a_cycle_of_waiting_owners_is_broken() -> None:
    graph = Graph()
    a, b = item("a", "b"), item("b", "a", deleting="Foreground")
    graph.put(a)
    graph.put(b)
    action = plan.plan(a, graph, is_absent(graph))
    assert action == plan.Delete(propagation="Foreground", unblock=(a,))


def test_the_end_of_an_owner_brings_its_dependents_up() -> None:
    graph = Graph()
    graph.put(OWNER)
    graph.put(item("x", "owner"))
    assert graph.remove("owner") == {"x"}


def test_the_end_of_a_dependent_brings_a_waiting_owner_up() -> None:
    graph = Graph()
    graph.put(item("x", "owner"))
    assert graph.put(ENDING) == {"owner"}
    assert graph.remove("x") == {"owner"}


def test_dependents_may_be_seen_before_their_owner() -> None:
    graph = Graph()
    graph.put(item("x", "owner"))
    graph.put(OWNER)
    assert [one.uid for one in graph.dependents("owner")] == ["x"]


def test_a_dropped_reference_is_forgotten() -> None:
    graph = Graph()
    graph.put(OWNER)
    graph.put(item("x", "owner"))
    graph.put(item("x"))
    assert list(graph.dependents("owner")) == []


def test_nothing_changes_nothing() -> None:
    graph = Graph()
    graph.put(item("x", "owner"))
    assert graph.put(msgspec.structs.replace(item("x", "owner"))) == set()
