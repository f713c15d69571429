import pytest

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.nodes.authorizer import NodeAuthorizer, node_name
from kube.apiserver.access.nodes.references import Placed, PodReferences, Ref
from kube.apiserver.requests.request import User
from kube.store.cache import WatchCache
from kube.store.memory import MemoryStore

NODE = User("system:node:n1", ("system:nodes", "system:authenticated"))
NEEDED = frozenset(
    {
        Ref("pods", "web", "p"),
        Ref("secrets", "web", "key"),
        Ref("configmaps", "web", "settings"),
        Ref("serviceaccounts", "web", "bot"),
        Ref("persistentvolumeclaims", "web", "data"),
    }
)


@pytest.fixture
def authorizer() -> NodeAuthorizer:
    references = PodReferences()
    references.set("web/p", Placed("n1", NEEDED))
    references.set("web/q", Placed("n2", frozenset({Ref("secrets", "web", "other")})))
    return NodeAuthorizer(references, WatchCache(MemoryStore()))


def asked(text: str, *, user: User = NODE, **fields: str) -> Attributes:
    """`verb resource[/subresource] [namespace/name | /name]`, the group behind a dot."""
    verb, resource, *place = text.split()
    if resource.startswith("/"):
        return Attributes(user, verb, path=resource)
    resource, _, subresource = resource.partition("/")
    resource, _, group = resource.partition(".")
    namespace, _, name = (place[0] if place else "").partition("/")
    return Attributes(user, verb, group, "v1", resource, subresource, namespace, name, fields=fields)


@pytest.mark.parametrize(
    "text",
    [
        "get secrets web/key",
        "list secrets web/key",
        "watch configmaps web/settings",
        "get pods web/p",
        "delete pods web/anything",
        "create pods web/",
        "patch pods/status web/p",
        "create pods/eviction web/p",
        "get nodes /n1",
        "watch nodes /n1",
        "create nodes",
        "patch nodes/status /n2",  # NodeRestriction refuses it
        "create serviceaccounts/token web/bot",
        "get persistentvolumeclaims web/data",
        "update persistentvolumeclaims/status web/data",
        "create leases.coordination.k8s.io kube-node-lease/",
        "update leases.coordination.k8s.io kube-node-lease/n1",
        "create csinodes.storage.k8s.io",
        "get csinodes.storage.k8s.io /n1",
        "list services",
        "create events web/",
        "watch runtimeclasses.node.k8s.io",
        "create tokenreviews.authentication.k8s.io",
    ],
)
def test_a_node_may(authorizer: NodeAuthorizer, text: str) -> None:
    assert authorizer.decide(asked(text)).allowed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("get secrets web/other", "no relationship found between node 'n1' and this object"),
        ("get secrets stage/key", "no relationship found between node 'n1' and this object"),
        ("list secrets web/", "No Object name found"),
        ("list secrets", "can only read namespaced object of this type"),
        ("update secrets web/key", "can only read resources of this type"),
        ("get pods web/q", "no relationship found between node 'n1' and this object"),
        ("list pods", "can only list/watch pods with spec.nodeName field selector"),
        ("update pods web/p", ""),
        ("create pods/binding web/p", ""),
        ("get pods/log web/p", ""),
        ("get nodes /n2", "node 'n1' cannot read 'n2', only its own Node object"),
        ("list nodes", "node 'n1' cannot read '', only its own Node object"),
        ("delete nodes /n1", ""),
        ("create serviceaccounts/token web/admin", "no relationship found between node 'n1' and this object"),
        ("list serviceaccounts web/", "can only get individual resources of this type"),
        (
            "get leases.coordination.k8s.io kube-node-lease/n2",
            "can only access node lease with the same name as the requesting node",
        ),
        (
            "get leases.coordination.k8s.io kube-system/n1",
            'can only access leases in the "kube-node-lease" system namespace',
        ),
        (
            "list leases.coordination.k8s.io kube-node-lease/",
            "can only get, create, update, patch, or delete a node lease",
        ),
        (
            "get csinodes.storage.k8s.io /n2",
            "can only access CSINode with the same name as the requesting node",
        ),
        ("get persistentvolumes /v", "no relationship found between node 'n1' and this object"),
        (
            "get volumeattachments.storage.k8s.io /v",
            "no relationship found between node 'n1' and this object",
        ),
        ("create deployments.apps web/", ""),
        ("get /metrics", ""),
    ],
)
def test_a_node_may_not(authorizer: NodeAuthorizer, text: str, reason: str) -> None:
    decision = authorizer.decide(asked(text))
    assert (decision.allowed, decision.reason) == (False, reason)


def test_pods_are_listed_by_node(authorizer: NodeAuthorizer) -> None:
    assert authorizer.decide(asked("watch pods", **{"spec.nodeName": "n1"})).allowed
    assert not authorizer.decide(asked("watch pods", **{"spec.nodeName": "n2"})).allowed


@pytest.mark.parametrize(
    "user",
    [
        User("system:node:n1"),
        User("n1", ("system:nodes",)),
        User("system:node:", ("system:nodes",)),
        User("system:serviceaccount:web:bot", ("system:serviceaccounts",)),
    ],
)
def test_users_that_are_no_nodes_are_left_to_others(authorizer: NodeAuthorizer, user: User) -> None:
    assert node_name(user) is None
    decision = authorizer.decide(asked("get secrets web/key", user=user))
    assert (decision.allowed, decision.reason) == (False, "")
    assert authorizer.rules_for(user, "web").error == ""


def test_rules_of_nodes_cannot_be_told(authorizer: NodeAuthorizer) -> None:
    assert "does not support user rule resolution" in authorizer.rules_for(NODE, "web").error
