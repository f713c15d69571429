"""Every function that expressions may call: the language's own and the libraries that Kubernetes adds.

FUNCTIONS is by name and whether it is a method; within a name the first signature that fits is called.
"""

from collections.abc import Mapping

from kube.apiserver.cel.functions import (
    arithmetic,
    authorizer,
    conversions,
    formats,
    lists,
    network,
    optionals,
    quantities,
    strings,
    times,
    urls,
    versions,
)
from kube.apiserver.cel.types import Overload

_TABLES = (
    arithmetic.TABLE,
    conversions.TABLE,
    strings.TABLE,
    times.TABLE,
    lists.TABLE,
    optionals.TABLE,
    urls.TABLE,
    network.TABLE,
    quantities.TABLE,
    versions.TABLE,
    formats.TABLE,
    authorizer.TABLE,
)


def _by_name() -> Mapping[tuple[str, bool], tuple[Overload, ...]]:
    found: dict[tuple[str, bool], list[Overload]] = {}
    for table in _TABLES:
        for row in table:
            found.setdefault((row.name, row.is_method), []).append(row)
    return {key: tuple(rows) for key, rows in found.items()}


FUNCTIONS = _by_name()
