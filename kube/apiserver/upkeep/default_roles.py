"""The default roles and bindings in the store: made when missing, and given back what was taken from them."""

from typing import Any

from kube.apiserver.access.rbac.rules import missing, parse_rules
from kube.apiserver.kinds import Kind, kind_of, lifecycle
from kube.apiserver.kinds.bootstrap import rbac
from kube.apiserver.requests.bodies import copy_of
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api, encode_stored, key_of
from kube.store import Conflict, Put

_ATTEMPTS = 8


async def ensure_roles(api: Api) -> None:
    """All in one transaction: a hundred roles cost one commit, and none when they are as they should be."""
    for _ in range(_ATTEMPTS):
        ops = [op for obj in rbac.objects() if (op := _op(api, obj)) is not None]
        try:
            if ops:
                await api.store.txn(ops)
            return
        except Conflict:
            continue  # another server starts at the same time


def _op(api: Api, wanted: Object) -> Put | None:
    kind = kind_of(wanted["apiVersion"], wanted["kind"])
    assert kind is not None
    metadata = wanted["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    key, entry = key_of(kind, namespace, name), api.get(kind, namespace, name)
    if entry is None:
        return Put(key, _encoded(api, kind, copy_of(wanted)), 0)
    stored = entry.decode()
    changed = reconciled(stored, wanted)
    return Put(key, encode_stored(changed), entry.revision) if changed != stored else None


def _encoded(api: Api, kind: Kind, obj: Object) -> bytes:
    return encode_stored(lifecycle.prepare_create(kind, obj, now=api.now(), uid=api.uid(), suffix=""))


def reconciled(stored: Object, wanted: Object) -> Object:
    """The stored object with what it lacks; more than the default stays. Pure."""
    annotations: dict[str, Any] = stored["metadata"].get("annotations") or {}
    if annotations.get(rbac.AUTOUPDATE) != "true":
        return stored
    metadata = dict(stored["metadata"])
    for field in ("labels", "annotations"):
        metadata[field] = {**wanted["metadata"][field], **(metadata.get(field) or {})}
    changed = {**stored, "metadata": metadata}
    if "aggregationRule" in wanted:
        changed.setdefault("aggregationRule", wanted["aggregationRule"])
    elif "roleRef" in wanted:
        if stored.get("roleRef") != wanted["roleRef"]:
            return stored  # somebody gave the name another meaning
        held = stored.get("subjects") or []
        lacking = [subject for subject in wanted.get("subjects") or () if subject not in held]
        if lacking:
            changed["subjects"] = [*held, *lacking]
    else:
        held = stored.get("rules") or []
        lacking = [rule for rule in wanted["rules"] if missing(parse_rules([rule]), parse_rules(held))]
        if lacking:
            changed["rules"] = [*held, *lacking]
    return changed
