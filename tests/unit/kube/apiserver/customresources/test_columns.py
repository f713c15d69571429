"""Cells of kubectl's table."""

from typing import Any

import pytest

from kube.apiserver.customresources import columns

OBJECT = {
    "metadata": {"name": "x", "creationTimestamp": "2026-11-21T09:00:00Z"},
    "spec": {
        "text": "a",
        "n": 3,
        "f": 1.5,
        "yes": True,
        "map": {"b": 1, "a": 2},
        "list": ["p", "q"],
        "none": None,
    },
}
NOW = 1795251600.0 + 180  # 2026-11-21T09:03:00Z


def cell(kind: str, path: str) -> Any:
    found = columns.read([{"name": "C", "type": kind, "jsonPath": path}])
    return columns.cells(found, OBJECT, NOW)[1]


@pytest.mark.parametrize(
    ("kind", "path", "shown"),
    [
        ("string", ".spec.text", "a"),
        ("string", ".spec.n", "3"),
        ("string", ".spec.f", "1.5"),
        ("string", ".spec.yes", "true"),
        ("string", ".spec.map", '{"a":2,"b":1}'),
        ("string", ".spec.list", '["p","q"]'),
        ("string", ".spec.list[*]", "p"),
        ("string", ".spec.nothing", None),
        ("integer", ".spec.n", 3),
        ("integer", ".spec.f", 1),
        ("integer", ".spec.text", None),
        ("integer", ".spec.yes", None),
        ("number", ".spec.f", 1.5),
        ("boolean", ".spec.yes", True),
        ("boolean", ".spec.text", None),
        ("date", ".metadata.creationTimestamp", "3m"),
        ("date", ".spec.n", None),
    ],
)
def test_a_cell_shows_values_of_its_type(kind: str, path: str, shown: Any) -> None:
    assert cell(kind, path) == shown


def test_without_columns_there_are_name_and_age() -> None:
    found = columns.read(None)
    assert [row["name"] for row in found.definitions] == ["Name", "Age"]
    assert columns.cells(found, OBJECT, NOW) == ["x", "3m"]


def test_a_column_has_its_format_priority_and_description() -> None:
    row = {"name": "C", "type": "integer", "format": "int32", "priority": 1, "jsonPath": ".spec.n"}
    shown = columns.read([row]).definitions[1]
    assert (shown["format"], shown["priority"]) == ("int32", 1)
    assert shown["description"].endswith(".spec.n")
    assert columns.read([{**row, "description": "How many."}]).definitions[1]["description"] == "How many."
