"""Kinds that show another kind's objects in a version of their own.

Two built-in ones: events.k8s.io/v1 Event (stored as v1 Event) and autoscaling/v1 HorizontalPodAutoscaler (stored
as v2). Everything else is stored as it is served, but for what can only be written: a Secret's stringData.
Conversions change the dict they are given and return it.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kube.apiserver.kinds import KINDS, Kind
from kube.apiserver.requests.request import Object
from kube.store.entries import Entry

_Convert = Callable[[Object], Object]

# New name: stored name. reason, type and action are the same in both.
_EVENT_FIELDS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_V2_ANNOTATIONS = {
    "autoscaling.alpha.kubernetes.io/conditions": ("status", "conditions"),
    "autoscaling.alpha.kubernetes.io/behavior": ("spec", "behavior"),
}


def _rename(obj: Object, names: Mapping[str, str]) -> Object:
    return {names.get(key, key): value for key, value in obj.items()}


def _event_to_stored(obj: Object) -> Object:
    stored = _rename(obj, _EVENT_FIELDS)
    stored["apiVersion"] = "v1"
    stored.setdefault("source", {})
    series = stored.get("series")
    if series:
        stored["series"] = {key: series[key] for key in ("count", "lastObservedTime") if key in series}
    return stored


def _event_to_served(obj: Object) -> Object:
    served = _rename(obj, {stored: new for new, stored in _EVENT_FIELDS.items()})
    served["apiVersion"] = "events.k8s.io/v1"
    served.setdefault("eventTime", None)
    return served


def _hpa_to_stored(obj: Object) -> Object:
    obj["apiVersion"] = "autoscaling/v2"
    spec, state = obj.get("spec") or {}, obj.get("status") or {}
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [] if percent is None else [_cpu("averageUtilization", percent, "target", type_="Utilization")]
    annotations = obj.get("metadata", {}).get("annotations") or {}
    metrics += _annotated(annotations, "autoscaling.alpha.kubernetes.io/metrics")
    if metrics:
        spec["metrics"] = metrics
    current = state.pop("currentCPUUtilizationPercentage", None)
    if current is not None:
        state["currentMetrics"] = [_cpu("averageUtilization", current, "current")]
    for annotation, (part, field) in _V2_ANNOTATIONS.items():
        value = _annotated(annotations, annotation)
        if value:
            (spec if part == "spec" else state)[field] = value
    return obj


def _hpa_to_served(obj: Object) -> Object:
    obj["apiVersion"] = "autoscaling/v1"
    spec, state = obj.get("spec") or {}, obj.get("status") or {}
    others = []
    for metric in spec.pop("metrics", None) or ():
        target = (metric.get("resource") or {}).get("target") or {}
        if (metric.get("resource") or {}).get("name") == "cpu" and "averageUtilization" in target:
            spec["targetCPUUtilizationPercentage"] = target["averageUtilization"]
        else:
            others.append(metric)
    for metric in state.pop("currentMetrics", None) or ():
        value = ((metric.get("resource") or {}).get("current") or {}).get("averageUtilization")
        if value is not None and metric["resource"].get("name") == "cpu":
            state["currentCPUUtilizationPercentage"] = value
    annotations = obj["metadata"].setdefault("annotations", {})
    if others:
        annotations["autoscaling.alpha.kubernetes.io/metrics"] = _text(others)
    for annotation, (part, field) in _V2_ANNOTATIONS.items():
        value = (spec if part == "spec" else state).pop(field, None)
        if value:
            annotations[annotation] = _text(value)
    if not annotations:
        del obj["metadata"]["annotations"]
    return obj


def _secret_to_stored(obj: Object) -> Object:
    texts = obj.pop("stringData", None)
    if texts:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    return obj


def _cpu(field: str, value: int, place: str, *, type_: str = "") -> Object:
    amount: Object = {field: value}
    if type_:
        amount["type"] = type_
    return {"type": "Resource", "resource": {"name": "cpu", place: amount}}


def _annotated(annotations: dict[str, str], name: str) -> Any:
    """What the other version could not say and was kept in an annotation; the annotation goes."""
    text = annotations.pop(name, "")
    try:
        return msgspec.json.decode(text) if text else []
    except msgspec.DecodeError:
        return []


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_TO_STORED: Mapping[str, _Convert] = {
    "secrets": _secret_to_stored,
    "events.events.k8s.io": _event_to_stored,
    "horizontalpodautoscalers.autoscaling/v1": _hpa_to_stored,
}
_TO_SERVED: Mapping[str, _Convert] = {
    "events.events.k8s.io": _event_to_served,
    "horizontalpodautoscalers.autoscaling/v1": _hpa_to_served,
}


def _row(kind: Kind) -> str:
    return kind.key if kind.key in _TO_STORED else f"{kind.key}/{kind.version}"


def stored_kind(kind: Kind) -> Kind:
    """The kind in whose version the objects are kept; custom resources are handled in the version asked for."""
    return _STORED_KINDS.get(kind.gvr, kind)


def decoded(kind: Kind, entry: Entry) -> Object:
    """The stored object as it is now read: a custom resource by the schema of today."""
    obj = entry.decode()
    if kind.custom is None or kind.custom.is_current(entry.body, entry.revision):
        return obj
    return kind.custom.to_served(obj)


def is_outdated(kind: Kind, entry: Entry) -> bool:
    """Whether an update that changes nothing is stored all the same, because the stored version is another now."""
    return kind.custom is not None and entry.decode()["apiVersion"] != kind.custom.stored_api_version


def for_store(kind: Kind, obj: Object) -> Object:
    """The object in the version that is stored; with strategy None that is all a conversion does."""
    if kind.custom is None or obj["apiVersion"] == kind.custom.stored_api_version:
        return obj
    return {**obj, "apiVersion": kind.custom.stored_api_version}


def to_stored(kind: Kind, obj: Object) -> Object:
    convert = _TO_STORED.get(_row(kind))
    return convert(obj) if convert else obj


def to_served(kind: Kind, obj: Object) -> Object:
    if kind.custom is not None:
        return kind.custom.to_served(obj)
    convert = _TO_SERVED.get(_row(kind))
    return convert(obj) if convert else obj


_STORED_KINDS = {
    kind.gvr: next(row for row in KINDS if row.key == kind.stored_as and not row.stored_as)
    for kind in KINDS
    if kind.stored_as
}
