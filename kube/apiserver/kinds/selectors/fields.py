"""Field selectors: which fields each kind can be selected by, and matching.

A field's value is compared as text; an absent one is "" (or "false", "0" for booleans and counts).
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kube.apiserver.kinds.kind import Kind
from kube.apiserver.status import quote

Object = dict[str, Any]
Getter = Callable[[Object], str]


def _at(path: str, absent: str = "") -> Getter:
    *parents, last = path.split(".")

    def get(obj: Object) -> str:
        value: Any = obj
        for name in parents:
            value = value.get(name)
            if not value:
                return absent
        value = value.get(last)
        if value is None:
            return absent
        if value is True or value is False:
            return "true" if value else "false"
        return str(value)

    return get


def _first_pod_ip(obj: Object) -> str:
    status = obj.get("status") or {}
    ips = status.get("podIPs") or ()
    return str(ips[0].get("ip", "")) if ips else str(status.get("podIP") or "")


def _event_source(obj: Object) -> str:
    return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")


def _plain(*paths: str) -> dict[str, Getter]:
    return {path: _at(path) for path in paths}


_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_METADATA = _plain("metadata.name", "metadata.namespace")

# Keyed by the storage key: an events.k8s.io Event is selected by the same labels as a core one.
FIELDS: Mapping[str, Mapping[str, Getter]] = {
    "pods": {
        **_plain(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.nominatedNodeName",
        ),
        "spec.hostNetwork": _at("spec.hostNetwork", "false"),
        "status.podIP": _first_pod_ip,
        "status.podIPs": _first_pod_ip,
    },
    "services": _plain("spec.clusterIP", "spec.type"),
    "nodes": {"spec.unschedulable": _at("spec.unschedulable", "false")},
    "namespaces": {**_plain("status.phase"), "name": _at("metadata.name")},
    "secrets": _plain("type"),
    "replicationcontrollers": {"status.replicas": _at("status.replicas", "0")},
    "replicasets.apps": {"status.replicas": _at("status.replicas", "0")},
    "jobs.batch": {"status.successful": _at("status.succeeded", "0")},
    "certificatesigningrequests.certificates.k8s.io": _plain("spec.signerName"),
    "events": {
        **{f"involvedObject.{name}": _at(f"involvedObject.{name}") for name in _INVOLVED},
        **{f"regarding.{name}": _at(f"involvedObject.{name}") for name in _INVOLVED},
        **_plain("reason", "type"),
        "reportingComponent": _at("reportingComponent"),
        "reportingController": _at("reportingComponent"),
        "source": _event_source,
    },
    "resourceslices.resource.k8s.io": _plain("spec.nodeName", "spec.driver"),
    "ipaddresses.networking.k8s.io": {"spec.parentRef.resource": _at("spec.parentRef.resource")},
}


class FieldRequirement(msgspec.Struct, frozen=True):
    field: str
    equal: bool
    value: str
    get: Getter

    def matches(self, obj: Object) -> bool:
        return (self.get(obj) == self.value) is self.equal


class FieldSelector(msgspec.Struct, frozen=True):
    requirements: tuple[FieldRequirement, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.requirements

    def matches(self, obj: Object) -> bool:
        return all(requirement.matches(obj) for requirement in self.requirements)

    def exact(self, field: str) -> str | None:
        """The one value the field must have, for a direct lookup by name; None without such a requirement."""
        for requirement in self.requirements:
            if requirement.field == field and requirement.equal:
                return requirement.value
        return None


def _split_terms(text: str) -> list[str]:
    """Terms between commas that are not escaped with a backslash."""
    terms, start, escaped = [], 0, False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            terms.append(text[start:position])
            start = position + 1
    terms.append(text[start:])
    return [term for term in terms if term]


def _split_term(term: str) -> tuple[str, bool, str] | None:
    for position in range(len(term)):
        rest = term[position:]
        for operator in ("!=", "==", "="):
            if rest.startswith(operator):
                return term[:position], operator != "!=", rest[len(operator) :]
    return None


def _unescape(text: str) -> str:
    out, escaped = [], False
    for char in text:
        if escaped:
            if char not in "\\,=":
                raise ValueError(f"invalid field selector: invalid escape sequence: \\{char}")
            out.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in ",=":
            raise ValueError(f"invalid field selector: unescaped character in value: {text}")
        else:
            out.append(char)
    if escaped:
        raise ValueError("invalid field selector: invalid escape sequence: \\")
    return "".join(out)


def parse_fields(kind: Kind, text: str) -> FieldSelector:
    """The selector of a `fieldSelector` query; ValueError carries the server's sentence."""
    known = kind.custom.fields if kind.custom is not None else FIELDS.get(kind.storage_key)
    requirements = []
    for term in _split_terms(text):
        parts = _split_term(term)
        if parts is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{term}'")
        field, equal, value = parts[0].strip(), parts[1], _unescape(parts[2].strip())
        getter = _METADATA.get(field) or (known or {}).get(field)
        if getter is None:
            if known is None:
                only = '"metadata.name", "metadata.namespace"'
                raise ValueError(f"{quote(field)} is not a known field selector: only {only}")
            raise ValueError(f"field label not supported: {field}")
        requirements.append(FieldRequirement(field, equal, value, getter))
    return FieldSelector(tuple(requirements))
