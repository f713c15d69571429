"""DELETE of one object and of a collection: grace, preconditions, propagation, finalizers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from kube.apiserver import admission, status
from kube.apiserver.kinds import Kind, lifecycle
from kube.apiserver.representation import conversion, conversion_drive
from kube.apiserver.requests.options import DeleteOptions
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api, encode_stored, entry_of, key_of
from kube.apiserver.verbs.allocation import removal_ops
from kube.store import Conflict, Delete, Put
from kube.store.entries import Entry

_ATTEMPTS = 16
# The server's registries that answer with what they deleted, where others answer with a Status; typed clients
# are generated from that (OpenAPI, response 200 of each delete).
_RETURNED = {
    "": (
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ),
    "resource.k8s.io": ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"),
    "storage.k8s.io": (
        "csidrivers",
        "csinodes",
        "storageclasses",
        "volumeattachments",
        "volumeattributesclasses",
    ),
}


class Deleted(NamedTuple):
    """`gone`: nothing is left; else the object stays, marked, until its finalizers and grace are done."""

    entry: Entry
    uid: str
    gone: bool


def returns_object(kind: Kind) -> bool:
    """The answer to a delete is the object, also when nothing is left of it."""
    return kind.plural in _RETURNED.get(kind.group, ())


Review = Callable[[Object], Awaitable[None]]  # of what is about to go; raises StatusError


async def delete(
    api: Api, kind: Kind, namespace: str, name: str, options: DeleteOptions, review: Review | None = None
) -> Deleted:
    """Raises StatusError."""
    for _ in range(_ATTEMPTS):
        entry = api.get(kind, namespace, name)
        if entry is None:
            raise status.not_found(kind.resource, name)
        try:
            return await _delete_once(api, kind, namespace, entry, options, review)
        except Conflict:
            continue
    raise status.conflict(kind.resource, name)


async def _delete_once(
    api: Api, kind: Kind, namespace: str, entry: Entry, options: DeleteOptions, review: Review | None
) -> Deleted:
    (entry,) = await conversion_drive.in_version(api, kind, [entry])
    obj = conversion.decoded(kind, entry)
    metadata = obj["metadata"]
    name, uid = metadata["name"], metadata.get("uid", "")
    _check_preconditions(kind, metadata, options)
    admission.admit_delete(kind, obj)
    if review is not None:
        await review(obj)
    marked = lifecycle.prepare_delete(
        kind, obj, now=api.now(), grace_period_s=options.grace_s, propagation=options.propagation or None
    )
    key = key_of(kind, namespace, name)
    if marked is None:
        if not options.dry_run:
            await remove(api, kind, key, entry.revision, obj)
        return Deleted(entry, uid, gone=True)
    if marked is obj or options.dry_run:
        return Deleted(entry, uid, gone=False)
    value = encode_stored(await conversion_drive.for_store(api, kind, marked))
    revision = await api.store.txn([Put(key, value, entry.revision)])
    return Deleted(entry_of(kind, marked, value, entry.create_revision, revision), uid, gone=False)


async def remove(api: Api, kind: Kind, key: str, revision: int, obj: Object) -> None:
    """The object and what it held; raises store.Conflict when it is not at the revision any more."""
    await api.store.txn([Delete(key, revision), *removal_ops(api, kind, obj)])


def _check_preconditions(kind: Kind, metadata: Object, options: DeleteOptions) -> None:
    name = metadata["name"]
    if options.uid is not None and options.uid != metadata.get("uid"):
        why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {metadata.get('uid')}"
        raise status.conflict(kind.resource, name, why)
    if options.revision is not None and options.revision != metadata.get("resourceVersion"):
        why = (
            f"Precondition failed: ResourceVersion in precondition: {options.revision}, "
            f"ResourceVersion in object meta: {metadata.get('resourceVersion')}"
        )
        raise status.conflict(kind.resource, name, why)


async def delete_all(
    api: Api, kind: Kind, entries: list[Entry], options: DeleteOptions, review: Review | None = None
) -> list[Entry]:
    """Each of them, as delete does; those that went meanwhile are left out."""

    async def one(entry: Entry) -> Entry | None:
        try:
            return (await delete(api, kind, entry.namespace, entry.name, options, review)).entry
        except status.StatusError as error:
            if error.reason == "NotFound":
                return None
            raise

    outcomes: list[Entry | None] = []
    for start in range(0, len(entries), 64):  # together, so that they share commits
        outcomes += await asyncio.gather(*(one(entry) for entry in entries[start : start + 64]))
    return [entry for entry in outcomes if entry is not None]
