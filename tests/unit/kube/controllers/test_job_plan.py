"""How a Job counts its pods, starts the next ones and ends."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.job import indexes
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.job.plan import FINALIZER, Plan, plan
from kube.controllers.options import ControllerOptions
from kube.objects import Pod
from tests.unit.kube.controllers.builders import NOW, make, pod


def job(status: dict[str, Any] | None = None, **spec: Any) -> TrackedJob:
    start = {"startTime": "2027-01-15T07:50:00Z"}
    return make(
        TrackedJob, "j", spec={"completions": 3, "parallelism": 2, **spec}, status={**start, **(status or {})}
    )


def member(
    name: str, phase: str = "Running", *, counted: bool = False, index: int | None = None, **more: Any
) -> Pod:
    annotations = {indexes.INDEX: str(index)} if index is not None else {}
    finalizers = [] if counted else [FINALIZER]
    return pod(
        name, phase=phase, owner="j", finalizers=finalizers, annotations=annotations, ready=False, **more
    )


def planned(one: TrackedJob, *pods: Pod, now: float = NOW) -> Plan:
    return plan(one, pods, now, ControllerOptions())


def ends(todo: Plan) -> dict[str, str]:
    return {one.type: one.reason for one in todo.status.conditions}


@pytest.mark.parametrize(
    ("one", "pods", "started"),
    [
        (job(), [], 2),
        (job(), [member("a")], 1),
        (job({"succeeded": 2}), [], 1),
        (job(parallelism=5), [], 3),
        (job(parallelism=0), [], 0),
        (job(completions=None, parallelism=2), [], 2),
        (job(completions=None, parallelism=2), [member("a", "Succeeded"), member("b")], 0),
        (job(suspend=True), [], 0),
    ],
)
def test_as_many_run_as_are_wanted(one: TrackedJob, pods: list[Pod], started: int) -> None:
    assert len(planned(one, *pods).create) == started


def test_an_ended_pod_is_noted_then_released_then_counted() -> None:
    done = member("a", "Succeeded")
    first = planned(job(), done)
    assert (first.status.uncounted_terminated_pods.succeeded, first.status.succeeded) == (("uid-a",), 0)
    assert first.release == ()
    noted = {"uncountedTerminatedPods": {"succeeded": ["uid-a"]}}
    second = planned(job(noted), done)
    assert second.release == (done,)
    third = planned(job(noted), member("a", "Succeeded", counted=True))
    assert (third.status.uncounted_terminated_pods.succeeded, third.status.succeeded) == ((), 1)


def test_a_released_pod_is_never_counted_again() -> None:
    todo = planned(job({"succeeded": 1}), member("a", "Succeeded", counted=True))
    assert todo.status.succeeded == 1


def test_the_end_is_announced_and_said_when_all_is_counted() -> None:
    last = member("a", "Succeeded")
    first = planned(job({"succeeded": 2}), last)
    assert ends(first) == {"SuccessCriteriaMet": "CompletionsReached"}
    announced = [{"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached"}]
    status = {"succeeded": 2, "conditions": announced, "uncountedTerminatedPods": {"succeeded": ["uid-a"]}}
    second = planned(job(status), member("a", "Succeeded", counted=True))
    assert ends(second)["Complete"] == "CompletionsReached"
    assert second.status.completion_time == "2027-01-15T08:00:00Z"


def test_too_many_failures_end_it_and_its_pods() -> None:
    running = member("r")
    todo = planned(job({"failed": 2}, backoffLimit=1), running)
    assert ends(todo) == {"FailureTarget": "BackoffLimitExceeded"}
    assert todo.delete == (running,)


def test_restarts_count_where_pods_restart_themselves() -> None:
    restarted = make(
        Pod,
        "a",
        meta={"finalizers": [FINALIZER]},
        status={"phase": "Running", "containerStatuses": [{"name": "c", "restartCount": 2}]},
    )
    template = {"spec": {"restartPolicy": "OnFailure"}}
    assert ends(planned(job(template=template, backoffLimit=2), restarted)) == {
        "FailureTarget": "BackoffLimitExceeded"
    }


def test_a_deadline_ends_it() -> None:
    todo = planned(job(activeDeadlineSeconds=600), member("a"))
    assert ends(todo) == {"FailureTarget": "DeadlineExceeded"}
    assert planned(job(activeDeadlineSeconds=700), member("a")).again_in_s == 100


def test_a_failure_is_waited_for_before_the_next_try() -> None:
    failed = member("a", "Failed", since="2027-01-15T07:59:58Z")
    todo = planned(job({"failed": 0}, completions=1, parallelism=1), failed)
    assert todo.create == ()
    assert todo.again_in_s == 8


def test_indexes_are_each_done_once_lowest_first() -> None:
    one = job(
        {"completedIndexes": "0", "succeeded": 1}, completions=4, parallelism=3, completionMode="Indexed"
    )
    todo = planned(one, member("a", index=2))
    assert todo.create == (1, 3)
    assert todo.status.completed_indexes == "0"


def test_suspending_ends_the_pods_and_resets_the_start() -> None:
    running = member("a")
    todo = planned(job(suspend=True), running)
    assert (todo.delete, todo.status.start_time, ends(todo)) == (
        (running,),
        None,
        {"Suspended": "JobSuspended"},
    )


def test_a_finished_job_expires() -> None:
    over = [{"type": "Complete", "status": "True", "lastTransitionTime": "2027-01-15T07:59:00Z"}]
    assert planned(job({"conditions": over}, ttlSecondsAfterFinished=30)).expired
    later = planned(job({"conditions": over}, ttlSecondsAfterFinished=90))
    assert (later.expired, later.again_in_s) == (False, 30)


@pytest.mark.parametrize(
    ("found", "text"),
    [(set(), ""), ({3}, "3"), ({0, 1}, "0,1"), ({0, 1, 2, 5}, "0-2,5"), ({1, 3, 4, 5, 9, 10}, "1,3-5,9,10")],
)
def test_indexes_are_written_as_ranges(found: set[int], text: str) -> None:
    assert indexes.render(found) == text
    assert indexes.parse(text) == found
