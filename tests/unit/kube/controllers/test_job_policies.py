"""What a Job says of failed pods and indexes, and when it has had success enough."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.job import indexes, policies
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.job.plan import FINALIZER, Plan, plan
from kube.controllers.job.template import pod_body
from kube.controllers.options import ControllerOptions
from kube.objects import Pod
from tests.unit.kube.controllers.builders import NOW, make

ON_42 = {"operator": "In", "values": [42]}
NOT_42 = {"operator": "NotIn", "values": [42], "containerName": "c"}
DISRUPTED = [{"type": "DisruptionTarget", "status": "True"}]


def job(status: dict[str, Any] | None = None, *rules: dict[str, Any], **spec: Any) -> TrackedJob:
    if rules:
        spec |= {"podFailurePolicy": {"rules": list(rules)}, "podReplacementPolicy": "Failed"}
    start = {"startTime": "2027-01-15T07:50:00Z", **(status or {})}
    return make(TrackedJob, "j", spec={"completions": 3, "parallelism": 3, **spec}, status=start)


def ended(
    name: str, code: int, *, index: int | None = None, failures: int = 0, conditions: Any = (), **meta: Any
) -> Pod:
    annotations = {} if index is None else {indexes.INDEX: str(index), policies.FAILURES: str(failures)}
    finished = {"exitCode": code, "finishedAt": "2027-01-15T07:55:00Z"}
    return make(
        Pod,
        name,
        meta={"annotations": annotations, "finalizers": [FINALIZER], **meta},
        status={
            "phase": "Failed" if code else "Succeeded",
            "conditions": list(conditions),
            "containerStatuses": [{"name": "c", "state": {"terminated": finished}}],
        },
    )


def planned(one: TrackedJob, *pods: Pod) -> Plan:
    return plan(one, pods, NOW, ControllerOptions())


def ends(todo: Plan) -> dict[str, str]:
    return {one.type: one.reason for one in todo.status.conditions}


@pytest.mark.parametrize(
    ("rules", "pod", "action"),
    [
        ([{"action": "FailJob", "onExitCodes": ON_42}], ended("a", 42), "FailJob"),
        ([{"action": "FailJob", "onExitCodes": ON_42}], ended("a", 1), "Count"),
        ([{"action": "FailIndex", "onExitCodes": NOT_42}], ended("a", 1), "FailIndex"),
        ([{"action": "FailIndex", "onExitCodes": NOT_42}], ended("a", 42), "Count"),
        ([{"action": "Ignore", "onPodConditions": DISRUPTED}], ended("a", 1, conditions=DISRUPTED), "Ignore"),
        ([{"action": "Count", "onExitCodes": ON_42}, {"action": "FailJob", "onExitCodes": ON_42}],
         ended("a", 42), "Count"),
        ([], ended("a", 1), "Count"),
    ],
)  # fmt: skip
def test_the_first_rule_that_matches_decides(rules: list[dict[str, Any]], pod: Pod, action: str) -> None:
    assert policies.ruling(job(None, *rules), pod).action == action


def test_a_rule_fails_the_job_at_once() -> None:
    todo = planned(job(None, {"action": "FailJob", "onExitCodes": ON_42}), ended("a", 42))
    assert ends(todo) == {"FailureTarget": "PodFailurePolicy"}
    assert todo.create == ()
    message = todo.status.conditions[0].message
    assert message == "Container c for pod ns/a failed with exit code 42 matching FailJob rule at index 0"


def test_what_was_announced_stays_when_its_pod_is_gone() -> None:
    announced = [{"type": "FailureTarget", "status": "True", "reason": "PodFailurePolicy", "message": "m"}]
    assert ends(planned(job({"conditions": announced})))["Failed"] == "PodFailurePolicy"


def test_an_ignored_failure_is_released_and_never_counted() -> None:
    pod = ended("a", 1, conditions=DISRUPTED)
    todo = planned(job(None, {"action": "Ignore", "onPodConditions": DISRUPTED}, backoffLimit=0), pod)
    assert todo.release == (pod,)
    assert todo.status.uncounted_terminated_pods.failed == ()
    assert ends(todo) == {}


def test_a_pod_on_its_way_out_holds_its_place_until_it_has_ended() -> None:
    leaving = make(Pod, "a", meta={"finalizers": [FINALIZER], "deletionTimestamp": "2027-01-15T07:59:59Z"})
    assert planned(job(), leaving).status.uncounted_terminated_pods.failed == ("uid-a",)
    waiting = planned(job(None, {"action": "FailJob", "onExitCodes": ON_42}), leaving)
    assert (waiting.status.uncounted_terminated_pods.failed, len(waiting.create)) == ((), 2)


INDEXED = {"completionMode": "Indexed", "backoffLimit": 2**31 - 1}


def test_an_index_is_given_up_after_its_own_limit() -> None:
    one = job(backoffLimitPerIndex=1, **INDEXED)
    again = planned(one, ended("a", 1, index=0))
    assert again.status.failed_indexes == ""
    assert again.failures.get(0, 1) == 1
    given_up = planned(one, ended("a", 1, index=0), ended("b", 1, index=0, failures=1))
    assert given_up.status.failed_indexes == "0"
    assert given_up.create == (1, 2)


def test_the_next_pod_of_an_index_knows_how_often_it_failed() -> None:
    one = job(backoffLimitPerIndex=2, **INDEXED)
    failed = [ended("a", 1, index=0), ended("b", 1, index=0, failures=1)]
    assert policies.next_failures(one, failed) == {0: 2}
    assert pod_body(one, 0, 2)["metadata"]["annotations"][policies.FAILURES] == "2"
    assert policies.FAILURES not in pod_body(job(**INDEXED), 0)["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("status", "spec", "reason"),
    [
        ({"failedIndexes": "1", "completedIndexes": "0,2"}, {}, "FailedIndexes"),
        ({"failedIndexes": "0,1"}, {"maxFailedIndexes": 1}, "MaxFailedIndexesExceeded"),
        ({"failedIndexes": "0"}, {"maxFailedIndexes": 1}, None),
    ],
)
def test_failed_indexes_end_the_job(status: dict[str, Any], spec: dict[str, Any], reason: str | None) -> None:
    found = ends(planned(job(status, backoffLimitPerIndex=0, **INDEXED, **spec)))
    assert found.get("FailureTarget") == reason


@pytest.mark.parametrize(
    ("rules", "completed", "met"),
    [
        ([{"succeededIndexes": "0-1"}], "0-1", 0),
        ([{"succeededIndexes": "0-1"}], "0,2", None),
        ([{"succeededCount": 1}], "2", 0),
        ([{"succeededIndexes": "0-1", "succeededCount": 1}], "2", None),
        ([{"succeededIndexes": "0-1", "succeededCount": 1}], "1", 0),
        ([{"succeededCount": 3}, {"succeededIndexes": "2"}], "2", 1),
    ],
)
def test_success_before_all_is_done(rules: list[dict[str, Any]], completed: str, met: int | None) -> None:
    todo = planned(job({"completedIndexes": completed}, successPolicy={"rules": rules}, **INDEXED))
    assert ends(todo).get("SuccessCriteriaMet") == (None if met is None else "SuccessPolicy")
    if met is not None:
        assert todo.status.conditions[0].message == f"Matched rules at index {met}"
