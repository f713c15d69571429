"""DefaultIngressClass: an Ingress that names no class is of the default one."""

from kube.apiserver.admission.kinds import INGRESS_CLASSES, spec_of
from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
_OLD_NAME = "kubernetes.io/ingress.class"


def default_class(api: Api, kind: Kind, obj: Object) -> None:
    """Of several defaults the newest, and of those the first by name."""
    spec = spec_of(obj)
    if spec.get("ingressClassName") is not None or _OLD_NAME in (obj["metadata"].get("annotations") or {}):
        return
    entries = api.cache.collection(INGRESS_CLASSES.storage_key).entries.values()
    classes = [entry.decode()["metadata"] for entry in entries]
    defaults = [found for found in classes if (found.get("annotations") or {}).get(_DEFAULT) == "true"]
    if not defaults:
        return
    newest = max(found["creationTimestamp"] for found in defaults)
    names = sorted(found["name"] for found in defaults if found["creationTimestamp"] == newest)
    spec["ingressClassName"] = names[0]
