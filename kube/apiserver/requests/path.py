"""Which resource a path names: the API's URL scheme."""

from typing import NamedTuple
from urllib.parse import unquote


class Target(NamedTuple):
    """`/apis/apps/v1/namespaces/d/deployments/web/scale`, taken apart; empty text for what is not there.

    `rest` is what follows the subresource (only `proxy` has it), with its leading slash.
    """

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    watch: bool = False


# Below one namespace object, not collections in it.
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


def parse(path: str) -> Target | None:
    """None for paths that name no resource (`/version`, `/apis/apps/v1`)."""
    parts = path.split("/")
    match parts:
        case ["", "api", version, *below] if below:
            group = ""
        case ["", "apis", group, version, *below] if below and group:
            pass
        case _:
            return None
    watch = below[0] == "watch" and len(below) > 1  # the deprecated form of ?watch=true
    if watch:
        below = below[1:]
    while len(below) > 1 and not below[-1] and "proxy" not in below:
        below = below[:-1]  # a trailing slash
    namespace = ""
    if below[0] == "namespaces" and len(below) > 2 and not group and below[2] in _NAMESPACE_SUBRESOURCES:
        if len(below) == 3:
            return Target(group, version, "namespaces", name=unquote(below[1]), subresource=below[2])
        return None
    if below[0] == "namespaces" and len(below) > 2:
        namespace, below = unquote(below[1]), below[2:]
        if not namespace:
            return None
    plural, name, subresource, *rest = (*below, "", "")[: max(len(below), 3)]
    if not plural or (rest and subresource != "proxy") or (subresource and not name):
        return None
    tail = "/" + "/".join(rest) if rest else ""
    return Target(group, version, plural, namespace, unquote(name), subresource, tail, watch)
