"""What the server itself does to an object's metadata when it is made, changed and deleted (api.md B1).

Pure: names, uids and times are arguments. Validation comes after; see validation/.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources import naming
from kube.apiserver.kinds import pod_lifecycle
from kube.apiserver.kinds.kind import Kind

Object = dict[str, Any]

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"

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
# These let a status write change labels and annotations as well.
_METADATA_BY_STATUS = frozenset({"pods", "nodes", "namespaces", "services", "persistentvolumes"})


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


def prepare_update(kind: Kind, new: Object, old: Object, *, subresource: str = "") -> Object:
    """What an update would store; `new` is changed in place. Returns `old` itself when nothing changes.

    `old` is not changed, but parts of it are shared with the result.
    """
    _keep_metadata(new, old)
    if subresource == "status":
        _only_status(kind, new, old)
    elif subresource:
        _ONLY.get(subresource, _keep_all)(new, old)
    else:
        if kind.has_status:
            _copy_field("status", new, old)
        if kind.key == "namespaces":
            _copy_within("spec", "finalizers", new, old)
        if kind.key == "nodes" and (old.get("spec") or {}).get("podCIDR"):
            for name in ("podCIDR", "podCIDRs"):
                new.setdefault("spec", {}).setdefault(name, old["spec"].get(name))
        if kind.key == "daemonsets.apps":
            _count_template(new, old)
    if kind.has_generation:
        generation = (old.get("metadata") or {}).get("generation", 0)
        new["metadata"]["generation"] = generation + (1 if _desire(kind, new) != _desire(kind, old) else 0)
    return old if unchanged(new, old) else new


def _count_template(new: Object, old: Object) -> None:
    """The generation of a DaemonSet's template, which clients of old read from an annotation."""
    before = (old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION) or "0"
    changed = (new.get("spec") or {}).get("template") != (old.get("spec") or {}).get("template")
    count = int(before) if before.isdecimal() else 0
    metadata = new["metadata"]
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        TEMPLATE_GENERATION: str(count + changed),
    }


def unchanged(new: Object, old: Object) -> bool:
    """Equal but for the times in managedFields and the resource version."""
    return _comparable(new) == _comparable(old)


def check_version(kind: Kind, new: Object, old: Object) -> None:
    """StatusError 409 when the client updated another version, or another object of the same name."""
    given, stored = new.get("metadata") or {}, old.get("metadata") or {}
    name = stored.get("name", "")
    if given.get("uid") and given["uid"] != stored.get("uid"):
        why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {stored.get('uid')}"
        raise status.conflict(kind.resource, name, why)
    version = given.get("resourceVersion")
    if version in (None, "", "0"):
        if not kind.unconditional_update:
            error = status.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise status.invalid(kind.group_kind, name, (error,))
        return
    if version != stored.get("resourceVersion"):
        raise status.conflict(kind.resource, name)


def prepare_delete(
    kind: Kind,
    obj: Object,
    *,
    now: str,
    grace_period_s: int | None = None,
    propagation: str | None = None,
) -> Object | None:
    """The object as it stays while its deletion waits for finalizers or a grace period; None: remove it now.

    `now` is RFC 3339 text. Returns `obj` itself when it already waits and nothing changes.
    """
    metadata = obj.get("metadata") or {}
    if kind.key == "customresourcedefinitions.apiextensions.k8s.io" and not metadata.get("deletionTimestamp"):
        obj = naming.ending(obj, now)
        metadata = obj["metadata"]
    finalizers = _finalizers_for(metadata.get("finalizers") or [], propagation)
    grace_s = pod_lifecycle.grace_period_s(obj, grace_period_s) if kind.key == "pods" else 0
    held = bool(finalizers) or (kind.key == "namespaces" and bool((obj.get("spec") or {}).get("finalizers")))
    if not grace_s and not held:
        return None
    if metadata.get("deletionTimestamp"):
        before_s = metadata.get("deletionGracePeriodSeconds") or 0
        if finalizers == (metadata.get("finalizers") or []) and (
            grace_s >= before_s or grace_period_s is None
        ):
            return obj
        grace_s = min(grace_s, before_s)
    return _marked(kind, obj, now, grace_s, finalizers)


def _marked(kind: Kind, obj: Object, now: str, grace_s: int, finalizers: list[str]) -> Object:
    metadata = {**obj["metadata"]}
    first = "deletionTimestamp" not in metadata
    if first or grace_s != metadata.get("deletionGracePeriodSeconds"):
        metadata["deletionTimestamp"] = pod_lifecycle.add_seconds(now, grace_s)
        metadata["deletionGracePeriodSeconds"] = grace_s
    if first and metadata.get("generation"):
        metadata["generation"] += 1
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers
    result = {**obj, "metadata": metadata}
    if kind.key == "namespaces":
        result["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    return result


def _finalizers_for(finalizers: list[str], propagation: str | None) -> list[str]:
    if propagation is None:
        return finalizers
    kept = [name for name in finalizers if name not in (ORPHAN, FOREGROUND)]
    if propagation == "Orphan":
        kept.append(ORPHAN)
    elif propagation == "Foreground":
        kept.append(FOREGROUND)
    return kept


def finished(kind: Kind, obj: Object) -> bool:
    """True when an object under deletion has nothing left to wait for: remove it instead of storing it."""
    metadata = obj.get("metadata") or {}
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if metadata.get("deletionGracePeriodSeconds"):
        return False
    return kind.key != "namespaces" or not (obj.get("spec") or {}).get("finalizers")


# What only the server sets: taken from the old object when an update leaves it out.
_SERVER_METADATA = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def _keep_metadata(new: Object, old: Object) -> None:
    metadata, before = new.setdefault("metadata", {}), old["metadata"]
    metadata.pop("selfLink", None)
    for name in ("generation", "resourceVersion"):
        if name in before:
            metadata[name] = before[name]
        else:
            metadata.pop(name, None)
    for name in _SERVER_METADATA:
        if name in before and not metadata.get(name):
            metadata[name] = before[name]
    for name in ("name", "namespace"):
        if name in before:
            metadata.setdefault(name, before[name])


def _only_status(kind: Kind, new: Object, old: Object) -> None:
    for name in [name for name in new if name not in ("apiVersion", "kind", "metadata", "status")]:
        del new[name]
    for name, value in old.items():
        if name not in ("metadata", "status"):
            new[name] = value
    metadata, before = new["metadata"], old["metadata"]
    if kind.custom is not None:
        names: tuple[str, ...] = tuple({*metadata, *before} - {"managedFields"})
    else:
        names = ("ownerReferences", "finalizers") if kind.key in _METADATA_BY_STATUS else ("labels",)
    for name in names:
        if name in before:
            metadata[name] = before[name]
        else:
            metadata.pop(name, None)


def _only_ephemeral_containers(new: Object, old: Object) -> None:
    containers = (new.get("spec") or {}).get("ephemeralContainers")
    _keep_all(new, old)
    if containers is not None:
        new["spec"] = {**old["spec"], "ephemeralContainers": containers}


def _only_resources(new: Object, old: Object) -> None:
    """resize: of each container its resources and resize policy."""
    wanted = {c.get("name"): c for c in (new.get("spec") or {}).get("containers") or ()}
    _keep_all(new, old)
    containers = []
    for container in old["spec"].get("containers") or ():
        change = wanted.get(container.get("name"), container)
        containers.append({**container, "resources": change.get("resources", {})})
    new["spec"] = {**old["spec"], "containers": containers}


def _only_finalizers(new: Object, old: Object) -> None:
    finalizers = (new.get("spec") or {}).get("finalizers")
    _keep_all(new, old)
    spec = {name: value for name, value in (old.get("spec") or {}).items() if name != "finalizers"}
    if finalizers:
        spec["finalizers"] = finalizers
    new["spec"] = spec


def _only_conditions(new: Object, old: Object) -> None:
    """Approval of a certificate request."""
    conditions = (new.get("status") or {}).get("conditions")
    _keep_all(new, old)
    new["status"] = {**(old.get("status") or {})}
    if conditions is not None:
        new["status"]["conditions"] = conditions


def _keep_all(new: Object, old: Object) -> None:
    for name in [name for name in new if name != "metadata"]:
        del new[name]
    new.update({name: value for name, value in old.items() if name != "metadata"})


_ONLY: Mapping[str, Callable[[Object, Object], None]] = {
    "ephemeralcontainers": _only_ephemeral_containers,
    "resize": _only_resources,
    "finalize": _only_finalizers,
    "approval": _only_conditions,
}


def _copy_field(name: str, new: Object, old: Object) -> None:
    if name in old:
        new[name] = old[name]
    else:
        new.pop(name, None)


def _copy_within(parent: str, name: str, new: Object, old: Object) -> None:
    before = (old.get(parent) or {}).get(name)
    if before is not None:
        new.setdefault(parent, {})[name] = before
    elif parent in new:
        new[parent].pop(name, None)


_NOT_DESIRE = ("apiVersion", "kind", "metadata", "status")


def _desire(kind: Kind, obj: Object) -> Object:
    """All but metadata and status: a change here counts as a new generation.

    A custom resource whose status is not written apart has no status in this sense.
    """
    wished = {name: value for name, value in obj.items() if name not in _NOT_DESIRE}
    if kind.custom is not None and not kind.has_status:
        wished["status"] = obj.get("status")
    return wished


def _comparable(obj: Object) -> Object:
    metadata = {**(obj.get("metadata") or {})}
    metadata.pop("resourceVersion", None)
    if "managedFields" in metadata:
        metadata["managedFields"] = [{**entry, "time": None} for entry in metadata["managedFields"]]
    return {**obj, "metadata": metadata}


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


def _create_pending(obj: Object, user: Object) -> None:
    obj["status"] = {"phase": "Pending"}


def _create_empty_status(obj: Object, user: Object) -> None:
    obj["status"] = {}


def _create_pod(obj: Object, user: Object) -> None:
    pod_lifecycle.prepare_create(obj)


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
