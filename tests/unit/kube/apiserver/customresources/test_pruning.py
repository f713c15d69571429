"""What pruning drops, keeps and tells."""

from typing import Any

import pytest

from kube.apiserver.customresources.pruning import prune
from kube.apiserver.customresources.structural import parse

FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
ITEM = {"type": "object", "properties": {"a": {"type": "string"}}}


def root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "value", "kept", "dropped"),
    [
        (root(a={"type": "string"}), {"a": "x", "b": 1, "c": {}}, {"a": "x"}, ["b", "c"]),
        (root(), {"apiVersion": "v", "kind": "k", "metadata": {"x": 1}}, None, []),
        (root(s=root(a={"type": "string"})), {"s": {"a": "x", "b": 1}}, {"s": {"a": "x"}}, ["s.b"]),
        (root(s=FREE), {"s": {"a": {"b": 1}}}, None, []),
        (
            root(s={**FREE, "properties": {"a": ITEM}}),
            {"s": {"a": {"a": "x", "z": 1}, "b": {"z": 1}}},
            {"s": {"a": {"a": "x"}, "b": {"z": 1}}},
            ["s.a.z"],
        ),
        (
            root(l={"type": "array", "items": ITEM}),
            {"l": [{"a": "x"}, {"z": 1}]},
            {"l": [{"a": "x"}, {}]},
            ["l[1].z"],
        ),
        (
            root(m={"type": "object", "additionalProperties": ITEM}),
            {"m": {"k": {"z": 1}}},
            {"m": {"k": {}}},
            ["m.k.z"],
        ),
        (
            root(e={**root(), "x-kubernetes-embedded-resource": True}),
            {"e": {"apiVersion": "v1", "kind": "Pod", "metadata": {"a": 1}, "spec": {}}},
            {"e": {"apiVersion": "v1", "kind": "Pod", "metadata": {"a": 1}}},
            ["e.spec"],
        ),
        (root(s={"type": "string"}), {"s": {"a": 1}}, {"s": {}}, ["s.a"]),
        ({**root(), "x-kubernetes-preserve-unknown-fields": True}, {"anything": [1, {"b": 2}]}, None, []),
    ],
)
def test_only_what_the_schema_names_stays(
    schema: dict[str, Any], value: Any, kept: Any, dropped: list[str]
) -> None:
    wanted = kept if kept is not None else value | {}
    assert prune(value, parse(schema), is_root=True) == dropped
    assert value == wanted
