from typing import Any

import msgspec

from kube.apiserver.access.nodes.references import MIRROR, PodReferences, Ref, placed
from kube.store.entries import Entry

SPEC: dict[str, Any] = {
    "nodeName": "n1",
    "serviceAccountName": "bot",
    "imagePullSecrets": [{"name": "pull"}],
    "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "init-map"}}]}],
    "containers": [
        {
            "name": "c",
            "image": "x",
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "env-map", "key": "k"}}},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "envFrom": [{"secretRef": {"name": "from-secret"}}],
        }
    ],
    "ephemeralContainers": [{"name": "e", "envFrom": [{"secretRef": {"name": "debug"}}]}],
    "volumes": [
        {"name": "a", "secret": {"secretName": "volume-secret"}},
        {"name": "b", "configMap": {"name": "volume-map"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": "d", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "e", "emptyDir": {}},
        {
            "name": "f",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt"}},
                    {"secret": {"name": "projected"}},
                ]
            },
        },
        {"name": "g", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
        {"name": "h", "iscsi": {"secretRef": {"name": "chap"}}},
        {"name": "i", "azureFile": {"secretName": "azure", "shareName": "s"}},
    ],
    "resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu-claim"}],
}


def pod(name: str, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> Entry:
    body = {"metadata": {"name": name, "annotations": annotations}, "spec": spec}
    return Entry(f"web/{name}", msgspec.json.encode(body), 1, 1, {})


def test_everything_a_pod_needs_is_found() -> None:
    found = placed(pod("p", SPEC))
    assert found is not None
    assert found.node == "n1"
    assert found.refs == {
        Ref(resource, "web", name)
        for resource, names in {
            "pods": "p",
            "serviceaccounts": "bot",
            "secrets": "pull env-secret from-secret debug volume-secret projected csi chap azure",
            "configmaps": "init-map env-map volume-map kube-root-ca.crt",
            "persistentvolumeclaims": "claim p-d",
            "resourceclaims": "gpu-claim",
        }.items()
        for name in names.split()
    }


def test_a_pod_without_a_node_gives_nothing() -> None:
    assert placed(pod("p", {"containers": []})) is None


def test_a_mirror_pod_gives_its_node_nothing_but_itself() -> None:
    found = placed(pod("p", SPEC, {MIRROR: "x"}))
    assert found is not None
    assert found.refs == {Ref("pods", "web", "p")}


def test_what_two_pods_need_stays_until_both_are_gone() -> None:
    references, shared = PodReferences(), Ref("secrets", "web", "s")
    spec = {"nodeName": "n1", "containers": [], "imagePullSecrets": [{"name": "s"}]}
    for name in ("a", "b"):
        references.set(f"web/{name}", placed(pod(name, spec)))
    references.set("web/a", placed(pod("a", spec)))  # the same again
    assert references.has("n1", shared)
    assert not references.has("n2", shared)
    references.set("web/a", None)
    assert references.has("n1", shared)
    references.set("web/b", placed(pod("b", {**spec, "imagePullSecrets": None})))
    assert not references.has("n1", shared)
    references.set("web/b", None)
    references.set("web/b", None)
    assert references._counts == {}
