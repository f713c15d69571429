"""What nodes must be granted for routes and tunnels: a node may read only its own Node (KEP-4601). Pure."""

from typing import Any

_NAME = "podnet:overlay"
_API_GROUP = "rbac.authorization.k8s.io"

RIGHTS: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": f"{_API_GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _NAME},
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}],
    },
    {
        "apiVersion": f"{_API_GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": _API_GROUP, "kind": "ClusterRole", "name": _NAME},
        "subjects": [{"apiGroup": _API_GROUP, "kind": "Group", "name": "system:nodes"}],
    },
)


def path_of(right: dict[str, Any]) -> str:
    """Where it is created."""
    return f"/apis/{right['apiVersion']}/{right['kind'].lower()}s"
