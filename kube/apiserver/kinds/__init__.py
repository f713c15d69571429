"""Everything the API server knows about single kinds: pure functions on JSON-shaped dicts.

`KINDS` is the table; the modules beside it (defaults, validation, patch, table, …) are looked up by
`Kind.key` where kinds differ.
"""

from kube.apiserver.kinds.kind import Kind, Subresource
from kube.apiserver.kinds.rows import KINDS

__all__ = ["KINDS", "Kind", "Subresource", "kind_at", "kind_of"]

_BY_RESOURCE = {(row.group, row.version, row.plural): row for row in KINDS}
_BY_KIND = {(row.api_version, row.kind): row for row in KINDS}


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """The kind served at /apis/GROUP/VERSION/PLURAL (group "" is /api/VERSION/PLURAL)."""
    return _BY_RESOURCE.get((group, version, plural))


def kind_of(api_version: str, kind: str) -> Kind | None:
    """The kind of an object by its apiVersion and kind fields."""
    return _BY_KIND.get((api_version, kind))
