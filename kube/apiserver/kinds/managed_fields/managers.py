"""The entries of metadata.managedFields as values."""

from collections.abc import Iterable
from typing import Any

import msgspec

from kube.apiserver.kinds.managed_fields.field_set import FieldSet, from_fields_v1, to_fields_v1

Object = dict[str, Any]

APPLY = "Apply"
UPDATE = "Update"
BEFORE_FIRST_APPLY = "before-first-apply"


class Manager(msgspec.Struct, frozen=True, kw_only=True):
    """One manager and what it owns. Appliers are known by name and subresource, updaters by version as well."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str | None = None
    fields: FieldSet = frozenset()

    @property
    def identity(self) -> tuple[str, str, str, str]:
        version = self.api_version if self.operation == UPDATE else ""
        return (self.name, self.operation, version, self.subresource)

    def owning(self, fields: FieldSet, now: str) -> "Manager":
        """The same manager with other fields; the time moves only when they differ."""
        if fields == self.fields:
            return self
        return msgspec.structs.replace(self, fields=fields, time=now)

    def to_entry(self) -> Object:
        entry: Object = {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(self.fields),
        }
        if self.time:
            entry["time"] = self.time
        if self.subresource:
            entry["subresource"] = self.subresource
        return entry


def read(entries: Iterable[Object] | None) -> list[Manager]:
    return [
        Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", UPDATE),
            api_version=entry.get("apiVersion", ""),
            subresource=entry.get("subresource", ""),
            time=entry.get("time"),
            fields=from_fields_v1(entry.get("fieldsV1")),
        )
        for entry in entries or ()
        if entry
    ]


def in_order(entries: Iterable[Object]) -> list[Object]:
    """Appliers first, then by time, name and subresource."""
    return sorted(
        entries,
        key=lambda entry: (
            entry.get("operation") != APPLY,
            entry.get("time") or "",
            entry.get("manager") or "",
            entry.get("subresource") or "",
        ),
    )


def write(metadata: Object, managers: Iterable[Manager]) -> None:
    """Puts those that own anything into the metadata."""
    owning = [manager for manager in managers if manager.fields]
    if owning:
        metadata["managedFields"] = in_order([manager.to_entry() for manager in owning])
    else:
        metadata.pop("managedFields", None)
