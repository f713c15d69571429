"""The API server without its socket: a request in, a response out.

`serve` puts TLS and HTTP around it, `local` calls it in the same process.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from kube.apiserver import authorization, bodies, documents, read, reviews, status
from kube.apiserver.binding import bind
from kube.apiserver.delete import delete, delete_all
from kube.apiserver.eviction import evict
from kube.apiserver.kinds import Kind, kind_at, managed_fields, patch
from kube.apiserver.locations import pod_stream, proxy
from kube.apiserver.options import delete_options, list_options, revision_of
from kube.apiserver.path import Target, parse
from kube.apiserver.representation import ListMeta, Shown, negotiate
from kube.apiserver.request import (
    ANONYMOUS,
    JSON,
    Answer,
    Object,
    Request,
    Response,
    Streaming,
    User,
    json_answer,
)
from kube.apiserver.scale import scale
from kube.apiserver.selection import ObjectSelection
from kube.apiserver.state import Api
from kube.apiserver.token_request import token
from kube.apiserver.watch import watch
from kube.apiserver.write import Write, Written, checked, create, update, write_of
from kube.store import Unavailable
from kube.store.entries import Entry
from kube.store.watchers import View

_log = logging.getLogger(__name__)
_STREAMS = ("log", "exec", "attach", "portforward")
_STALE = (404, 409)  # refusals that may come from not knowing yet what another server wrote
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Call(NamedTuple):
    """A request for a resource, resolved."""

    kind: Kind
    target: Target
    verb: str
    request: Request


class ApiServer:
    """All verbs of all kinds, on one store."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def handle(self, request: Request) -> Response:
        """Never raises for what a client can cause."""
        loop_time = self.api.clock
        started = loop_time()
        call: Call | None = None
        self.api.metrics.inflight += 1
        try:
            if "impersonate-user" in request.headers:
                request = self._impersonated(request)
            call = self._resolve(request)
            response = await self._decided(call, request)
        except status.StatusError as error:
            response = refusal(error)
        except Unavailable as error:
            _log.error("the store failed: %s", error)
            response = refusal(status.internal_error(f"{error}; see the server's disk"))
        except Exception as error:
            _log.exception("request failed: %s %s", request.method, request.path)
            response = refusal(status.internal_error(f"{type(error).__name__}: {error}"))
        finally:
            self.api.metrics.inflight -= 1
        if call is not None:
            code = response.status if isinstance(response, Answer) else 200
            kind = call.kind
            verb = "WATCH" if call.verb == "watch" else call.verb.upper()
            self.api.metrics.observe(verb, kind.gvr, call.target.subresource, code, loop_time() - started)
        return response

    def _resolve(self, request: Request) -> Call | None:
        """None for paths that are no resource; StatusError when the resource or the verb is not served."""
        target = parse(request.path)
        if target is None:
            self._authorize(
                request, authorization.Attributes(_user(request), request.method.lower(), path=request.path)
            )
            return None
        kind = kind_at(target.group, target.version, target.plural)
        if kind is None or (target.namespace and not kind.namespaced):
            return None
        if kind.namespaced and not target.namespace and target.name and target.plural != "bindings":
            return None
        verb = _verb(request, target)
        self._authorize(request, _attributes(request, target, verb))
        return Call(kind, target, verb, request)

    def _impersonated(self, request: Request) -> Request:
        """As the user of the Impersonate headers, for callers that may act as others."""
        headers = request.headers
        name = headers["impersonate-user"]
        self._authorize(
            request, authorization.Attributes(_user(request), "impersonate", resource="users", name=name)
        )
        groups = tuple(filter(None, headers.get("impersonate-group", "").split(", ")))
        return request._replace(
            user=User(name, (*groups, reviews.AUTHENTICATED), headers.get("impersonate-uid", ""))
        )

    def _authorize(self, request: Request, asked: authorization.Attributes) -> None:
        decision = self.api.authorizer.decide(asked)
        if decision.allowed:
            return
        if request.user is None:
            raise status.unauthorized()
        if asked.path:
            why = f'User "{asked.user.name}" cannot {asked.verb} path "{asked.path}"'
            raise status.forbidden(status.GroupName("", ""), "", why)
        resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        scope = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        why = f'User "{asked.user.name}" cannot {asked.verb} resource "{resource}" in API group "{asked.group}" {scope}'
        if decision.reason:
            why += f": {decision.reason}"
        raise status.forbidden(status.GroupName(asked.group, resource), asked.name, why)

    async def _decided(self, call: Call | None, request: Request) -> Response:
        """A refusal that a newer state may lift is decided again on what other servers wrote meanwhile."""
        while True:
            try:
                return await self._dispatch(call, request)
            except status.StatusError as error:
                decided_on = self.api.cache.revision
                if error.code not in _STALE or await self.api.store.caught_up() <= decided_on:
                    raise

    async def _dispatch(self, call: Call | None, request: Request) -> Response:
        if call is None:
            found = documents.document(self.api, request)
            if found is not None:
                return found if request.method in ("GET", "HEAD") else _wrong_method()
            if request.path.startswith(("/api/", "/apis/")):
                self._authorize(request, authorization.Attributes(_user(request), "get", path=request.path))
            return documents.not_found()
        if call.target.subresource:
            return await self._subresource(call)
        if call.verb not in call.kind.verbs:
            raise status.method_not_allowed(call.kind.resource, call.verb)
        return await _VERB_HANDLERS[call.verb](self.api, call)

    async def _subresource(self, call: Call) -> Response:
        api, kind, target, request = self.api, call.kind, call.target, call.request
        row = kind.subresources.get(target.subresource)
        if row is None:
            return documents.not_found()
        if target.subresource == "proxy":
            return proxy(api, target, request)
        if target.plural == "pods" and target.subresource in _STREAMS:
            return pod_stream(api, target, request)
        if call.verb not in row.verbs:
            raise status.method_not_allowed(kind.resource, call.verb)
        match target.subresource:
            case "scale":
                return await scale(api, kind, target, request)
            case "binding":
                return await bind(api, target, request)
            case "eviction":
                return await evict(api, target, request)
            case "token":
                return token(api, kind, target, request)
            case _:
                return await _VERB_HANDLERS[call.verb](api, call)


def refusal(error: status.StatusError) -> Answer:
    headers: tuple[tuple[str, str], ...] = ()
    if error.retry_after_s is not None:
        headers = (("Retry-After", str(error.retry_after_s)),)
    if error.code == 401:
        headers = (*headers, ("WWW-Authenticate", 'Bearer realm="podnet"'))
    return json_answer(error.to_status(), error.code, headers)


def _wrong_method() -> Answer:
    return refusal(status.method_not_allowed_here())


def _user(request: Request) -> Any:
    return request.user or ANONYMOUS


def _verb(request: Request, target: Target) -> str:
    match request.method:
        case "GET" | "HEAD":
            if target.subresource:
                return "get"
            if target.watch or request.query.flag("watch"):
                return "watch"
            return "get" if target.name else "list"
        case "DELETE" if not target.name:
            return "deletecollection"
        case method if method in _VERBS:
            return _VERBS[method]
        case _:
            raise status.method_not_allowed_here()


def _attributes(request: Request, target: Target, verb: str) -> authorization.Attributes:
    return authorization.Attributes(
        _user(request),
        verb,
        target.group,
        target.version,
        target.plural,
        target.subresource,
        target.namespace if target.plural != "namespaces" else target.name,
        target.name,
    )


# --- the verbs


def _shown(api: Api, call: Call) -> Shown:
    request = call.request
    return negotiate(call.kind, request.headers.get("accept", ""), request.query, api.clock())


def _written(api: Api, call: Call, write: Write, written: Written) -> Answer:
    warnings = tuple(("Warning", f"299 - {status.quote(text)}") for text in write.warnings)
    body = _shown(api, call).object(View(written.entry))
    return Answer(201 if written.created else 200, body, JSON, warnings)


async def _get(api: Api, call: Call) -> Response:
    return await read.get(api, call.kind, call.target, call.request)


async def _list(api: Api, call: Call) -> Response:
    return await read.list_(api, call.kind, call.target, call.request)


async def _watch(api: Api, call: Call) -> Streaming:
    return await watch(api, call.kind, call.target, call.request)


async def _create(api: Api, call: Call) -> Response:
    target, request = call.target, call.request
    reviewed = reviews.review(api, call.kind, target.namespace, request)
    if reviewed is not None:
        return reviewed
    if call.kind.key == "bindings":
        return await bind(api, target, request)
    if target.name:
        raise status.method_not_allowed_here()
    write = write_of(api, call.kind, target.namespace, request)
    obj, doubled = bodies.object_of(request, call.kind)
    return _written(api, call, write, await create(write, obj, doubled))


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
    return _written(
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
    asked = bodies.parse_json(request.body)

    def change(old: Object) -> Object:
        new = patch.apply(kind, old, media, asked)
        bodies.check_type(new, kind.api_version, kind.kind)
        return checked(write, new, [])

    return _written(api, call, write, await update(write, target.name, change))


async def _apply(api: Api, call: Call, write: Write) -> Response:
    """Server-side apply: makes the object when there is none."""
    kind, target, request = call.kind, call.target, call.request
    asked = bodies.parse_yaml(request.body)
    if not isinstance(asked, dict):
        raise status.bad_request("the applied configuration is not an object")
    bodies.check_type(asked, kind.api_version, kind.kind)
    metadata: Object = asked.setdefault("metadata", {})
    if metadata.setdefault("name", target.name) != target.name:
        raise status.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
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
    return _written(api, call, write, written)


async def _delete(api: Api, call: Call) -> Response:
    kind, target, request = call.kind, call.target, call.request
    options = delete_options(request.query, _options_body(request))
    deleted = await delete(api, kind, target.namespace, target.name, options)
    if deleted.gone:
        return json_answer(status.success(kind.resource, target.name, deleted.uid))
    return Answer(200, _shown(api, call).object(View(deleted.entry)))


def _options_body(request: Request) -> Object | None:
    if not request.body:
        return None
    body = bodies.parse(request)
    if body is None:
        return None
    if not isinstance(body, dict) or body.get("kind", "DeleteOptions") != "DeleteOptions":
        raise status.bad_request("the body of a DELETE must be DeleteOptions")
    return body


async def _delete_collection(api: Api, call: Call) -> Response:
    kind, target, request = call.kind, call.target, call.request
    options = delete_options(request.query, _options_body(request))
    listed = list_options(kind, request.query, watch=False)
    if listed.revision:
        await read.wait_for(api, revision_of(str(listed.revision)))
    selection = ObjectSelection(target.namespace, "", listed.labels, listed.fields)
    snapshot = api.cache.collection(kind.storage_key).at(api.cache.revision)
    found: list[Entry] = list(read.selected(snapshot, selection))
    shown = _shown(api, call)
    deleted = await delete_all(api, kind, found, options)
    return Answer(200, shown.list(shown.rows(deleted), ListMeta(api.cache.revision)))


_Handler = Callable[[Api, Call], Awaitable[Response]]
_VERB_HANDLERS: Mapping[str, _Handler] = {
    "get": _get,
    "list": _list,
    "watch": _watch,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_collection,
}
