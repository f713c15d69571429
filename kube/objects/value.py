"""The ground of all API values: frozen, compared by content, named as Kubernetes names its JSON fields."""

from typing import Any, ClassVar, NamedTuple, dataclass_transform

import msgspec

# Initialisms that Kubernetes writes in capitals inside a JSON name (API conventions, "Naming").
_CAPITALS = {
    "api": "API",
    "id": "ID",
    "ip": "IP",
    "ips": "IPs",
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "fqdn": "FQDN",
    "pid": "PID",
    "ipc": "IPC",
}


def json_name(attribute: str) -> str:
    """`cluster_ips` → `clusterIPs`; a trailing underscore (`from_`) only avoids a Python keyword."""
    first, *rest = attribute.rstrip("_").split("_")
    return first + "".join(_CAPITALS.get(word, word.capitalize()) for word in rest)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _FrozenMeta(msgspec.StructMeta):
    """Tells type checkers what `Value` already makes true: every subclass is frozen and keyword-only."""


class Value(
    msgspec.Struct, metaclass=_FrozenMeta, frozen=True, kw_only=True, omit_defaults=True, rename=json_name
):
    """A part of an API object. Fields that this project does not use are ignored when read."""


class Resource(NamedTuple):
    """Where the API serves a kind; `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path; without `namespace` a namespaced kind means all namespaces."""
        parts = ["", "apis", self.group, self.version] if self.group else ["", "api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


class NamespacedName(NamedTuple):
    """What identifies an object within its kind; `namespace` is "" for cluster-wide kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class OwnerReference(Value):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Value):
    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()


class Object(Value):
    """A top-level kind: it has metadata and the API serves it under `resource`."""

    resource: ClassVar[Resource]
    metadata: ObjectMeta = ObjectMeta()


def key_of(obj: Object) -> NamespacedName:
    """The object's name within its kind."""
    return NamespacedName(obj.metadata.namespace, obj.metadata.name)


class LabelSelectorRequirement(Value):
    key: str
    operator: str  # In, NotIn, Exists, DoesNotExist
    values: tuple[str, ...] = ()


class LabelSelector(Value):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """An empty selector matches everything (meta/v1 LabelSelector)."""
        if any(labels.get(key) != value for key, value in self.match_labels.items()):
            return False
        return all(_holds(requirement, labels) for requirement in self.match_expressions)


def _holds(requirement: LabelSelectorRequirement, labels: dict[str, str]) -> bool:
    present = requirement.key in labels
    match requirement.operator:
        case "In":
            return present and labels[requirement.key] in requirement.values
        case "NotIn":
            return not present or labels[requirement.key] not in requirement.values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case other:
            raise ValueError(f"label selector operator {other!r} is none of In, NotIn, Exists, DoesNotExist")


class Condition(Value):
    type: str
    status: str  # True, False, Unknown
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    last_update_time: str | None = None
    last_probe_time: str | None = None
    last_heartbeat_time: str | None = None
    observed_generation: int = 0


class ObjectReference(Value):
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class LocalObjectReference(Value):
    name: str = ""


# A port or a port's name: `80`, `"http"` (apimachinery IntOrString).
IntOrString = int | str
# A Quantity as written: `"500m"`, `"64Mi"`; some clients write bare numbers.
Quantity = str | int | float
ResourceList = dict[str, Quantity]
JSON = Any
