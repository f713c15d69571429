"""The pod of a Job. Pure."""

from __future__ import annotations

from typing import Any

from kube.controllers.job.indexes import INDEX
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.job.plan import FINALIZER
from kube.controllers.job.policies import FAILURES
from kube.controllers.owners import controller_reference


def pod_body(job: TrackedJob, index: int | None, failures: int = 0) -> dict[str, Any]:
    """`failures`: how often the index has failed, for Jobs that limit that."""
    template = job.spec.template
    meta, spec = template.get("metadata") or {}, dict(template.get("spec") or {})
    labels = dict(meta.get("labels") or {})
    annotations = dict(meta.get("annotations") or {})
    name = job.metadata.name
    if index is not None:
        if job.spec.backoff_limit_per_index is not None:
            annotations[FAILURES] = str(failures)
        labels[INDEX] = annotations[INDEX] = str(index)
        spec.setdefault("hostname", f"{name}-{index}")
        for field in ("initContainers", "containers"):
            if spec.get(field):
                spec[field] = [_with_index(container) for container in spec[field]]
        name = f"{name}-{index}"
    return {
        "metadata": {
            "generateName": f"{name}-",
            "namespace": job.metadata.namespace,
            "labels": labels,
            "annotations": annotations,
            "finalizers": [*(meta.get("finalizers") or ()), FINALIZER],
            "ownerReferences": [controller_reference(job)],
        },
        "spec": spec,
    }


def _with_index(container: dict[str, Any]) -> dict[str, Any]:
    env = list(container.get("env") or ())
    if not any(one["name"] == "JOB_COMPLETION_INDEX" for one in env):
        source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
        env.append({"name": "JOB_COMPLETION_INDEX", "valueFrom": source})
    return {**container, "env": env}
