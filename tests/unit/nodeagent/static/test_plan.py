"""From manifests to static pods and their mirrors."""

import pytest

from nodeagent.static.plan import MIRROR, BadManifest, mirror, mirrored_uid, static_pod


def manifest(**spec):
    body = {"containers": [{"name": "c", "image": "i"}], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "etcd", "labels": {"a": "b"}},
        "spec": body,
    }


def test_a_static_pod_is_named_by_its_node_and_known_by_its_content():
    one, same, other = (static_pod(manifest(hostNetwork=n), "n1") for n in (True, True, False))
    assert (one.pod.metadata.name, one.pod.metadata.namespace, one.pod.spec.node_name) == (
        "etcd-n1",
        "default",
        "n1",
    )
    assert one.uid == same.uid != other.uid
    assert one.pod.spec.tolerations[-1].operator == "Exists"


def test_its_mirror_names_it_and_belongs_to_the_node():
    static = static_pod(manifest(), "n1")
    shown = mirror(static, "n1", "uid-of-node")
    assert shown["metadata"]["annotations"][MIRROR] == static.uid
    assert shown["metadata"]["ownerReferences"][0]["uid"] == "uid-of-node"
    assert "uid" not in shown["metadata"]
    assert mirrored_uid(static.pod) == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (["x"], "no Pod"),
        ({"apiVersion": "v1", "kind": "Service"}, "no Pod"),
        ({"apiVersion": "v1", "kind": "Pod"}, "no name"),
        ({**manifest(), "spec": {"containers": []}}, "no containers"),
        (manifest(volumes=[{"name": "v", "secret": {"secretName": "s"}}]), "come from the API"),
        (manifest(containers=[{"image": 5}]), "Expected `str`"),
    ],
)
def test_what_makes_no_pod_says_why(body, why):
    with pytest.raises(BadManifest, match=why):
        static_pod(body, "n1")
