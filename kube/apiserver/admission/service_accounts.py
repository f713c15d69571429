"""ServiceAccount: every pod runs as one, and finds its token, the cluster's CA and its namespace in a volume."""

from typing import Any

from kube.apiserver import status
from kube.apiserver.admission.kinds import SERVICE_ACCOUNTS, spec_of
from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
_TOKEN_S = 3607  # an hour, and a few seconds by which kube-apiserver knows that it asked itself
_MIRROR = "kubernetes.io/config.mirror"


def admit(api: Api, kind: Kind, obj: Object) -> None:
    """Only the account `default` may be missing: its controller makes it a moment after the namespace."""
    spec, metadata = spec_of(obj), obj["metadata"]
    if _MIRROR in (metadata.get("annotations") or {}):
        return
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    namespace = metadata.get("namespace", "")
    entry = api.get(SERVICE_ACCOUNTS, namespace, name)
    if entry is None and name != "default":
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise status.forbidden(kind.resource, metadata.get("name", ""), why)
    account = entry.decode() if entry is not None else {}
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    if _mounts(spec, account):
        mount(spec, f"{VOLUME_PREFIX}{api.suffix()}")


def _mounts(spec: Object, account: Object) -> bool:
    """The pod's word counts before the account's."""
    for says in (spec, account):
        if says.get("automountServiceAccountToken") is not None:
            return bool(says["automountServiceAccountToken"])
    return True


def mount(spec: Object, volume_name: str) -> None:
    """Into every container that has not something else at the place. An own volume of the kind is used."""
    volumes = spec.get("volumes") or []
    present = [row["name"] for row in volumes if str(row.get("name", "")).startswith(VOLUME_PREFIX)]
    name = present[0] if present else volume_name
    mounted = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.get("volumeMounts") or []
        if any(row.get("mountPath") == MOUNT_PATH for row in mounts):
            continue
        container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
        mounted = True
    if mounted and not present:
        spec["volumes"] = [*volumes, _volume(name)]


def _volume(name: str) -> dict[str, Any]:
    """As kube-apiserver's: world-readable, as every container of the pod has to read it."""
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources: list[dict[str, Any]] = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_S, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"defaultMode": 0o644, "sources": sources}}
