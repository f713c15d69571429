"""Where the API server keeps its objects: one contract, several implementations, one watch cache."""

from kube.store.contract import (
    Change,
    Compacted,
    Conflict,
    Delete,
    Expect,
    Future,
    Op,
    Page,
    Put,
    Row,
    Store,
    StoreError,
    Unavailable,
)

__all__ = [
    "Change",
    "Compacted",
    "Conflict",
    "Delete",
    "Expect",
    "Future",
    "Op",
    "Page",
    "Put",
    "Row",
    "Store",
    "StoreError",
    "Unavailable",
]
