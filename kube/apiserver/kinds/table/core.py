"""Rows of the kinds of the core group, and the row of kinds without columns of their own."""

from typing import Any

from kube.apiserver.kinds.table.format import NONE, UNKNOWN, age, condition, name_of, since

Object = dict[str, Any]

_ROLE_PREFIX = "node-role.kubernetes.io/"


def name_and_age(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), age(obj, now)]


def created(obj: Object, now: float) -> list[Any]:
    """For columns `Name`, `Created At`: kubectl itself turns the date into an age."""
    return [name_of(obj), (obj.get("metadata") or {}).get("creationTimestamp")]


def namespace(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), (obj.get("status") or {}).get("phase", ""), age(obj, now)]


def node(obj: Object, now: float) -> list[Any]:
    status = obj.get("status") or {}
    info = status.get("nodeInfo") or {}
    return [
        name_of(obj),
        _node_status(obj),
        ",".join(_roles(obj)) or NONE,
        age(obj, now),
        info.get("kubeletVersion", ""),
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _node_status(obj: Object) -> str:
    ready = condition(obj, "Ready")
    words = [("Ready" if ready.get("status") == "True" else "NotReady") if ready else "Unknown"]
    if (obj.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(obj: Object) -> list[str]:
    roles = set()
    for key, value in ((obj.get("metadata") or {}).get("labels") or {}).items():
        if key.startswith(_ROLE_PREFIX) and len(key) > len(_ROLE_PREFIX):
            roles.add(key.removeprefix(_ROLE_PREFIX))
        elif key == "kubernetes.io/role" and value:
            roles.add(value)
    return sorted(roles)


def _address(status: Object, kind: str) -> str:
    for address in status.get("addresses") or ():
        if address.get("type") == kind:
            return str(address.get("address", ""))
    return NONE


def config_map(obj: Object, now: float) -> list[Any]:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return [name_of(obj), count, age(obj, now)]


def secret(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)]


def service_account(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), age(obj, now)]


def component_status(obj: Object, now: float) -> list[Any]:
    for item in obj.get("conditions") or ():
        if item.get("type") == "Healthy":
            word = "Healthy" if item.get("status") == "True" else "Unhealthy"
            return [name_of(obj), word, item.get("message", ""), item.get("error", "")]
    return [name_of(obj), "Unknown", "", ""]


def event(obj: Object, now: float) -> list[Any]:
    first = since(obj.get("firstTimestamp") or obj.get("eventTime"), now)
    last = since(obj["lastTimestamp"], now) if obj.get("lastTimestamp") else first
    count = obj.get("count") or 1
    series = obj.get("series")
    if series:
        last = since(series.get("lastObservedTime"), now)
        count = series.get("count", 0)
    involved = obj.get("involvedObject") or {}
    target = str(involved.get("kind", "")).lower()
    if involved.get("name"):
        target = f"{target}/{involved['name']}"
    return [
        last,
        obj.get("type", ""),
        obj.get("reason", ""),
        target,
        involved.get("fieldPath", ""),
        _event_source(obj),
        str(obj.get("message") or "").strip(),
        first,
        count,
        name_of(obj),
    ]


def _event_source(obj: Object) -> str:
    source = obj.get("source") or {}
    parts = [source.get("component") or obj.get("reportingComponent") or ""]
    host = source.get("host") or obj.get("reportingInstance")
    if host:
        parts.append(host)
    return ", ".join(parts)


def quota(obj: Object, now: float) -> list[Any]:
    """Used and hard amounts: limits in one cell, all else in the other."""
    status = obj.get("status") or {}
    used = status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((status.get("hard") or {}).items()):
        text = f"{name}: {used.get(name, '0')}/{hard}"
        (limits if name.startswith("limits") else requests).append(text)
    return [name_of(obj), ", ".join(requests), ", ".join(limits), age(obj, now)]
