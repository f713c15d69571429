"""StorageObjectInUseProtection: who uses a claim or a volume has to let go of it before it is gone.

The controllers take the finalizers off again.
"""

from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

_FINALIZERS = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
}


def protect(api: Api, kind: Kind, obj: Object) -> None:
    """Add the finalizer to a new object."""
    finalizer = _FINALIZERS[kind.key]
    present = obj["metadata"].get("finalizers") or []
    if finalizer not in present:
        obj["metadata"]["finalizers"] = [*present, finalizer]
