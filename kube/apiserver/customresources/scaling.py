"""Where a custom resource keeps its replicas: the paths of its scale subresource."""

from typing import Any, NamedTuple

from kube.apiserver import status
from kube.apiserver.status import FieldError

Object = dict[str, Any]
_MAX = 2**31 - 1


class ScalePaths(NamedTuple):
    """Simple paths (`.spec.replicas`); `selector` is "" where the definition names none."""

    spec: str
    status: str
    selector: str = ""

    def replicas(self, obj: Object) -> int:
        """What is wished for; StatusError 500 when the object does not say."""
        value = value_at(obj, self.spec)
        if not isinstance(value, int):
            raise status.internal_error(f"the spec replicas field {status.quote(self.spec)} does not exist")
        return value

    def status_replicas(self, obj: Object) -> int:
        value = value_at(obj, self.status)
        return value if isinstance(value, int) else 0

    def selector_text(self, obj: Object) -> str:
        value = value_at(obj, self.selector) if self.selector else ""
        return value if isinstance(value, str) else ""

    def set_replicas(self, obj: Object, count: int) -> None:
        """In place; parents that are missing are made."""
        *parents, last = _names(self.spec)
        for name in parents:
            below = obj.get(name)
            if not isinstance(below, dict):
                below = obj[name] = {}
            obj = below
        obj[last] = count

    def errors(self, obj: Object) -> list[FieldError]:
        """Numbers that no Scale could show."""
        found = []
        for path in (self.spec, self.status):
            value = value_at(obj, path)
            if isinstance(value, int) and value < 0:
                found.append(status.invalid_value(path, value, "should be a non-negative integer"))
            elif isinstance(value, int) and value > _MAX:
                found.append(status.invalid_value(path, value, f"should be less than or equal to {_MAX}"))
        return found


def value_at(obj: Any, path: str) -> Any:
    """None for what is not there."""
    for name in _names(path):
        if not isinstance(obj, dict):
            return None
        obj = obj.get(name)
    return obj


def _names(path: str) -> list[str]:
    return path.removeprefix(".").split(".")


def read(row: Object | None) -> ScalePaths | None:
    """From a version's subresources.scale."""
    if row is None:
        return None
    return ScalePaths(row["specReplicasPath"], row["statusReplicasPath"], row.get("labelSelectorPath") or "")
