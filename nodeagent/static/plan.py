"""Static pods: from a manifest of this node to the pod that runs, and to its mirror in the API. Pure.

Names and annotations are the kubelet's, so that kubectl, controllers and the API server know such pods as what they are.
"""

import hashlib
import json
from typing import Any, NamedTuple

import msgspec

from kube.objects import Pod

SOURCE = "kubernetes.io/config.source"
HASH = "kubernetes.io/config.hash"
MIRROR = "kubernetes.io/config.mirror"
_FROM_API = ("configMap", "secret", "projected", "persistentVolumeClaim", "ephemeral")


class BadManifest(ValueError):
    """A manifest that makes no pod; the text says why."""


class StaticPod(NamedTuple):
    """`manifest` is the pod as JSON values; its UID is a digest of them, so that another content is another pod."""

    manifest: dict[str, Any]
    pod: Pod

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid


def static_pod(body: Any, node: str) -> StaticPod:
    """The pod of one manifest. Raises BadManifest."""
    if not isinstance(body, dict) or body.get("kind") != "Pod" or body.get("apiVersion") != "v1":
        raise BadManifest("it holds no Pod of apiVersion v1")
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    if not metadata.get("name"):
        raise BadManifest("it gives the pod no name")
    for volume in spec.get("volumes") or ():
        kind = next((field for field in _FROM_API if field in volume), "")
        if kind:
            raise BadManifest(f"a static pod cannot have {kind} volumes: they come from the API")
    digest = hashlib.md5(json.dumps([body, node], sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    uid = str(metadata.get("uid") or digest)
    annotations = {**(metadata.get("annotations") or {}), SOURCE: "file", HASH: uid}
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-{node}",
            "namespace": metadata.get("namespace") or "default",
            "labels": metadata.get("labels") or {},
            "annotations": annotations,
        },
        "spec": {
            **spec,
            "nodeName": node,
            # It belongs to its node: no taint of the node drives it away.
            "tolerations": [
                *(spec.get("tolerations") or ()),
                {"operator": "Exists", "effect": "NoExecute"},
            ],
        },
    }
    try:
        pod = msgspec.convert({**manifest, "metadata": {**manifest["metadata"], "uid": uid}}, Pod)
    except msgspec.ValidationError as error:
        raise BadManifest(str(error)) from error
    if not pod.spec.containers:
        raise BadManifest("it has no containers")
    return StaticPod(manifest, pod)


def mirror(static: StaticPod, node: str, node_uid: str) -> dict[str, Any]:
    """The object that shows the pod in the API; the node that owns it is its controller."""
    metadata = static.manifest["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": node_uid, "controller": True}
    return {
        **static.manifest,
        "metadata": {
            **metadata,
            "annotations": {**metadata["annotations"], MIRROR: static.uid},
            "ownerReferences": [owner],
        },
    }


def mirrored_uid(pod: Pod) -> str:
    """The static pod that a pod of the API shows; "" if it is an ordinary one."""
    return pod.metadata.annotations.get(MIRROR, "")
