"""What the server makes of a new object: its name, its identity, and a status to begin with."""

from collections.abc import Callable, Mapping
from typing import Any

from kube.apiserver import status
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.lifecycle import pods

Object = dict[str, Any]

# Alphabet of generated suffixes: no vowels and no look-alikes, so no words.
SUFFIX_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
_MAX_PREFIX = 63 - SUFFIX_LENGTH

# Objects are registered with their status by the node itself; of the others it is dropped.
_STATUS_ON_CREATE = frozenset({"nodes", "namespaces"})
# What the status of a new object says where its fields are always there (Go's structs without omitempty).
_EMPTY_STATUS: Mapping[str, Object] = {
    "apiservices.apiregistration.k8s.io": {},
    "horizontalpodautoscalers.autoscaling": {"desiredReplicas": 0, "currentMetrics": None},
    "poddisruptionbudgets.policy": {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    },
    "resourcequotas": {},
}


def generate_name(prefix: str, suffix: str) -> str:
    return prefix[:_MAX_PREFIX] + suffix


def prepare_create(
    kind: Kind, obj: Object, *, now: str, uid: str, suffix: str, user: Object | None = None
) -> Object:
    """The object as it would first be stored; `obj` is changed in place and returned. Defaults come before.

    `suffix` ends the name where only generateName is given; on AlreadyExists call again with another.
    StatusError where the client sent a resourceVersion.
    """
    metadata = obj.setdefault("metadata", {})
    if metadata.get("resourceVersion") not in (None, "", "0"):
        raise status.StatusError(500, "", "resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(metadata["generateName"], suffix)
    for name in (
        "resourceVersion",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ):
        metadata.pop(name, None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now
    if kind.has_generation:
        metadata["generation"] = 1
    if kind.has_status and kind.key not in _STATUS_ON_CREATE:
        obj.pop("status", None)
        state = _EMPTY_STATUS.get(kind.key)
        if state is not None:
            obj["status"] = dict(state)
    prepare = _ON_CREATE.get(kind.key)
    if prepare is not None:
        prepare(obj, user or {})
    return obj


def _create_namespace(obj: Object, user: Object) -> None:
    metadata = obj["metadata"]
    metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata.get("name", "")
    obj["spec"] = {**(obj.get("spec") or {}), "finalizers": ["kubernetes"]}
    obj["status"] = {"phase": "Active"}


_REQUESTER = ("username", "uid", "groups", "extra")


def _create_signing_request(obj: Object, user: Object) -> None:
    spec = {name: value for name, value in (obj.get("spec") or {}).items() if name not in _REQUESTER}
    obj["spec"] = {**spec, **{name: value for name, value in user.items() if value}}
    obj["status"] = {}


def _create_service(obj: Object, user: Object) -> None:
    obj["status"] = {"loadBalancer": {}}


def _create_job(obj: Object, user: Object) -> None:
    """The selector is the job's uid, so that no other job's pods can match."""
    spec = obj.setdefault("spec", {})
    obj["status"] = {}
    if spec.get("manualSelector"):
        return
    uid, name = obj["metadata"]["uid"], obj["metadata"].get("name", "")
    labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
    for prefix in ("batch.kubernetes.io/", ""):
        labels.setdefault(prefix + "controller-uid", uid)
        labels.setdefault(prefix + "job-name", name)
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    if not obj["metadata"].get("labels"):  # the reference server fills them in whenever it reads the job
        obj["metadata"]["labels"] = dict(labels)


def _create_pending(obj: Object, user: Object) -> None:
    obj["status"] = {"phase": "Pending"}


def _create_empty_status(obj: Object, user: Object) -> None:
    obj["status"] = {}


def _create_pod(obj: Object, user: Object) -> None:
    pods.prepare_create(obj)


_ON_CREATE: Mapping[str, Callable[[Object, Object], None]] = {
    "pods": _create_pod,
    "namespaces": _create_namespace,
    "services": _create_service,
    "jobs.batch": _create_job,
    "deployments.apps": _create_empty_status,
    "replicasets.apps": lambda obj, _: obj.update(status={"replicas": 0}),
    "replicationcontrollers": lambda obj, _: obj.update(status={"replicas": 0}),
    "statefulsets.apps": lambda obj, _: obj.update(status={"replicas": 0, "availableReplicas": 0}),
    "daemonsets.apps": lambda obj, _: obj.update(
        status={
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        }
    ),
    "cronjobs.batch": _create_empty_status,
    "ingresses.networking.k8s.io": _create_service,
    "persistentvolumes": _create_pending,
    "persistentvolumeclaims": _create_pending,
    "certificatesigningrequests.certificates.k8s.io": _create_signing_request,
}
