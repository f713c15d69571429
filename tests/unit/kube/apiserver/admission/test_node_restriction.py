from typing import Any

import pytest

from kube.apiserver.access.nodes.references import MIRROR
from kube.apiserver.admission import node_restriction
from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.requests.request import User
from kube.apiserver.status import StatusError

NODE = User("system:node:n1", ("system:nodes",))
OTHER = User("jane", ("dev",))


def kind(group: str, plural: str) -> Kind:
    found = kind_at(group, "v1", plural)
    assert found is not None
    return found


PODS, NODES = kind("", "pods"), kind("", "nodes")
LEASES, CSI_NODES = kind("coordination.k8s.io", "leases"), kind("storage.k8s.io", "csinodes")
MIRRORED = {"annotations": {MIRROR: "x"}}


def obj(name: str, metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **(metadata or {})}, "spec": spec}


@pytest.mark.parametrize(
    ("of", "made", "fault"),
    [
        (PODS, obj("p", MIRRORED, nodeName="n1"), ""),
        (PODS, obj("p", nodeName="n1"), "can only create mirror pods"),
        (PODS, obj("p", MIRRORED, nodeName="n2"), "can only create pods with spec.nodeName set to itself"),
        (PODS, obj("p", MIRRORED, nodeName="n1", serviceAccountName="admin"), "reference API objects"),
        (
            PODS,
            obj("p", MIRRORED, nodeName="n1", volumes=[{"name": "v", "secret": {}}]),
            "reference secret volumes",
        ),
        (PODS, obj("p", MIRRORED, nodeName="n1", volumes=[{"name": "v", "hostPath": {}}]), ""),
        (NODES, obj("n1"), ""),
        (NODES, obj("n2"), 'node "n1" is not allowed to modify node "n2"'),
        (
            NODES,
            obj("n1", {"labels": {"kubernetes.io/hostname": "n1", "team": "a", "example.com/x": "y"}}),
            "",
        ),
        (
            NODES,
            obj("n1", {"labels": {"node.kubernetes.io/pool": "a", "topology.kubernetes.io/zone": "z"}}),
            "",
        ),
        (
            NODES,
            obj(
                "n1",
                {"labels": {"node-node_restriction.kubernetes.io/a": "", "node-role.kubernetes.io/b": ""}},
            ),
            "is not allowed to set the following labels: "
            "node-node_restriction.kubernetes.io/a, node-role.kubernetes.io/b",
        ),
        (LEASES, obj("n1", {"namespace": "kube-node-lease"}), ""),
        (LEASES, obj("n2", {"namespace": "kube-node-lease"}), "node lease with the same name"),
        (LEASES, obj("n1", {"namespace": "kube-system"}), "system namespace"),
        (CSI_NODES, obj("n2"), "CSINode with the same name"),
    ],
)
def test_a_node_creates(of: Kind, made: dict[str, Any], fault: str) -> None:
    check(fault, lambda user: node_restriction.check_create(of, made, user))


@pytest.mark.parametrize(
    ("of", "old", "new", "subresource", "fault"),
    [
        (PODS, obj("p", nodeName="n1"), obj("p", nodeName="n1"), "status", ""),
        (PODS, obj("p", nodeName="n2"), obj("p", nodeName="n2"), "status", "can only update pod status"),
        (
            PODS,
            obj("p", nodeName="n1"),
            obj("p", {"labels": {"a": "b"}}, nodeName="n1"),
            "status",
            "cannot update labels through pod status",
        ),
        (PODS, obj("p", nodeName="n1"), obj("p", nodeName="n1"), "", "can not update pods"),
        (NODES, obj("n1"), obj("n1", {"labels": {"team": "b"}}), "", ""),
        (NODES, obj("n2"), obj("n2"), "status", "is not allowed to modify node"),
        (NODES, obj("n1", taints=[1]), obj("n1"), "", "is not allowed to modify taints"),
        (
            NODES,
            obj("n1", {"labels": {"node-role.kubernetes.io/x": ""}}),
            obj("n1"),
            "",
            "is not allowed to modify labels: node-role.kubernetes.io/x",
        ),
        (
            NODES,
            obj("n1", {"labels": {"node-role.kubernetes.io/x": ""}}),
            obj("n1", {"labels": {"node-role.kubernetes.io/x": "", "a": "b"}}),
            "",
            "",
        ),
        (NODES, obj("n1"), obj("n1", {"ownerReferences": [{}]}), "", "modify ownerReferences"),
    ],
)
def test_a_node_updates(
    of: Kind, old: dict[str, Any], new: dict[str, Any], subresource: str, fault: str
) -> None:
    check(fault, lambda user: node_restriction.check_update(of, new, old, subresource, user))


@pytest.mark.parametrize(("node", "fault"), [("n1", ""), ("n2", "with spec.nodeName set to itself")])
def test_a_node_ends_its_own_pods(node: str, fault: str) -> None:
    check(fault, lambda user: node_restriction.check_delete(PODS, obj("p", nodeName=node), user))
    check(fault, lambda user: node_restriction.check_eviction(PODS, obj("p", nodeName=node), user))


def check(fault: str, act: Any) -> None:
    act(OTHER)  # others are not restricted
    if not fault:
        act(NODE)
        return
    with pytest.raises(StatusError) as raised:
        act(NODE)
    assert raised.value.code == 403
    assert fault in raised.value.message
