"""Which resource a URL names."""

import pytest

from kube.apiserver.requests.path import Target, parse


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1/pods", Target("", "v1", "pods")),
        ("/api/v1/namespaces/d/pods/p", Target("", "v1", "pods", "d", "p")),
        ("/api/v1/namespaces/d/pods/p/log", Target("", "v1", "pods", "d", "p", "log")),
        ("/api/v1/namespaces", Target("", "v1", "namespaces")),
        ("/api/v1/namespaces/d", Target("", "v1", "namespaces", "", "d")),
        ("/api/v1/namespaces/d/", Target("", "v1", "namespaces", "", "d")),
        ("/api/v1/namespaces/d/status", Target("", "v1", "namespaces", "", "d", "status")),
        ("/api/v1/namespaces/d/finalize", Target("", "v1", "namespaces", "", "d", "finalize")),
        ("/apis/apps/v1/namespaces/d/deployments/w/scale", Target("apps", "v1", "deployments", "d", "w", "scale")),
        ("/api/v1/watch/namespaces/d/pods", Target("", "v1", "pods", "d", watch=True)),
        ("/api/v1/nodes/n%3A1/proxy/logs/x", Target("", "v1", "nodes", "", "n:1", "proxy", "/logs/x")),
        ("/api/v1/namespaces/d/services/s:80/proxy/", Target("", "v1", "services", "d", "s:80", "proxy", "/")),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
         Target("rbac.authorization.k8s.io", "v1", "clusterroles", "", "system:node")),
        ("/version", None),
        ("/api", None),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
        ("/api/v1/namespaces/d/pods/p/log/more", None),
        ("/api/v1/namespaces//pods", None),
    ],
)  # fmt: skip
def test_paths(path: str, target: Target | None) -> None:
    assert parse(path) == target
