"""What a Job says of failed pods, of failed indexes and of success before all is done. Pure.

podFailurePolicy (KEP-3329), backoffLimitPerIndex (KEP-3850), successPolicy (KEP-3998).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kube.controllers.job import indexes
from kube.controllers.job.kinds import TrackedJob
from kube.objects import Pod

FAILURES = "batch.kubernetes.io/job-index-failure-count"


class Ruling(NamedTuple):
    """What a failed pod means: Count, Ignore, FailIndex or FailJob; `message` says why it fails the Job."""

    action: str
    message: str = ""


_COUNTED = Ruling("Count")


def ruling(job: TrackedJob, pod: Pod) -> Ruling:
    """The first rule that matches decides; without one the failure counts."""
    for position, rule in enumerate((job.spec.pod_failure_policy or {}).get("rules") or ()):
        found = _exit_codes(rule.get("onExitCodes"), pod) or _conditions(rule.get("onPodConditions"), pod)
        if found:
            action = str(rule["action"])
            return Ruling(action, f"{found} matching {action} rule at index {position}")
    return _COUNTED


def _exit_codes(requirement: Mapping[str, Any] | None, pod: Pod) -> str:
    if requirement is None:
        return ""
    name, values = requirement.get("containerName"), requirement.get("values") or ()
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        ended = status.state.terminated
        if ended is None or ended.exit_code == 0 or (name and name != status.name):
            continue
        if (ended.exit_code in values) == (requirement["operator"] == "In"):
            where = f"{pod.metadata.namespace}/{pod.metadata.name}"
            return f"Container {status.name} for pod {where} failed with exit code {ended.exit_code}"
    return ""


def _conditions(patterns: Iterable[Mapping[str, Any]] | None, pod: Pod) -> str:
    present = {(one.type, one.status) for one in pod.status.conditions}
    for pattern in patterns or ():
        if (pattern["type"], pattern.get("status") or "True") in present:
            return f"Pod {pod.metadata.namespace}/{pod.metadata.name} has condition {pattern['type']}"
    return ""


def failures(pod: Pod) -> int:
    """How often the pod's index had failed when the pod was made."""
    text = pod.metadata.annotations.get(FAILURES, "")
    return int(text) if text.isdigit() else 0


def failed_indexes(job: TrackedJob, failed: Iterable[Pod]) -> frozenset[int]:
    """Indexes that are given up; none unless the Job has a limit for each index."""
    limit = job.spec.backoff_limit_per_index
    if limit is None:
        return frozenset()
    found = indexes.parse(job.status.failed_indexes or "")
    for pod in failed:
        index, action = indexes.index_of(pod), ruling(job, pod).action
        if index is not None and (action == "FailIndex" or (action != "Ignore" and failures(pod) >= limit)):
            found.add(index)
    return frozenset(found)


def next_failures(job: TrackedJob, failed: Iterable[Pod]) -> dict[int, int]:
    """For each index that has failed: how often, which its next pod has to know."""
    found: dict[int, int] = {}
    for pod in failed:
        index = indexes.index_of(pod)
        if index is not None:
            count = failures(pod) + (ruling(job, pod).action != "Ignore")
            found[index] = max(found.get(index, 0), count)
    return found


def success_rule(job: TrackedJob, succeeded: frozenset[int]) -> int | None:
    """The position of the first rule that these completion indexes fulfil."""
    for position, rule in enumerate((job.spec.success_policy or {}).get("rules") or ()):
        listed = rule.get("succeededIndexes")
        wanted = indexes.parse(listed) if listed else None
        met = succeeded if wanted is None else succeeded & wanted
        needed = rule.get("succeededCount")
        if needed is None:
            needed = len(wanted or ())
        if len(met) >= needed and needed:
            return position
    return None
