"""A server in memory, and definitions to give it."""

from typing import Any

import pytest

from tests.unit.kube.apiserver.conftest import run

__all__ = ["run"]

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/default/things"

Object = dict[str, Any]


def definition(schema: Object | None = None, **more: Any) -> Object:
    """things.example.com, whose spec has the schema; `version` is merged into v1, the rest into the spec."""
    version = more.pop("version", {})
    names = more.pop("names", {})
    root = {
        "type": "object",
        "properties": {"spec": schema or {"type": "object"}, "status": {"type": "object"}},
    }
    first = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}, **version}
    given = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList", **names}
    spec = {"group": "example.com", "scope": "Namespaced", "names": given, "versions": [first], **more}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{given['plural']}.{spec['group']}"},
        "spec": spec,
    }


def thing(name: str, spec: Any = None, **more: Any) -> Object:
    metadata = {"name": name, **more.pop("metadata", {})}
    body = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": metadata, **more}
    return body if spec is None else {**body, "spec": spec}


@pytest.fixture
def free() -> Object:
    """A schema that takes anything."""
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
