"""POST, PUT and PATCH: decode, default, prepare, admit, validate, allocate, store."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from kube.apiserver import admission, status
from kube.apiserver.admission import quotas
from kube.apiserver.customresources import admission as definitions
from kube.apiserver.dynamic_admission import drive as dynamic
from kube.apiserver.dynamic_admission.attempts import Attempt, Operation
from kube.apiserver.kinds import Kind, defaults, lifecycle, managed_fields, schema, validation
from kube.apiserver.representation import conversion, conversion_drive
from kube.apiserver.requests import bodies, options
from kube.apiserver.requests.options import WriteOptions
from kube.apiserver.requests.request import ANONYMOUS, Object, Request, User
from kube.apiserver.state import Api, encode_stored, entry_of, key_of
from kube.apiserver.status import FieldError
from kube.apiserver.verbs import allocation
from kube.apiserver.verbs.delete import remove
from kube.store import Conflict, Op, Put
from kube.store.entries import Entry

_NAME_ATTEMPTS = 8
_UPDATE_ATTEMPTS = 16


class Write(NamedTuple):
    """One write's circumstances; `warnings` is added to on the way."""

    api: Api
    kind: Kind  # as addressed
    stored: Kind  # as kept
    namespace: str
    options: WriteOptions
    user: User
    warnings: list[str]
    subresource: str = ""
    owned_through: str = (
        ""  # the subresource that managers are recorded with, where it is no part of the object
    )
    applies: bool = False  # the apply patch has settled who owns which field
    verb: str = "Create"  # of the options that webhooks are shown: CreateOptions, UpdateOptions, PatchOptions


class Written(NamedTuple):
    """`entry` as stored, or for a dry run as it would be; `created` tells 201 from 200."""

    entry: Entry
    created: bool = False
    deleted: bool = False


_VERBS = {"PUT": "Update", "PATCH": "Patch"}


def write_of(api: Api, kind: Kind, namespace: str, request: Request, subresource: str = "") -> Write:
    asked = options.write_options(request.query, request.headers.get("user-agent", ""))
    return Write(
        api,
        kind,
        conversion.stored_kind(kind),
        namespace,
        asked,
        request.user or ANONYMOUS,
        [],
        subresource,
        verb=_VERBS.get(request.method, "Create"),
    )


def checked(write: Write, obj: Object, doubled: list[str]) -> Object:
    """Decoded by the schema of the kind as addressed; StatusError 400 for what does not fit."""
    report = schema.check(write.kind, obj, doubled)
    write.warnings.extend(report.enforce(write.kind, write.options.validation))
    return obj


def _place(write: Write, obj: Object) -> None:
    """The object's namespace must be the path's."""
    metadata = obj.get("metadata")
    if metadata is None:
        metadata = obj["metadata"] = {}
    if not write.kind.namespaced:
        if metadata.get("namespace"):
            raise (
                status.bad_request("namespace not allowed on this resource")
                if write.namespace
                else _drop(metadata)
            )
        metadata.pop("namespace", None)
        return
    if (metadata.get("namespace") or write.namespace) != write.namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = write.namespace


def _drop(metadata: Object) -> status.StatusError:
    return status.bad_request(
        f"the namespace of the provided object ({metadata['namespace']}) is not allowed: the resource has no namespaces"
    )


async def create(write: Write, obj: Object, doubled: list[str]) -> Written:
    """Raises StatusError; retries other names for generateName."""
    obj = conversion.to_stored(write.kind, checked(write, obj, doubled))
    _place(write, obj)
    generated = not obj["metadata"].get("name") and bool(obj["metadata"].get("generateName"))
    defaults.apply(write.stored, obj)
    _track(write, obj, None)  # before the server adds what nobody asked for
    for attempt in range(_NAME_ATTEMPTS):
        # Addresses are filled in: a Service that has to be tried again starts without them.
        candidate = bodies.copy_of(obj) if write.stored.key == allocation.SERVICES else obj
        try:
            candidate = await _prepared(write, candidate)
            async with quotas.turn(write.api, write.stored, write.namespace, creates=True):
                return await _store_new(write, candidate)
        except Conflict:
            continue  # another server gave the address or port away first; the allocator knows now
        except status.StatusError as error:
            if not generated or error.reason != "AlreadyExists":
                raise
            name = candidate["metadata"]["name"]
            obj["metadata"].pop("name", None)
            if attempt == _NAME_ATTEMPTS - 1:
                raise status.generate_name_conflict(write.kind.resource, name) from error
            # a name that is taken: the object is what the client sent, but for what prepare_create sets again
    raise status.conflict(write.kind.resource, obj["metadata"].get("name", ""))


async def _prepared(write: Write, obj: Object) -> Object:
    """The new object as all admission wants it; webhooks are asked, so other requests are served meanwhile."""
    api, kind = write.api, write.stored
    suffix = "" if obj["metadata"].get("name") else api.suffix()
    lifecycle.prepare_create(kind, obj, now=api.now(), uid=api.uid(), suffix=suffix, user=write.user.info)
    admission.admit_create(api, kind, obj, write.user)
    attempt = _attempt(write, "CREATE", obj, None)
    changed = await dynamic.mutated(api, attempt, write.warnings)
    if changed is not None and changed is not obj:
        obj = _mutated(write, changed)
        admission.admit_create(api, kind, obj, write.user)
    if dynamic.judges(api, attempt):
        if kind.key != definitions.DEFINITIONS.key:  # whose status is not known yet
            _refuse(kind, obj, validation.validate_create(kind, obj))
        await dynamic.validate(api, attempt._replace(obj=obj), write.warnings)
    return obj


def _attempt(write: Write, operation: Operation, obj: Object | None, old: Object | None) -> Attempt:
    """In the version of the request, which custom kinds are handled in; built-in ones are shown as they are stored."""
    kind = write.stored
    metadata = (obj or old or {}).get("metadata") or {}
    chosen = write.options
    options: Object = {"kind": f"{write.verb}Options", "apiVersion": "meta.k8s.io/v1"}
    if chosen.dry_run:
        options["dryRun"] = ["All"]
    if chosen.manager:
        options["fieldManager"] = chosen.manager
    options["fieldValidation"] = chosen.validation
    return Attempt(
        operation,
        kind,
        write.namespace if kind.key != "namespaces" else metadata.get("name") or "",
        metadata.get("name") or "",
        write.user,
        obj,
        old,
        kind.gvk,
        subresource=write.subresource,
        dry_run=chosen.dry_run,
        options=options,
    )


def _mutated(write: Write, obj: Object) -> Object:
    """What webhooks and policies made of an object, read and defaulted as a body is."""
    schema.check(write.stored, obj)
    defaults.apply(write.stored, obj)
    return obj


def _refuse(kind: Kind, obj: Object, errors: list[FieldError]) -> None:
    if errors:
        raise status.invalid(kind.group_kind, obj["metadata"].get("name") or "", errors)


async def _store_new(write: Write, obj: Object) -> Written:
    """Raises store.Conflict for a key other than the object's own."""
    api, kind = write.api, write.stored
    stored = await conversion_drive.for_store(api, kind, obj)
    write.warnings.extend(definitions.admit(api.catalog, kind, obj, None, api.now()))
    name = obj["metadata"].get("name") or ""
    _refuse(kind, obj, validation.validate_create(kind, obj))
    with _allocated(write, obj, None) as extra:  # a Service is refused for its address before its name
        if api.get(kind, write.namespace, name) is not None:
            raise status.already_exists(write.kind.resource, name)
        guards: list[Op] = [*definitions.guards(api.cache, kind), *quotas.charges(api, kind, obj, None)]
        key = key_of(kind, write.namespace, name)
        value = encode_stored(stored)
        ops: list[Op] = [Put(key, value, 0), *extra, *guards]
        try:
            revision = 0 if write.options.dry_run else await api.store.txn(ops)
        except Conflict as error:
            if error.key != key:
                raise
            raise status.already_exists(write.kind.resource, name) from error
    return Written(entry_of(kind, stored, value, revision, revision), created=True)


def _track(write: Write, new: Object, old: Object | None) -> None:
    """Owners of the fields."""
    if not write.applies:
        managed_fields.track(
            write.stored,
            new,
            old,
            manager=write.options.manager,
            now=write.api.now(),
            subresource=write.subresource or write.owned_through,
        )


def _allocated(write: Write, new: Object, old: Object | None) -> AbstractContextManager[list[Op]]:
    if write.subresource:
        return nullcontext([])
    return allocation.allocated(write.api, write.stored, new, old, dry_run=write.options.dry_run)


Change = Callable[[Object], Object]


async def update(write: Write, name: str, change: Change, *, absent: Change | None = None) -> Written:
    """Apply `change` (served form to served form, checked) to the newest object until it can be stored.

    `absent` makes the object when there is none (create on update, apply). Raises StatusError; a client that
    named a resourceVersion gets its Conflict, others are tried again.
    """
    kind = write.stored
    for _ in range(_UPDATE_ATTEMPTS):
        entry = write.api.get(kind, write.namespace, name)
        if entry is None:
            if absent is None:
                raise status.not_found(write.kind.resource, name)
            return await create(write, absent({}), [])
        try:
            return await _update_once(write, entry, name, change)
        except Conflict:
            continue
    raise status.conflict(write.kind.resource, name)


async def _update_once(write: Write, entry: Entry, name: str, change: Change) -> Written:
    """Raises store.Conflict when somebody was faster."""
    api, kind = write.api, write.stored
    (entry,) = await conversion_drive.in_version(api, kind, [entry])
    old = conversion.decoded(kind, entry)
    new = change(conversion.to_served(write.kind, entry.decode()))
    new = conversion.to_stored(write.kind, new)
    _place(write, new)
    if new["metadata"].setdefault("name", name) != name:
        raise status.bad_request(
            f"the name of the object ({new['metadata']['name']}) does not match the name on the URL ({name})"
        )
    lifecycle.check_version(kind, new, old)
    defaults.apply(kind, new)
    new = lifecycle.prepare_update(kind, new, old, subresource=write.subresource)
    new = await _admitted_update(write, new, old)
    if new is old and not conversion.is_outdated(kind, entry):
        return Written(entry)
    stored = await conversion_drive.for_store(api, kind, new)
    async with quotas.turn(api, kind, write.namespace, creates=False):
        if not write.subresource:
            write.warnings.extend(definitions.admit(api.catalog, kind, new, old, api.now()))
        with _allocated(write, new, old) as extra:
            _refuse(kind, new, validation.validate_update(kind, new, old, write.subresource))
            charges = [] if write.subresource else quotas.charges(api, kind, new, old)
            return await _store_update(write, entry, new, stored, [*extra, *charges])


async def _admitted_update(write: Write, new: Object, old: Object) -> Object:
    """The object as all admission wants it: `old` itself when nothing changes in the end."""
    api, kind = write.api, write.stored
    attempt = _attempt(write, "UPDATE", new, old)
    if new is not old:
        admission.admit_update(api, kind, new, old, write.subresource, write.user)
    changed = await dynamic.mutated(api, attempt, write.warnings)
    if changed is not None and changed is not new:
        changed = _mutated(write, changed)
        new = lifecycle.prepare_update(kind, changed, old, subresource=write.subresource)
        if new is not old:
            admission.admit_update(api, kind, new, old, write.subresource, write.user)
    if new is not old:
        _track(write, new, old)
    if dynamic.judges(api, attempt):
        if kind.key != definitions.DEFINITIONS.key:
            _refuse(kind, new, validation.validate_update(kind, new, old, write.subresource))
        await dynamic.validate(api, attempt._replace(obj=new), write.warnings)
    return new


async def _store_update(write: Write, entry: Entry, new: Object, stored: Object, extra: list[Op]) -> Written:
    api, kind = write.api, write.stored
    key = key_of(kind, write.namespace, new["metadata"]["name"])
    if lifecycle.finished(kind, new):
        if not write.options.dry_run:
            await remove(api, kind, key, entry.revision, new)
        value = encode_stored(stored)
        return Written(entry_of(kind, stored, value, entry.create_revision, api.cache.revision), deleted=True)
    value = encode_stored(stored)
    if write.options.dry_run:
        return Written(entry_of(kind, stored, value, entry.create_revision, entry.revision))
    revision = await api.store.txn([Put(key, value, entry.revision), *extra])
    return Written(entry_of(kind, stored, value, entry.create_revision, revision))


async def rewrite(api: Api, kind: Kind, namespace: str, name: str, change: Change) -> Entry:
    """Store what `change` makes of the newest object, without defaulting and validation: the server's own writes.

    Raises what change raises, and NotFound.
    """
    for _ in range(_UPDATE_ATTEMPTS):
        entry = api.get(kind, namespace, name)
        if entry is None:
            raise status.not_found(kind.resource, name)
        new = change(entry.decode())
        value = encode_stored(new)
        try:
            revision = await api.store.txn([Put(key_of(kind, namespace, name), value, entry.revision)])
        except Conflict:
            continue
        return entry_of(kind, new, value, entry.create_revision, revision)
    raise status.conflict(kind.resource, name)
