"""Who asks on port 10250, and what they need to be allowed for it: the kubelet's rules of authorization. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kube.identity import AUTHENTICATED, subject_of
from nodeagent.server.routes import Plain, Route, SystemLogs

MASTERS = "system:masters"
# Parts of the node's API that may be given away one by one (KEP-2862); all else is nodes/proxy.
_PARTS = {
    "metrics": "metrics",
    "metrics/resource": "metrics",
    "metrics/cadvisor": "metrics",
    "configz": "configz",
    "healthz/ping": "healthz",
    "healthz/syncloop": "healthz",
    "stats/summary": "stats",
    "pods": "pods",
    "runningpods": "pods",
    "healthz": "healthz",
    "livez": "healthz",
    "readyz": "healthz",
}
_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


class Peer(NamedTuple):
    """The name and groups of a client certificate that the cluster's CA signed."""

    user: str
    groups: tuple[str, ...]


def peer_of(certificate: Mapping[str, Any] | None) -> Peer:
    """CN is the user, each O a group."""
    name, groups = subject_of(certificate)
    return Peer(name, (*groups, AUTHENTICATED))


def needed(node: str, method: str, route: Route | None) -> tuple[dict[str, str], ...]:
    """SubjectAccessReview's resourceAttributes of which one must be allowed."""
    verb = _VERBS.get(method, method.lower())
    parts = ["log"] if isinstance(route, SystemLogs) else []
    if isinstance(route, Plain) and route.path in _PARTS:
        parts = [_PARTS[route.path]]
    return tuple(
        {"verb": verb, "version": "v1", "resource": "nodes", "subresource": part, "name": node}
        for part in (*parts, "proxy")
    )


def sentence(peer: Peer, asked: Mapping[str, str]) -> str:
    return f"Forbidden (user={peer.user}, verb={asked['verb']}, resource=nodes, subresource={asked['subresource']})"
