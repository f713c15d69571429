"""Pruning: fields that the structural schema does not name are dropped, and told."""

from typing import Any

from kube.apiserver.customresources.structural import Schema

_TYPE_FIELDS = ("apiVersion", "kind", "metadata")
_NOTHING = Schema()


def prune(value: Any, schema: Schema, *, is_root: bool = False) -> list[str]:
    """Changes `value` in place; the paths of what was dropped (`spec.list[0].x`), in the order of the value.

    The root, like every embedded resource, keeps its apiVersion, kind and metadata, which `embedded` judges.
    """
    dropped: list[str] = []
    _prune(value, schema, "", dropped, is_resource=is_root or schema.embedded)
    return dropped


def _prune(value: Any, schema: Schema, path: str, dropped: list[str], *, is_resource: bool) -> None:
    if isinstance(value, dict):
        for name in list(value):
            if is_resource and name in _TYPE_FIELDS:
                continue
            here = f"{path}.{name}" if path else name
            part = schema.properties.get(name) or schema.additional
            if part is not None:
                _prune(value[name], part, here, dropped, is_resource=part.embedded)
            elif not schema.preserves_unknown:
                del value[name]
                dropped.append(here)
    elif isinstance(value, list):
        if schema.items is None and schema.preserves_unknown:
            return
        part = schema.items or _NOTHING
        for index, item in enumerate(value):
            _prune(item, part, f"{path}[{index}]", dropped, is_resource=part.embedded)
