"""LimitRanger: what containers take when they do not say, and the bounds of what they and claims may ask for."""

from collections.abc import Callable, Iterable, Iterator

from kube.apiserver import status
from kube.apiserver.admission.kinds import LIMIT_RANGES, spec_of, within
from kube.apiserver.kinds import Kind
from kube.apiserver.kinds.amounts import Amounts, amounts, pod_amounts
from kube.apiserver.kinds.lifecycle.pods import qos_class
from kube.apiserver.kinds.quantity import Quantity, parse, render
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

ANNOTATION = "kubernetes.io/limit-ranger"


def admit(api: Api, kind: Kind, obj: Object) -> None:
    """Pods and PersistentVolumeClaims; StatusError 403 with all that is out of bounds."""
    faults: list[str] = []
    for limit_range in within(api, LIMIT_RANGES, obj["metadata"].get("namespace", "")):
        items = (limit_range.get("spec") or {}).get("limits") or ()
        if kind.key == "pods":
            fill(obj, items)
        faults += violations(kind.key, obj, items)
    if faults:
        why = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        raise status.forbidden(kind.resource, obj["metadata"].get("name", ""), why)


def fill(pod: Object, items: Iterable[Object]) -> None:
    """The defaults of containers; an annotation tells what was filled in."""
    spec, said = spec_of(pod), []
    defaults = [item for item in items if item.get("type") == "Container"]
    for field, title in (("containers", "container"), ("initContainers", "init container")):
        for container in spec.get(field) or ():
            for kind, source in (("requests", "defaultRequest"), ("limits", "default")):
                names = _fill(container, kind, source, defaults)
                if names:
                    what = f"{', '.join(names)} {kind[:-1]}"
                    said.append(f"{what} for {title} {container.get('name', '')}")
    if said:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {
            **annotations,
            ANNOTATION: f"LimitRanger plugin set: {'; '.join(said)}",
        }
        if "qosClass" in (pod.get("status") or {}):
            pod["status"]["qosClass"] = qos_class(spec)


def _fill(container: Object, kind: str, source: str, items: Iterable[Object]) -> list[str]:
    """The names of the resources that the container had not."""
    resources = container.get("resources") or {}
    given = resources.get(kind) or {}
    missing = {
        name: amount
        for item in items
        for name, amount in (item.get(source) or {}).items()
        if name not in given
    }
    if missing:
        container["resources"] = {**resources, kind: {**given, **missing}}
    return sorted(missing)


def violations(key: str, obj: Object, items: Iterable[Object]) -> Iterator[str]:
    """In the server's sentences."""
    for item in items:
        scope = item.get("type", "")
        match key, scope:
            case ("pods", "Container"):
                spec = spec_of(obj)
                for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                    resources = container.get("resources") or {}
                    asked, most = amounts(resources.get("requests")), amounts(resources.get("limits"))
                    yield from _out_of_bounds(item, scope, asked, most)
            case ("pods", "Pod"):
                spec = spec_of(obj)
                asked, most = pod_amounts(spec, "requests"), pod_amounts(spec, "limits")
                yield from _out_of_bounds(item, scope, asked, most)
            case ("persistentvolumeclaims", "PersistentVolumeClaim"):
                resources = (obj.get("spec") or {}).get("resources") or {}
                yield from _claim_out_of_bounds(item, scope, amounts(resources.get("requests")))


def _out_of_bounds(item: Object, scope: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for field, check in _CHECKS.items():
        for name, text in sorted((item.get(field) or {}).items()):
            fault = check(parse(str(text)), requests.get(name), limits.get(name))
            if fault:
                title = f"{name} {_TITLES[field]} per {scope} is {render(parse(str(text)))}"
                yield f"{_BEFORE[field]}{title}{fault}"


_TITLES = {"min": "usage", "max": "usage", "maxLimitRequestRatio": "max limit to request ratio"}
_BEFORE = {"min": "minimum ", "max": "maximum ", "maxLimitRequestRatio": ""}


def _below(bound: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    if request is None:
        return ".  No request is specified"
    if request.nano < bound.nano:
        return f", but request is {render(request)}"
    if limit is not None and limit.nano < bound.nano:
        return f", but limit is {render(limit)}"
    return ""


def _above(bound: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    if limit is None:
        return ".  No limit is specified"
    if limit.nano > bound.nano:
        return f", but limit is {render(limit)}"
    if request is not None and request.nano > bound.nano:
        return f", but request is {render(request)}"
    return ""


def _too_far_apart(bound: Quantity, request: Quantity | None, limit: Quantity | None) -> str:
    if request is None or not request.nano:
        return ", but no request is specified or request is 0"
    if limit is None or not limit.nano:
        return ", but no limit is specified or limit is 0"
    ratio = limit.nano / request.nano
    return f", but provided ratio is {ratio:f}" if ratio * 10**9 > bound.nano else ""


_CHECKS: dict[str, Callable[[Quantity, Quantity | None, Quantity | None], str]] = {
    "min": _below,
    "max": _above,
    "maxLimitRequestRatio": _too_far_apart,
}


def _claim_out_of_bounds(item: Object, scope: str, requests: Amounts) -> Iterator[str]:
    """A claim has a request only, so the upper bound is one of that."""
    for name, text in sorted((item.get("min") or {}).items()):
        fault = _below(parse(str(text)), requests.get(name), None)
        if fault:
            yield f"minimum {name} usage per {scope} is {render(parse(str(text)))}{fault}"
    for name, text in sorted((item.get("max") or {}).items()):
        bound, request = parse(str(text)), requests.get(name)
        if request is None:
            yield f"maximum {name} usage per {scope} is {render(bound)}.  No request is specified"
        elif request.nano > bound.nano:
            yield f"maximum {name} usage per {scope} is {render(bound)}, but request is {render(request)}"
