"""Rules of dynamic resource allocation: claims, their templates, classes and slices of devices."""

from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.names import label_errors, subdomain_errors
from kube.apiserver.kinds.validation.rules import Errors, each, immutable, needed, one_of
from kube.apiserver.status import duplicate, invalid_value, required, too_many

Object = dict[str, Any]

_MAX_REQUESTS = 32
_MAX_SELECTORS = 32
_MAX_DEVICES = 128


def claim(obj: Object, errors: Errors) -> None:
    _claim_spec(errors, "spec", obj.get("spec") or {})


def claim_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(errors, "spec", new.get("spec"), old.get("spec"))


def claim_template(obj: Object, errors: Errors) -> None:
    _claim_spec(errors, "spec.spec", (obj.get("spec") or {}).get("spec") or {})


def _claim_spec(errors: Errors, where: str, spec: Object) -> None:
    requests = (spec.get("devices") or {}).get("requests") or ()
    if len(requests) > _MAX_REQUESTS:
        errors.append(too_many(f"{where}.devices.requests", len(requests), _MAX_REQUESTS))
    seen: set[str] = set()
    for index, request in enumerate(requests):
        here, name = f"{where}.devices.requests[{index}]", request.get("name") or ""
        if needed(errors, f"{here}.name", name):
            each(errors, f"{here}.name", name, label_errors(name))
        if name in seen:
            errors.append(duplicate(f"{here}.name", name))
        seen.add(name)
        exactly, first = request.get("exactly"), request.get("firstAvailable") or ()
        if exactly is not None and first:
            detail = "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"
            errors.append(invalid_value(here, None, detail))
        elif exactly is None and not first:
            detail = "exactly one of `exactly` or `firstAvailable` is required"
            errors.append(required(here, detail))
        elif exactly is not None:
            _exactly(errors, f"{here}.exactly", exactly)
        for place, option in enumerate(first):
            _exactly(errors, f"{here}.firstAvailable[{place}]", option)


def _exactly(errors: Errors, where: str, request: Object) -> None:
    name = request.get("deviceClassName") or ""
    if needed(errors, f"{where}.deviceClassName", name):
        each(errors, f"{where}.deviceClassName", name, subdomain_errors(name))
    mode, count = request.get("allocationMode"), request.get("count")
    one_of(errors, f"{where}.allocationMode", mode, ("All", "ExactCount"))
    if mode == "ExactCount" and count is not None and count <= 0:
        errors.append(invalid_value(f"{where}.count", count, "must be greater than zero"))
    if mode == "All" and count:
        detail = "must not be specified when allocationMode is 'All'"
        errors.append(invalid_value(f"{where}.count", count, detail))
    _selectors(errors, f"{where}.selectors", request.get("selectors") or ())


def _selectors(errors: Errors, where: str, selectors: Sequence[Object]) -> None:
    if len(selectors) > _MAX_SELECTORS:
        errors.append(too_many(where, len(selectors), _MAX_SELECTORS))
    for index, selector in enumerate(selectors):
        expression = (selector.get("cel") or {}).get("expression")
        if selector.get("cel") is None:
            errors.append(required(f"{where}[{index}].cel"))
        else:
            needed(errors, f"{where}[{index}].cel.expression", expression)


def device_class(obj: Object, errors: Errors) -> None:
    _selectors(errors, "spec.selectors", (obj.get("spec") or {}).get("selectors") or ())


def slice_of_devices(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    driver, pool = spec.get("driver") or "", spec.get("pool") or {}
    if needed(errors, "spec.driver", driver):
        each(errors, "spec.driver", driver, subdomain_errors(driver.lower()))
    if needed(errors, "spec.pool.name", pool.get("name")):
        for part in pool["name"].split("/"):
            each(errors, "spec.pool.name", pool["name"], subdomain_errors(part))
    if (pool.get("resourceSliceCount") or 0) <= 0:
        where = "spec.pool.resourceSliceCount"
        errors.append(invalid_value(where, pool.get("resourceSliceCount") or 0, "must be greater than zero"))
    if (pool.get("generation") or 0) < 0:
        detail = "must be greater than or equal to zero"
        errors.append(invalid_value("spec.pool.generation", pool["generation"], detail))
    places = [
        name for name in ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection") if spec.get(name)
    ]
    if len(places) != 1:
        detail = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
        errors.append(required("spec", detail) if not places else invalid_value("spec", places, detail))
    _devices(errors, spec.get("devices") or ())


def _devices(errors: Errors, devices: Sequence[Object]) -> None:
    if len(devices) > _MAX_DEVICES:
        errors.append(too_many("spec.devices", len(devices), _MAX_DEVICES))
    seen: set[str] = set()
    for index, device in enumerate(devices):
        where, name = f"spec.devices[{index}].name", device.get("name") or ""
        if needed(errors, where, name):
            each(errors, where, name, label_errors(name))
        if name in seen:
            errors.append(duplicate(where, name))
        seen.add(name)


def slice_update(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    for field in ("driver", "nodeName"):
        immutable(errors, f"spec.{field}", spec.get(field), before.get(field))
    immutable(
        errors, "spec.pool.name", (spec.get("pool") or {}).get("name"), (before.get("pool") or {}).get("name")
    )
