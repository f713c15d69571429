"""One step of a Deployment."""

from __future__ import annotations

from typing import Any

from kube.controllers.deployment import plan, revisions
from kube.objects import Condition, ReplicaSet
from tests.unit.kube.controllers.builders import NOW, deployment, pod, replica_set, rolling, template


def kinds(todo: plan.Plan) -> list[str]:
    return [type(op).__name__ for op in todo.ops]


def named(conditions: tuple[Condition, ...]) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in conditions}


def current(replicas: int, **more: Any) -> ReplicaSet:
    annotations = {"revision": "1", "desired_replicas": str(replicas), "max_replicas": str(replicas + 1)}
    return replica_set("d-new", replicas, **{**annotations, **more})


def test_a_new_deployment_gets_its_first_set() -> None:
    todo = plan.plan(deployment(3), [], [], NOW)
    made = todo.ops[0]
    assert isinstance(made, plan.CreateSet)
    digest = made.body["metadata"]["labels"]["pod-template-hash"]
    assert made.body["metadata"]["name"] == f"d-{digest}"
    assert made.body["spec"]["selector"] == {"matchLabels": {"app": "a", "pod-template-hash": digest}}
    assert made.body["spec"]["template"]["metadata"]["labels"] == {"app": "a", "pod-template-hash": digest}
    assert made.body["metadata"]["annotations"] == {
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    assert made.replicas == 3
    assert todo.ops[1] == plan.SetRevision(revision=1)
    assert named(todo.status.conditions) == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("True", "NewReplicaSetCreated"),
    }


def test_a_finished_deployment_needs_nothing() -> None:
    meta = {"annotations": {revisions.REVISION: "1"}}
    todo = plan.plan(deployment(3, meta=meta), [current(3)], [], NOW)
    assert todo.ops == ()
    assert todo.status.available_replicas == 3
    assert named(todo.status.conditions) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }


def test_a_changed_template_makes_the_next_revision() -> None:
    todo = plan.plan(deployment(3, image="v2"), [current(3)], [], NOW)
    made = todo.ops[0]
    assert isinstance(made, plan.CreateSet)
    assert (made.replicas, todo.ops[1]) == (1, plan.SetRevision(revision=2))


def test_undo_takes_up_the_old_set_under_a_new_number() -> None:
    old = replica_set("d-old", 0, age=2, image="v1", revision="1")
    new = replica_set("d-new", 3, image="v2", revision="2", desired_replicas="3", max_replicas="4")
    todo = plan.plan(deployment(3, image="v1"), [old, new], [], NOW)
    annotate, revise, scale = todo.ops
    assert isinstance(annotate, plan.AnnotateSet)
    assert annotate.annotations[revisions.REVISION] == "3"
    assert annotate.annotations[revisions.REVISION_HISTORY] == "1"
    assert revise == plan.SetRevision(revision=3)
    assert isinstance(scale, plan.ScaleSet)
    assert (scale.replica_set.metadata.name, scale.replicas) == ("d-old", 1)


def test_a_new_size_changes_the_set_and_its_notes() -> None:
    todo = plan.plan(deployment(5), [current(3)], [], NOW)
    (scale,) = todo.ops
    assert isinstance(scale, plan.ScaleSet)
    assert (scale.replicas, scale.annotations[revisions.DESIRED_REPLICAS]) == (5, "5")


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    todo = plan.plan(deployment(3, image="v2", paused=True), [current(3)], [], NOW)
    assert todo.ops == ()
    assert named(todo.status.conditions)["Progressing"] == ("Unknown", "DeploymentPaused")


def test_recreate_ends_the_old_pods_before_the_first_new_one() -> None:
    one = deployment(3, image="v2", strategy={"type": "Recreate"})
    running = current(3)
    assert kinds(plan.plan(one, [running], [], NOW)) == ["ScaleSet"]
    ended = replica_set("d-new", 0, revision="1")
    leaving = pod("p", owner="d-new", terminating=True)
    assert plan.plan(one, [ended], [leaving], NOW).ops == ()
    assert kinds(plan.plan(one, [ended], [], NOW)) == ["CreateSet", "SetRevision"]


def test_history_beyond_the_limit_is_deleted_oldest_first() -> None:
    meta = {"annotations": {revisions.REVISION: "9"}}
    old = [replica_set(f"d-{n}", 0, image=f"o{n}", age=n, revision=str(9 - n)) for n in range(1, 4)]
    new = current(3, revision="9")
    todo = plan.plan(deployment(3, meta=meta, revisionHistoryLimit=1), [new, *old], [], NOW)
    assert [op.replica_set.metadata.name for op in todo.ops if isinstance(op, plan.DeleteSet)] == [
        "d-3",
        "d-2",
    ]


def test_a_rollout_that_stands_still_is_reported_after_the_deadline() -> None:
    progressing = {
        "type": "Progressing",
        "status": "True",
        "reason": "ReplicaSetUpdated",
        "lastUpdateTime": "2027-01-15T07:55:00Z",
        "lastTransitionTime": "2027-01-15T07:50:00Z",
    }
    status = {"replicas": 3, "updatedReplicas": 3, "unavailableReplicas": 3, "conditions": [progressing]}
    meta = {"annotations": {revisions.REVISION: "1"}}
    stuck = [current(3, available=0)]
    early = plan.plan(deployment(3, meta=meta, status=status), stuck, [], NOW)
    assert named(early.status.conditions)["Progressing"] == ("True", "ReplicaSetUpdated")
    assert early.again_in_s == 301
    late = plan.plan(deployment(3, meta=meta, status=status, progressDeadlineSeconds=200), stuck, [], NOW)
    assert named(late.status.conditions)["Progressing"] == ("False", "ProgressDeadlineExceeded")


def test_a_set_that_cannot_make_pods_is_shown() -> None:
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota",
    }
    stuck = current(3, available=0, status={"conditions": [failure]})
    todo = plan.plan(deployment(3), [stuck], [], NOW)
    assert named(todo.status.conditions)["ReplicaFailure"] == ("True", "FailedCreate")


def test_templates_are_compared_without_the_hash_label_and_nulls() -> None:
    other = {**template(), "metadata": {"labels": {"app": "a", revisions.HASH_LABEL: "x"}}}
    assert revisions.same_template(template(), other)
    assert not revisions.same_template(template(), template("v2"))


def test_equal_templates_have_one_hash_and_a_collision_another() -> None:
    one = template()
    swapped = dict(reversed(one.items()))
    assert revisions.template_hash(one, None) == revisions.template_hash(swapped, None)
    assert revisions.template_hash(one, None) != revisions.template_hash(one, 1)
    assert set(revisions.template_hash(one, None)) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_an_explicit_strategy_is_rolled() -> None:
    todo = plan.plan(deployment(4, image="v2", strategy=rolling(0, 1)), [current(4)], [], NOW)
    made = todo.ops[0]
    assert isinstance(made, plan.CreateSet)
    assert made.replicas == 0
