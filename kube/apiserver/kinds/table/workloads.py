"""Rows of the kinds that make pods and of those that watch over their number."""

from collections.abc import Mapping
from typing import Any

from kube.apiserver.kinds.table.format import (
    NONE,
    UNKNOWN,
    UNSET,
    age,
    boolean,
    containers,
    human_duration,
    labels,
    name_of,
    selector,
    since,
    template_spec,
    unix_s,
)

Object = dict[str, Any]


def _number(status: Object | None, name: str) -> int:
    return int((status or {}).get(name) or 0)


def _selector(obj: Object) -> str:
    """ReplicationControllers select by plain labels, all others by a LabelSelector."""
    value = (obj.get("spec") or {}).get("selector")
    if obj.get("kind") == "ReplicationController":
        return labels(value)
    return selector(value)


def deployment(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status")
    return [
        name_of(obj),
        f"{_number(status, 'readyReplicas')}/{spec.get('replicas', 0)}",
        _number(status, "updatedReplicas"),
        _number(status, "availableReplicas"),
        age(obj, now),
        *containers(template_spec(obj)),
        _selector(obj),
    ]


def replica_set(obj: Object, now: float) -> list[Any]:
    status = obj.get("status")
    return [
        name_of(obj),
        _number(obj.get("spec"), "replicas"),
        _number(status, "replicas"),
        _number(status, "readyReplicas"),
        age(obj, now),
        *containers(template_spec(obj)),
        _selector(obj),
    ]


def stateful_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status")
    ready = f"{_number(status, 'readyReplicas')}/{spec.get('replicas', 0)}"
    return [name_of(obj), ready, age(obj, now), *containers(template_spec(obj))]


def daemon_set(obj: Object, now: float) -> list[Any]:
    status = obj.get("status")
    return [
        name_of(obj),
        _number(status, "desiredNumberScheduled"),
        _number(status, "currentNumberScheduled"),
        _number(status, "numberReady"),
        _number(status, "updatedNumberScheduled"),
        _number(status, "numberAvailable"),
        labels(template_spec(obj).get("nodeSelector")),
        age(obj, now),
        *containers(template_spec(obj)),
        _selector(obj),
    ]


def controller_revision(obj: Object, now: float) -> list[Any]:
    owner = NONE
    for reference in (obj.get("metadata") or {}).get("ownerReferences") or ():
        if reference.get("controller"):
            group = str(reference.get("apiVersion", "")).rpartition("/")[0]
            kind = str(reference.get("kind", "")).lower()
            owner = f"{kind}.{group}/{reference.get('name')}" if group else f"{kind}/{reference.get('name')}"
    return [name_of(obj), owner, obj.get("revision", 0), age(obj, now)]


def pod_template(obj: Object, now: float) -> list[Any]:
    template = obj.get("template") or {}
    pod_labels = labels((template.get("metadata") or {}).get("labels"))
    return [name_of(obj), *containers(template.get("spec")), pod_labels]


def job(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    succeeded = _number(status, "succeeded")
    if "completions" in spec:
        completions = f"{succeeded}/{spec['completions']}"
    elif (spec.get("parallelism") or 0) > 1:
        completions = f"{succeeded}/1 of {spec['parallelism']}"
    else:
        completions = f"{succeeded}/1"
    return [
        name_of(obj),
        _job_status(obj, status),
        completions,
        _job_duration(status, now),
        age(obj, now),
        *containers(template_spec(obj)),
        _selector(obj),
    ]


_JOB_WORDS = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)


def _job_status(obj: Object, status: Object) -> str:
    true = {item.get("type") for item in status.get("conditions") or () if item.get("status") == "True"}
    for condition, word in _JOB_WORDS[:2]:
        if condition in true:
            return word
    if (obj.get("metadata") or {}).get("deletionTimestamp"):
        return "Terminating"
    for condition, word in _JOB_WORDS[2:]:
        if condition in true:
            return word
    return "Running"


def _job_duration(status: Object, now: float) -> str:
    if not status.get("startTime"):
        return ""
    end = unix_s(status["completionTime"]) if status.get("completionTime") else now
    return human_duration(end - unix_s(status["startTime"]))


def cron_job(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    job_spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    last = since(status["lastScheduleTime"], now) if status.get("lastScheduleTime") else NONE
    return [
        name_of(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        boolean(spec.get("suspend")),
        len(status.get("active") or ()),
        last,
        age(obj, now),
        *containers((job_spec.get("template") or {}).get("spec")),
        selector(job_spec.get("selector")),
    ]


def autoscaler(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    minimum = spec.get("minReplicas")
    return [
        name_of(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec.get("metrics") or (), status.get("currentMetrics") or ()),
        UNSET if minimum is None else str(minimum),
        spec.get("maxReplicas", 0),
        _number(status, "currentReplicas"),
        age(obj, now),
    ]


_METRIC_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metrics(specs: Any, statuses: Any) -> str:
    shown = []
    for index, spec in enumerate(specs):
        source = _METRIC_SOURCES.get(spec.get("type", ""), "")
        metric = spec.get(source) or {}
        current = (statuses[index].get(source) or {}) if index < len(statuses) else {}
        name = (
            str(metric["name"]) + ": " if metric.get("name") and source.lower().endswith("resource") else ""
        )
        shown.append(
            f"{name}{_value(current.get('current'), UNKNOWN)}/{_value(metric.get('target'), '<auto>')}"
        )
    if not shown:
        return NONE
    text = ", ".join(shown[:2])
    return f"{text} + {len(shown) - 2} more..." if len(shown) > 2 else text


def _value(value: Mapping[str, Any] | None, absent: str) -> str:
    if value is None:
        return absent
    if value.get("averageUtilization") is not None:
        return f"{value['averageUtilization']}%"
    if value.get("averageValue") is not None:
        return f"{value['averageValue']} (avg)"
    return str(value.get("value", absent))


def disruption_budget(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    return [
        name_of(obj),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        _number(obj.get("status"), "disruptionsAllowed"),
        age(obj, now),
    ]
