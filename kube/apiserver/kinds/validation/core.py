"""Rules of ConfigMaps, Secrets, Nodes and other small kinds of the core group."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from kube.apiserver.kinds import quantity
from kube.apiserver.kinds.names import cidr_errors, config_key_errors, label_key_errors, label_value_errors
from kube.apiserver.kinds.validation.rules import IMMUTABLE, NOT_NEGATIVE, Errors, each, one_of
from kube.apiserver.kinds.validation.scheduling import EFFECTS
from kube.apiserver.status import duplicate, forbidden_value, invalid_value, required, too_long

Object = dict[str, Any]

MAX_DATA_BYTES = 1024 * 1024
_SEALED = "field is immutable when `immutable` is set"

# The keys that a Secret of a type must have.
_SECRET_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def config_map(obj: Object, errors: Errors) -> None:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    size = 0
    for key, value in data.items():
        each(errors, f"data[{key}]", key, config_key_errors(key))
        if key in binary:
            errors.append(invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += len(value.encode()) if not value.isascii() else len(value)
    for key, value in binary.items():
        each(errors, f"binaryData[{key}]", key, config_key_errors(key))
        size += len(value) * 3 // 4
    if size > MAX_DATA_BYTES:
        errors.append(too_long("[]", MAX_DATA_BYTES))


def config_map_update(new: Object, old: Object, errors: Errors) -> None:
    _sealed(new, old, errors, ("data", "binaryData"))


def _sealed(new: Object, old: Object, errors: Errors, fields: tuple[str, ...]) -> None:
    """What `immutable: true` forbids, taking it back included."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        errors.append(forbidden_value("immutable", _SEALED))
    for field in fields:
        if (new.get(field) or {}) != (old.get(field) or {}):
            errors.append(forbidden_value(field, _SEALED))


def secret(obj: Object, errors: Errors) -> None:
    data = obj.get("data") or {}
    size = 0
    for key, value in data.items():
        each(errors, f"data[{key}]", key, config_key_errors(key))
        size += len(value) * 3 // 4
    if size > MAX_DATA_BYTES:
        errors.append(too_long("data", MAX_DATA_BYTES))
    kind = obj.get("type") or ""
    for key in _SECRET_KEYS.get(kind, ()):
        if key not in data:
            errors.append(required(f"data[{key}]"))
    if kind in ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"):
        _json_key(errors, data, _SECRET_KEYS[kind][0])
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        errors.append(required("data[username]"))
        errors.append(required("data[password]"))
    if kind == "kubernetes.io/service-account-token":
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        if not annotations.get("kubernetes.io/service-account.name"):
            errors.append(required("metadata.annotations[kubernetes.io/service-account.name]"))


def _json_key(errors: Errors, data: Mapping[str, str], key: str) -> None:
    if key not in data:
        return
    try:
        text = base64.b64decode(data[key]).lstrip()
    except (binascii.Error, ValueError):
        return
    if not text.startswith(b"{"):
        detail = "invalid character in a JSON object of credentials"
        errors.append(invalid_value(f"data[{key}]", "<secret contents redacted>", detail))


def secret_update(new: Object, old: Object, errors: Errors) -> None:
    if new.get("type") != old.get("type"):
        errors.append(invalid_value("type", new.get("type"), IMMUTABLE))
    _sealed(new, old, errors, ("data",))


def node(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    seen = set()
    for index, taint in enumerate(spec.get("taints") or ()):
        here = f"spec.taints[{index}]"
        key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect")
        each(errors, f"{here}.key", key, label_key_errors(key))
        each(errors, f"{here}.value", value, label_value_errors(value))
        if not effect:
            errors.append(required(f"{here}.effect"))
        else:
            one_of(errors, f"{here}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            errors.append(duplicate(here, taint))
        seen.add((key, effect))
    for index, cidr in enumerate(spec.get("podCIDRs") or ()):
        each(errors, f"spec.podCIDRs[{index}]", cidr, cidr_errors(cidr))


def node_update(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if before.get("podCIDRs") and spec.get("podCIDRs") != before["podCIDRs"]:
        detail = 'node updates may not change podCIDR except from "" to valid'
        errors.append(forbidden_value("spec.podCIDRs", detail))
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        detail = 'node updates may not change providerID except from "" to valid'
        errors.append(forbidden_value("spec.providerID", detail))


def event(obj: Object, errors: Errors) -> None:
    namespace = (obj.get("metadata") or {}).get("namespace") or ""
    involved = (obj.get("involvedObject") or {}).get("namespace") or ""
    if involved not in ("", namespace) or (not involved and namespace not in ("", "default", "kube-system")):
        errors.append(invalid_value("involvedObject.namespace", involved, "does not match event.namespace"))
    if obj.get("eventTime"):
        for name in ("reportingComponent", "reportingInstance", "action", "reason"):
            if not obj.get(name):
                shown = "reportingController" if name == "reportingComponent" else name
                errors.append(required(shown))
        one_of(errors, "type", obj.get("type"), ("Normal", "Warning"))


def limit_range(obj: Object, errors: Errors) -> None:
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        here = f"spec.limits[{index}]"
        if not item.get("type"):
            errors.append(required(f"{here}.type"))
        low, high = item.get("min") or {}, item.get("max") or {}
        for name, amount in low.items():
            most = high.get(name)
            if most is not None and quantity.parse(str(amount)).nano > quantity.parse(str(most)).nano:
                detail = f"min value {amount} is greater than max value {most}"
                errors.append(invalid_value(f"{here}.min[{name}]", str(amount), detail))


def quota(obj: Object, errors: Errors) -> None:
    for name, amount in ((obj.get("spec") or {}).get("hard") or {}).items():
        if quantity.parse(str(amount)).nano < 0:
            errors.append(invalid_value(f"spec.hard[{name}]", str(amount), NOT_NEGATIVE))
