"""A default fits the schema that it is a default of, and has nothing that pruning would drop."""

from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources import defaulting, pruning, uniqueness, values
from kube.apiserver.customresources.definition.node import Errors, Node, below
from kube.apiserver.customresources.structural import parse

Object = dict[str, Any]
_TYPE_FIELDS = ("apiVersion", "kind", "metadata")


def defaults(schema: Object, where: str, errors: Errors) -> None:
    """`schema` is structural."""
    _walk(Node(schema, where, "root"), errors, top_level="")


def _walk(node: Node, errors: Errors, *, top_level: str) -> None:
    """`top_level`: below which of the fields that every object has, "" elsewhere."""
    if "default" in node.schema:
        if top_level:
            detail = f"must not be set in top-level {top_level}"
            errors.append(status.forbidden_value(node.at("default"), detail))
        elif node.level != "root":  # nothing is left out of which the root could be the default
            _judge(node, errors)
    for part in below(node):
        name = part.step[1] if node.level == "root" and part.step[1] in _TYPE_FIELDS else ""
        _walk(part, errors, top_level=top_level or name)


def _judge(node: Node, errors: Errors) -> None:
    schema, where = parse(node.schema), node.at("default")
    value = node.schema["default"]
    holder = {"value": defaulting._copy(value)}
    dropped = pruning.prune(holder["value"], schema)
    if dropped:
        detail = f"must not have unknown fields: {', '.join(dropped)}"
        errors.append(status.invalid_value(where, value, detail))
        return
    defaulting.apply(holder["value"], schema)
    for error in (*values.validate(holder["value"], schema), *uniqueness.duplicates(holder["value"], schema)):
        field = f"{where}.{error.field}" if error.field not in ("", "<nil>") else where
        errors.append(status.FieldError(error.reason, field, error.detail, error.bad_value))
