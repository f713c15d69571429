"""ResourceQuota: what is made is charged to the namespace's quotas, in the transaction that makes it.

So no two servers, and no two requests, can both take the last place. What goes is given back by the quota
controller, which counts anew. In one process the writes of a namespace that has quotas take turns, as each would
otherwise find the quota changed by the one before.
"""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext

from kube.apiserver import status
from kube.apiserver.admission.kinds import QUOTAS
from kube.apiserver.kinds import Kind, quota
from kube.apiserver.kinds.amounts import Amounts, amounts, shown
from kube.apiserver.kinds.quota.usage import total
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api, encode_stored, key_of
from kube.store import Put
from kube.store.entries import Entry

# Kinds of which an update may use more than before; of all others only new ones count.
_GROWING = ("services", "persistentvolumeclaims")
# Too many and too short-lived to be limited by number; kube-apiserver leaves them out as well.
_FREE = ("events", "localsubjectaccessreviews.authorization.k8s.io", "bindings")


def turn(api: Api, kind: Kind, namespace: str, *, creates: bool) -> AbstractAsyncContextManager[None]:
    """Hold it from the look at the quotas until the write is done."""
    charged = kind.key not in _FREE if creates else kind.key in _GROWING
    if not api.settings.admits("ResourceQuota"):
        return nullcontext()
    if not namespace or not charged or next(_entries(api, namespace), None) is None:
        return nullcontext()
    return api.turns.of(f"quotas/{namespace}")


def _entries(api: Api, namespace: str) -> Iterator[Entry]:
    collection = api.cache.collection(QUOTAS.storage_key)
    if not collection.keys:
        return iter(())
    return collection.at(api.cache.revision).after("", namespace)


def charges(api: Api, kind: Kind, new: Object, old: Object | None) -> list[Put]:
    """The quotas as they are with the object; StatusError 403 when it does not fit."""
    namespace = new["metadata"].get("namespace", "")
    if not namespace or kind.key in _FREE or (old is not None and kind.key not in _GROWING):
        return []
    if not api.settings.admits("ResourceQuota"):
        return []
    ops = []
    for entry in _entries(api, namespace):
        found = entry.decode()
        hard = (found.get("spec") or {}).get("hard") or {}
        if kind.key not in quota.counted_kinds(hard):
            continue
        try:
            after = quota.charge(found, _used(api, found, namespace), kind.key, new, old)
        except quota.Refusal as refusal:
            name = new["metadata"].get("name", "")
            raise status.forbidden(kind.resource, name, str(refusal)) from refusal
        if after is not None:
            found["status"] = {**(found.get("status") or {}), "hard": hard, "used": shown(after)}
            value = encode_stored(found)
            ops.append(Put(key_of(QUOTAS, namespace, entry.name), value, entry.revision))
    return ops


def _used(api: Api, found: Object, namespace: str) -> Amounts:
    """As the status has it; counted here while the controller has not yet."""
    hard = (found.get("spec") or {}).get("hard") or {}
    used = amounts((found.get("status") or {}).get("used"))
    if all(name in used for name in hard):
        return {name: used[name] for name in hard}
    counted: dict[str, Amounts] = {}
    for key in quota.counted_kinds(hard):
        snapshot = api.cache.collection(key).at(api.cache.revision)
        objects = (entry.decode() for entry in snapshot.after("", namespace))
        mine = (obj for obj in objects if quota.counts(found, key, obj))
        counted[key] = total(key, mine, api.clock())
    everything = {name: amount for sums in counted.values() for name, amount in sums.items()}
    zero = amounts(dict.fromkeys(hard, "0"))
    return {name: everything.get(name, zero[name]) for name in hard}
