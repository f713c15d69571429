"""What each verb does with a resolved request; VERBS is the table."""

from collections.abc import Awaitable, Callable, Mapping

from kube.apiserver import admission, status
from kube.apiserver.dynamic_admission import drive as dynamic
from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.kinds import managed_fields, patch, schema
from kube.apiserver.representation import conversion, conversion_drive
from kube.apiserver.representation.views import ListMeta, Shown, negotiate
from kube.apiserver.requests import bodies
from kube.apiserver.requests.call import Call
from kube.apiserver.requests.options import DeleteOptions, delete_options, list_options, revision_of
from kube.apiserver.requests.request import (
    ANONYMOUS,
    JSON,
    Answer,
    Object,
    Response,
    Streaming,
    json_answer,
)
from kube.apiserver.requests.selection import ObjectSelection
from kube.apiserver.state import Api
from kube.apiserver.verbs import read
from kube.apiserver.verbs.delete import Review, delete, delete_all, returns_object
from kube.apiserver.verbs.watch import watch
from kube.apiserver.verbs.write import Write, Written, checked, create, update, write_of
from kube.store.entries import Entry
from kube.store.watchers import View


def _shown(api: Api, call: Call) -> Shown:
    request = call.request
    return negotiate(call.kind, request.headers.get("accept", ""), request.query, api.clock())


async def _written(api: Api, call: Call, write: Write, written: Written) -> Answer:
    warnings = tuple(("Warning", f"299 - {status.quote(text)}") for text in write.warnings)
    (entry,) = await conversion_drive.in_version(api, call.kind, [written.entry])
    body = _shown(api, call).object(View(entry))
    return Answer(201 if written.created else 200, body, JSON, warnings)


async def _get(api: Api, call: Call) -> Response:
    return await read.get(api, call.kind, call.target, call.request)


async def _list(api: Api, call: Call) -> Response:
    return await read.list_(api, call.kind, call.target, call.request)


async def _watch(api: Api, call: Call) -> Streaming:
    return await watch(api, call.kind, call.target, call.request)


async def _create(api: Api, call: Call) -> Response:
    target, request = call.target, call.request
    if target.name:
        raise status.method_not_allowed_here()
    write = write_of(api, call.kind, target.namespace, request)
    obj, doubled = bodies.object_of(request, call.kind)
    return await _written(api, call, write, await create(write, obj, doubled))


async def _update(api: Api, call: Call) -> Response:
    kind, target, request = call.kind, call.target, call.request
    if not target.name:
        raise status.method_not_allowed_here()
    write = write_of(api, kind, target.namespace, request, target.subresource)
    obj, doubled = bodies.object_of(request, kind)
    checked(write, obj, doubled)
    metadata: Object = obj.setdefault("metadata", {})
    if metadata.setdefault("name", target.name) != target.name:
        raise status.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
    raw = bodies.copy_of(obj)

    def change(_: Object) -> Object:
        return bodies.copy_of(raw)

    may_create = kind.create_on_update and not target.subresource and not metadata.get("resourceVersion")
    return await _written(
        api, call, write, await update(write, target.name, change, absent=change if may_create else None)
    )


async def _patch(api: Api, call: Call) -> Response:
    kind, target, request = call.kind, call.target, call.request
    if not target.name:
        raise status.method_not_allowed_here()
    write = write_of(api, kind, target.namespace, request, target.subresource)
    media = bodies.media_type(request)
    if media == patch.APPLY_PATCH:
        return await _apply(api, call, write)
    patch.check_type(media, strategic_served=kind.custom is None)
    asked = bodies.parse_json(request.body)

    def change(old: Object) -> Object:
        new = patch.apply(kind, old, media, asked, strategic_served=kind.custom is None)
        bodies.check_type(new, kind.api_version, kind.kind)
        if media == patch.STRATEGIC_PATCH:
            report = schema.check(kind, new)
            if report.misfit:
                raise patch.misfit(asked, report.misfit)
            write.warnings.extend(report.enforce(kind, write.options.validation))
            return new
        return checked(write, new, [])

    return await _written(api, call, write, await update(write, target.name, change))


async def _apply(api: Api, call: Call, write: Write) -> Response:
    """Server-side apply: makes the object when there is none."""
    kind, target, request = call.kind, call.target, call.request
    asked = bodies.parse_yaml(request.body)
    if not isinstance(asked, dict):
        raise status.bad_request("the applied configuration is not an object")
    bodies.check_type(asked, kind.api_version, kind.kind)
    if asked.get("metadata") is None:
        asked["metadata"] = {}
    metadata = asked["metadata"]
    if not isinstance(metadata, dict):
        raise status.bad_request("the metadata of the applied configuration is not an object")
    if metadata.setdefault("name", target.name) != target.name:
        raise status.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
    _check_doubled(write, bodies.doubled_yaml_keys(request.body, asked))
    undeclared = kind.custom.undeclared(asked) if kind.custom is not None else ()
    if undeclared:
        raise status.undeclared_fields(kind.api_version, kind.kind, target.namespace, target.name, undeclared)
    config = checked(write, asked, [])

    def change(old: Object) -> Object:
        return managed_fields.apply(
            kind,
            old or None,
            config,
            manager=request.query.get("fieldManager"),
            now=api.now(),
            force=bool(write.options.force),
            subresource=target.subresource,
        )

    absent = None if target.subresource else change
    written = await update(write._replace(applies=True), target.name, change, absent=absent)
    return await _written(api, call, write, written)


def _check_doubled(write: Write, sentences: list[str]) -> None:
    """As fieldValidation asks: StatusError 400, warnings, or nothing."""
    if sentences and write.options.validation == "Strict":
        listed = "\n  ".join(("yaml: unmarshal errors:", *sentences))
        raise status.bad_request(f"error strict decoding YAML: error converting YAML to JSON: {listed}")
    if write.options.validation == "Warn":
        write.warnings.extend(sentences)


async def _delete(api: Api, call: Call) -> Response:
    kind, target, request = call.kind, call.target, call.request
    options = delete_options(request.query, bodies.delete_options_of(request))
    admission.admit_deletion_by(api, kind, target.namespace, target.name, request.user or ANONYMOUS)
    warnings: list[str] = []
    review = _reviewed(api, call, options, warnings)
    deleted = await delete(api, kind, target.namespace, target.name, options, review)
    headers = tuple(("Warning", f"299 - {status.quote(text)}") for text in warnings)
    if deleted.gone and not returns_object(kind):
        return json_answer(status.success(kind.resource, target.name, deleted.uid), headers=headers)
    (entry,) = await conversion_drive.in_version(api, kind, [deleted.entry])
    return Answer(200, _shown(api, call).object(View(entry)), headers=headers)


def _reviewed(api: Api, call: Call, options: DeleteOptions, warnings: list[str]) -> Review | None:
    """What webhooks and policies say of the deletion; None when there are none."""
    lists = api.registrations.now
    if lists is None or not lists.any:
        return None
    kind, user = conversion.stored_kind(call.kind), call.request.user or ANONYMOUS

    async def review(obj: Object) -> None:
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or (metadata["name"] if kind.key == "namespaces" else "")
        shown = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"}
        attempt = Attempt(
            "DELETE",
            kind,
            namespace,
            metadata["name"],
            user,
            None,
            obj,
            kind.gvk,
            dry_run=options.dry_run,
            options=shown,
        )
        await dynamic.review(api, attempt, warnings)

    return review


async def _delete_collection(api: Api, call: Call) -> Response:
    kind, target, request = call.kind, call.target, call.request
    options = delete_options(request.query, bodies.delete_options_of(request))
    listed = list_options(kind, request.query, watch=False)
    if listed.revision:
        await read.wait_for(api, revision_of(str(listed.revision)))
    selection = ObjectSelection(target.namespace, "", listed.labels, listed.fields)
    snapshot = api.cache.collection(kind.storage_key).at(api.cache.revision)
    found: list[Entry] = list(read.selected(snapshot, selection))
    if conversion_drive.asks(kind):
        found = await read.converted(api, kind, snapshot, selection)
    shown = _shown(api, call)
    deleted = await delete_all(api, kind, found, options, _reviewed(api, call, options, []))
    entries = await conversion_drive.in_version(api, kind, deleted)
    return Answer(200, shown.list(shown.rows(entries), ListMeta(api.cache.revision)))


_Handler = Callable[[Api, Call], Awaitable[Response]]
VERBS: Mapping[str, _Handler] = {
    "get": _get,
    "list": _list,
    "watch": _watch,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_collection,
}
