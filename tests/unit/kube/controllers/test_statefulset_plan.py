"""Which pods of a StatefulSet are made, updated and ended next, and whose their claims are."""

from typing import Any

import pytest

from kube.controllers.owners import controller_of
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.controllers.statefulset.plan import plan
from kube.controllers.statefulset.retention import owner_of_claim, owners_patch
from kube.objects import PersistentVolumeClaim, Pod
from tests.unit.kube.controllers.builders import NOW, make, pod

NEW, OLD = "web-new", "web-old"


def stateful(replicas: int = 3, **spec: Any) -> ClaimingStatefulSet:
    return make(ClaimingStatefulSet, "web", spec={"replicas": replicas, **spec})


def pods(states: str, revision: str = OLD, start: int = 0) -> list[Pod]:
    """A letter a pod: r ready, u unready, t terminating, - absent; capitals are of the new revision."""
    found = []
    for ordinal, state in enumerate(states, start):
        if state != "-":
            labels = {"controller-revision-hash": NEW if state.isupper() else revision}
            low = state.lower()
            found.append(
                pod(f"web-{ordinal}", ready=low != "u", labels=labels, terminating=low == "t", node="n")
            )
    return found


def deleted(one: ClaimingStatefulSet, states: str) -> list[str]:
    return [each.metadata.name for each in plan(one, pods(states), NEW, NOW).delete]


@pytest.mark.parametrize(
    ("states", "first"),
    [
        ("RRR", "web-2"),
        ("RRU", "web-2"),  # the only unhealthy one may go
        ("RUR", "web-2"),
        ("URU", ""),  # web-0 is unhealthy, too: somebody must look
        ("UUU", ""),
        ("RRT", ""),
    ],
)
def test_scaling_down_halts_before_an_unhealthy_pod_while_another_is(states: str, first: str) -> None:
    assert deleted(stateful(0), states) == ([first] if first else [])


def test_parallel_scaling_down_waits_for_nobody() -> None:
    one = stateful(0, podManagementPolicy="Parallel")
    assert deleted(one, "URT") == ["web-1", "web-0"]


@pytest.mark.parametrize(
    ("most", "states", "gone"),
    [
        (None, "rrr", ["web-2"]),
        (None, "rrT", []),
        (None, "rrR", ["web-1"]),
        (2, "rrrr", ["web-3", "web-2"]),
        (2, "rrrT", ["web-2"]),
        ("50%", "rrrr", ["web-3", "web-2"]),
        ("30%", "rrrr", ["web-3", "web-2"]),  # 1.2 rounds up
        (2, "rrUr", ["web-3"]),
        (1, "rur", ["web-1"]),  # it is unavailable anyway, and the update may mend it
        (1, "ruU", []),
    ],
)
def test_as_many_are_updated_as_may_be_unavailable(most: Any, states: str, gone: list[str]) -> None:
    rolling = {"maxUnavailable": most} if most is not None else {}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    one = stateful(len(states), updateStrategy=strategy, podManagementPolicy="Parallel")
    assert deleted(one, states) == gone


def test_the_partition_keeps_lower_ordinals_old() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    assert deleted(stateful(updateStrategy=strategy), "rrr") == ["web-2"]
    assert deleted(stateful(updateStrategy=strategy), "rrR") == []


def test_ordinals_may_start_elsewhere() -> None:
    one = stateful(2, ordinals={"start": 5})
    assert [each.ordinal for each in plan(one, [], NEW, NOW).create] == [5]
    assert [each.metadata.name for each in plan(one, pods("RRR", start=5), NEW, NOW).delete] == ["web-7"]


def test_a_pod_must_have_been_ready_for_min_ready_seconds() -> None:
    one = stateful(2, minReadySeconds=60)
    young = pod("web-0", ready=True, since="2027-01-15T07:59:30Z", labels={"controller-revision-hash": NEW})
    found = plan(one, [young], NEW, NOW)
    assert (found.create, found.again_in_s) == ((), 30.0)


@pytest.mark.parametrize(
    ("deleted_policy", "scaled", "ordinal", "owner"),
    [
        ("Retain", "Retain", 0, None),
        ("Delete", "Retain", 0, "StatefulSet"),
        ("Delete", "Retain", 5, "StatefulSet"),
        ("Retain", "Delete", 0, None),
        ("Retain", "Delete", 5, "Pod"),
        ("Delete", "Delete", 0, "StatefulSet"),
        ("Delete", "Delete", 5, "Pod"),
    ],
)
def test_who_takes_the_claims_along(
    deleted_policy: str, scaled: str, ordinal: int, owner: str | None
) -> None:
    policy = {"whenDeleted": deleted_policy, "whenScaled": scaled}
    one = stateful(persistentVolumeClaimRetentionPolicy=policy)
    its = pod(f"web-{ordinal}")
    found = owner_of_claim(one, ordinal, its)
    assert (found.resource.kind if found else None) == owner
    claim = make(PersistentVolumeClaim, f"data-web-{ordinal}")
    patch = owners_patch(claim, one, its, found)
    assert [ref["kind"] for ref in (patch or {"metadata": {}})["metadata"].get("ownerReferences", [])] == (
        [owner] if owner else []
    )


def test_a_claim_changes_hands_once_and_keeps_its_other_owners() -> None:
    one = stateful(persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete"})
    its = pod("web-5")
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "c"}
    gone = {"apiVersion": "v1", "kind": "Pod", "name": "web-5", "uid": "an earlier pod"}
    claim = make(PersistentVolumeClaim, "data-web-5", meta={"ownerReferences": [other, gone]})
    patch = owners_patch(claim, one, its, its)
    assert patch is not None
    refs = patch["metadata"]["ownerReferences"]
    assert [ref["uid"] for ref in refs] == ["c", "uid-web-5"]
    settled = make(PersistentVolumeClaim, "data-web-5", meta={"ownerReferences": refs})
    assert owners_patch(settled, one, its, its) is None
    assert controller_of(settled) is None
