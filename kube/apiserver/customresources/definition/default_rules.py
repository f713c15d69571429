"""A default fits the schema that it is a default of, and has nothing that pruning would drop."""

from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources import defaulting, pruning, uniqueness, values
from kube.apiserver.customresources.definition.node import Errors, Node, below
from kube.apiserver.customresources.structural import parse

Object = dict[str, Any]


def defaults(schema: Object, where: str, errors: Errors) -> None:
    """`schema` is structural."""
    _walk(Node(schema, where, "root"), errors, in_metadata=False)


def _walk(node: Node, errors: Errors, *, in_metadata: bool) -> None:
    if "default" in node.schema:
        if node.level == "root":
            errors.append(status.forbidden_value(node.at("default"), "must not be set at the root"))
        elif in_metadata:
            detail = "must not be set inside of metadata"
            errors.append(status.forbidden_value(node.at("default"), detail))
        else:
            _judge(node, errors)
    for part in below(node):
        resource = node.level == "root" or node.flag("x-kubernetes-embedded-resource")
        _walk(part, errors, in_metadata=in_metadata or (resource and part.step == ("properties", "metadata")))


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
