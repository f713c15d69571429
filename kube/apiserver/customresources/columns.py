"""Columns of `kubectl get`: additionalPrinterColumns, or Name and Age."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from kube.apiserver.customresources import jsonpath
from kube.apiserver.customresources.jsonpath import BadPath, Path
from kube.apiserver.kinds.table.format import name_of, since

Object = dict[str, Any]

_NAME: Object = {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}
_AGE: Object = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


class Columns(NamedTuple):
    """`definitions` is the Table's columnDefinitions, the name's first; `paths` those of the rest, None if bad."""

    definitions: Sequence[Object]
    paths: Sequence[tuple[str, Path | None]]  # the column's type and where its value is


def read(rows: Sequence[Object] | None) -> Columns:
    """From a version's additionalPrinterColumns."""
    rows = rows or [_AGE]
    definitions = [
        {
            "name": row["name"],
            "type": row["type"],
            "format": row.get("format") or "",
            "description": row.get("description")
            or f"Custom resource definition column (in JSONPath format): {row['jsonPath']}",
            "priority": row.get("priority") or 0,
        }
        for row in rows
    ]
    return Columns((_NAME, *definitions), [(row["type"], _path(row["jsonPath"])) for row in rows])


def _path(text: str) -> Path | None:
    try:
        return jsonpath.parse(text)
    except BadPath:
        return None


def cells(columns: Columns, obj: Object, now: float) -> list[Any]:
    """One object's cells; `now` is unix seconds, for ages."""
    row: list[Any] = [name_of(obj)]
    for kind, path in columns.paths:
        found = jsonpath.find(obj, path) if path is not None else []
        row.append(_cell(kind, found[0], now) if found else None)
    return row


def _cell(kind: str, value: Any, now: float) -> Any:
    """A value that is not of the column's type shows nothing."""
    match kind:
        case "string":
            return _text(value)
        case "date":
            return since(value, now) if isinstance(value, str) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer" | "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value) if kind == "integer" else value
        case _:
            return None


def _text(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            return msgspec.json.encode(value, order="sorted").decode()
