"""How values are taken apart into fields that can be owned: list types, map types and keys of the schema."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from kube.apiserver.kinds import disk

Object = dict[str, Any]

ABSENT: Any = object()

# atomic: owned as a whole; struct, map: by member; list: by key; set: by value.
Shape = Literal["atomic", "struct", "map", "list", "set"]

# Keys of list items may be left out when the server would default them.
_KEY_DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}

# Structs and lists that are no pointers in Go and written even when empty: they are never new, only their members.
_INBORN = frozenset(
    {
        "Binding.target",
        "CronJobSpec.jobTemplate",
        "CustomResourceDefinitionSpec.names",
        "CustomResourceDefinitionStatus.acceptedNames",
        "DaemonSetSpec.template",
        "DaemonSetSpec.updateStrategy",
        "DeploymentSpec.strategy",
        "DeploymentSpec.template",
        "DeviceTaintRuleSpec.taint",
        "Event.deprecatedSource",
        "Event.involvedObject",
        "Event.regarding",
        "Event.source",
        "FlowSchemaSpec.priorityLevelConfiguration",
        "HorizontalPodAutoscalerSpec.scaleTargetRef",
        "IngressStatus.loadBalancer",
        "JobSpec.template",
        "JobTemplateSpec.metadata",
        "JobTemplateSpec.spec",
        "NetworkPolicySpec.podSelector",
        "NodeDaemonEndpoints.kubeletEndpoint",
        "NodeStatus.daemonEndpoints",
        "NodeStatus.nodeInfo",
        "PersistentVolumeClaimSpec.resources",
        "PodGroupSpec.schedulingPolicy",
        "PodSpec.containers",
        "PodTemplate.template",
        "PodTemplateSpec.metadata",
        "PodTemplateSpec.spec",
        "ReplicaSetSpec.template",
        "ResourceClaimSpec.devices",
        "ResourceClaimTemplateSpec.metadata",
        "ResourceClaimTemplateSpec.spec",
        "ResourceSliceSpec.pool",
        "ServiceStatus.loadBalancer",
        "StatefulSetSpec.template",
        "StatefulSetSpec.updateStrategy",
        "StorageVersionMigrationSpec.resource",
        "VolumeAttachmentSpec.source",
        "CSINodeSpec.drivers",
    }
)
_OF_KINDS = ("metadata", "spec", "status")

_WHOLE = frozenset({"Quantity", "IntOrString", "Time", "MicroTime", "RawExtension", "FieldsV1", "JSON"})


class Structure:
    """One type. `item` is that of a map's values or a list's elements; `keys` those of a list of shape `list`."""

    __slots__ = ("_fields", "_inborn", "_properties", "item", "keys", "shape")

    def __init__(
        self,
        shape: Shape,
        *,
        properties: Object | None = None,
        item: "Structure | None" = None,
        keys: tuple[str, ...] = (),
        inborn: Iterable[str] = (),
    ) -> None:
        self.shape: Shape = shape
        self.item = item
        self.keys = keys
        self._properties = properties or {}
        self._fields: dict[str, Structure] = {}
        self._inborn: Object = {name: [] if self.member(name).shape == "list" else {} for name in inborn}

    def member(self, name: str) -> "Structure":
        """The structure of a struct's field or a map's value."""
        if self.shape != "struct":
            return self.item or ATOMIC
        found = self._fields.get(name)
        if found is None:
            schema = self._properties.get(name)
            found = self._fields[name] = ATOMIC if schema is None else _of(schema)
        return found

    def declares(self, name: str) -> bool:
        """Whether a struct has the field."""
        return name in self._properties

    def inborn(self, name: str) -> Any:
        """What a struct has in place of a member that is not given: usually nothing, `ABSENT`."""
        return self._inborn.get(name, ABSENT)

    def key_of(self, item: Any) -> Object | None:
        """The values of the keys by which a list's item is known; None when it lacks one."""
        if not isinstance(item, dict):
            return None
        key: Object = {}
        for name in self.keys:
            value = item.get(name, _KEY_DEFAULTS.get(name))
            if value is None:
                return None
            key[name] = value
        return key


ATOMIC = Structure("atomic")


def _of(schema: Object) -> Structure:
    atomic_map = schema.get("x-kubernetes-map-type") == "atomic"
    reference = schema.get("$ref")
    if reference is not None:
        return ATOMIC if atomic_map else of_definition(reference.removeprefix("#/definitions/"))
    match schema.get("type"):
        case "array":
            kind = schema.get("x-kubernetes-list-type")
            if kind == "map":
                keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
                return Structure("list", item=_of(schema["items"]), keys=keys)
            return Structure("set", item=ATOMIC) if kind == "set" else ATOMIC
        case "object" if "additionalProperties" in schema and not atomic_map:
            return Structure("map", item=_of(schema["additionalProperties"]))
        case _:
            return ATOMIC


@cache
def of_definition(name: str) -> Structure:
    """The structure of a definition by its full name."""
    definition = disk.definitions().get(name, {})
    if name.rpartition(".")[2] in _WHOLE or definition.get("x-kubernetes-map-type") == "atomic":
        return ATOMIC
    if "properties" not in definition:
        return ATOMIC
    properties = definition["properties"]
    is_kind = "x-kubernetes-group-version-kind" in definition
    short = name.rpartition(".")[2]
    inborn = [
        field for field in properties if f"{short}.{field}" in _INBORN or (is_kind and field in _OF_KINDS)
    ]
    return Structure("struct", properties=properties, inborn=inborn)
