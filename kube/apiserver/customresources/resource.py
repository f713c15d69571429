"""One served version of a definition: what a custom kind brings along where built-in kinds have rows in tables."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from kube.apiserver.customresources import (
    columns,
    defaulting,
    embedded,
    pruning,
    scaling,
    structural,
    structure,
    uniqueness,
    values,
    webhook,
)
from kube.apiserver.customresources.structural import ABSENT, Schema
from kube.apiserver.kinds.managed_fields.structure import Structure
from kube.apiserver.kinds.schema.check import CLEAN, SchemaReport
from kube.apiserver.kinds.schema.compiled import Findings
from kube.apiserver.status import FieldError

Object = dict[str, Any]

DEPRECATED = "is deprecated"


class CustomVersion:
    """Everything that depends on the version's part of the definition; read from it when first asked for.

    `since` is the revision since which objects were written under these very versions: those are stored as they
    are served. `definition` is the CustomResourceDefinition as stored.
    """

    def __init__(self, definition: Object, version: Object, *, storage_version: str, since: int) -> None:
        spec = definition["spec"]
        self.definition_name: str = definition["metadata"]["name"]
        self.version = version
        self.api_version = f"{spec['group']}/{version['name']}"
        self.stored_api_version = f"{spec['group']}/{storage_version}"
        self.since = since
        head = f'{{"kind":"{spec["names"]["kind"]}","apiVersion":"{self.api_version}"'
        self._head = head.encode()  # as state.encode_stored begins
        self.has_status = "status" in (version.get("subresources") or {})
        self.scale = scaling.read((version.get("subresources") or {}).get("scale"))
        self.conversion = definition if webhook.is_called(definition) else None
        self.warning = _deprecation(self.api_version, spec["names"]["kind"], version)

    @cached_property
    def schema(self) -> Schema:
        return structural.parse((self.version.get("schema") or {}).get("openAPIV3Schema") or {})

    @cached_property
    def structure(self) -> Structure:
        return structure.of_root(self.schema)

    @cached_property
    def _columns(self) -> columns.Columns:
        return columns.read(self.version.get("additionalPrinterColumns"))

    # --- bodies

    def check(self, obj: Object, duplicates: Sequence[str]) -> SchemaReport:
        """Reads a fresh body in place: metadata by its type, the rest pruned to the schema."""
        findings = Findings()
        embedded.read_root(obj, findings)
        findings.unknown += pruning.prune(obj, self.schema, is_root=True)
        embedded.read_below(obj, self.schema, findings)
        unknown = tuple(findings.unknown)
        if not unknown and not duplicates and not findings.error:
            return CLEAN
        return SchemaReport(unknown, tuple(duplicates), findings.error)

    def default(self, obj: Object) -> None:
        defaulting.apply(obj, self.schema)

    def undeclared(self, obj: Object) -> list[str]:
        """Fields of an applied configuration that the schema does not have."""
        return structure.undeclared(obj, self.structure)

    def validate(self, new: Object, old: Object | None) -> list[FieldError]:
        errors = values.validate(new, self.schema, old=ABSENT if old is None else old)
        errors += self.scale.errors(new) if self.scale is not None else ()
        errors += embedded.validate(new, self.schema)
        errors += uniqueness.duplicates(new, self.schema)
        if not errors and self.schema.has_rules:
            from kube.apiserver.customresources import rules  # 20 ms, for definitions that have expressions

            errors += rules.validate(new, self.schema, ABSENT if old is None else old)
        return errors

    # --- what is stored and what is shown

    def is_current(self, body: bytes, revision: int) -> bool:
        """Whether a stored body is what this version shows."""
        return revision > self.since and body.startswith(self._head)

    def has_version(self, body: bytes) -> bool:
        """Whether the object says that it is of this version."""
        return body.startswith(self._head)

    def to_served(self, obj: Object) -> Object:
        """A stored object in this version, in place: what newer schemas say of it is applied when it is read."""
        obj["apiVersion"] = self.api_version
        embedded.read_root(obj, Findings())
        pruning.prune(obj, self.schema, is_root=True)
        embedded.read_below(obj, self.schema, Findings())
        defaulting.apply(obj, self.schema)
        return obj

    # --- lists

    @property
    def column_definitions(self) -> list[Object]:
        return list(self._columns.definitions)

    def cells(self, obj: Object, now: float) -> list[Any]:
        return columns.cells(self._columns, obj, now)

    @cached_property
    def fields(self) -> Mapping[str, Callable[[Object], str]]:
        """The fields that a field selector may name."""
        paths = [row["jsonPath"] for row in self.version.get("selectableFields") or ()]
        return {path.removeprefix("."): _getter(path) for path in paths}


def _getter(path: str) -> Callable[[Object], str]:
    def get(obj: Object) -> str:
        value = scaling.value_at(obj, path)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    return get


def _deprecation(api_version: str, kind: str, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    return version.get("deprecationWarning") or f"{api_version} {kind} {DEPRECATED}"
