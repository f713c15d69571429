"""The API server without its socket: a request in, a response out.

`serve` puts TLS and HTTP around it, `local` calls it in the same process.
"""

import logging

from kube.apiserver import status
from kube.apiserver.access.attributes import Attributes, exact_fields
from kube.apiserver.access.impersonation import impersonation
from kube.apiserver.aggregation.forwarding import extension_of, forwarded
from kube.apiserver.computed import component_statuses
from kube.apiserver.computed.resource_metrics.answers import answer as metrics
from kube.apiserver.computed.reviews import is_review, review
from kube.apiserver.documents.health import health
from kube.apiserver.documents.paths import document, not_found
from kube.apiserver.dynamic_admission.connections_drive import reviewed_connection
from kube.apiserver.kinds.resource_metrics import KINDS as METRICS
from kube.apiserver.metrics import Asked, request_kind
from kube.apiserver.relay.locations import pod_stream, proxy
from kube.apiserver.requests import pretty
from kube.apiserver.requests.call import Call
from kube.apiserver.requests.limits import too_deep
from kube.apiserver.requests.path import Target, parse
from kube.apiserver.requests.request import ANONYMOUS, Answer, Request, Response, json_answer
from kube.apiserver.state import Api
from kube.apiserver.subresources.binding import bind
from kube.apiserver.subresources.eviction import evict
from kube.apiserver.subresources.scale import scale
from kube.apiserver.subresources.token_request import token
from kube.apiserver.verbs.table import VERBS
from kube.store import Unavailable

_log = logging.getLogger(__name__)
_STREAMS = ("log", "exec", "attach", "portforward")
_STREAMED_BY_GET = ("exec", "attach", "portforward")
_SELECTING = ("list", "watch", "deletecollection")
_STALE = (404, 409)  # refusals that may come from not knowing yet what another server wrote
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class ApiServer:
    """All verbs of all kinds, on one store."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def handle(self, request: Request) -> Response:
        """Never raises for what a client can cause."""
        loop_time = self.api.clock
        started = loop_time()
        call: Call | None = None
        in_flight, kind_of_request = self.api.metrics.inflight, request_kind(request.method)
        in_flight[kind_of_request] += 1
        try:
            request = await self._impersonated(request)
            elsewhere = extension_of(self.api, request.path)
            if elsewhere is not None:
                await self._authorize_path(request)
                return forwarded(self.api, elsewhere, request)
            call = await self._resolve(request)
            if call is None and await self._is_behind(request):
                call = await self._resolve(request)
            response = await self._decided(call, request)
        except status.StatusError as error:
            response = refusal(error)
        except Unavailable as error:
            _log.error("the store failed: %s", error)
            response = refusal(status.internal_error(f"{error}; see the server's disk"))
        except RecursionError:
            response = refusal(too_deep())
        except Exception as error:
            _log.exception("request failed: %s %s", request.method, request.path)
            response = refusal(status.internal_error(f"{type(error).__name__}: {error}"))
        finally:
            in_flight[kind_of_request] -= 1
        if call is not None:
            response = _with_warning(call, response)
            code = response.status if isinstance(response, Answer) else 200
            self.api.metrics.observe(_asked(call), code, loop_time() - started)
        if (
            isinstance(response, Answer)
            and not request.path.startswith("/openapi/")
            and pretty.is_wanted(request)
        ):
            response = pretty.prettified(response)
        return response

    async def _resolve(self, request: Request) -> Call | None:
        """None for paths that are no resource; StatusError when the user may not, or the verb is not served."""
        target = parse(request.path)
        if target is None:
            await self._authorize(
                Attributes(request.user or ANONYMOUS, request.method.lower(), path=request.path)
            )
            return None
        verb = _verb(request, target)
        asked = _attributes(request, target, verb)
        await self._authorize(asked)
        if verb == "get" and target.subresource in _STREAMED_BY_GET and "upgrade" in request.headers:
            # A WebSocket can only be asked for by GET, but gives what a POST does (KEP-4006).
            await self._authorize(asked._replace(verb="create"))
        kind = self.api.kind_at(target.group, target.version, target.plural)
        if kind is None or (target.namespace and not kind.namespaced):
            return None
        if kind.namespaced and not target.namespace and target.name and target.plural != "bindings":
            return None
        return Call(kind, target, verb, request)

    async def _authorize_path(self, request: Request) -> None:
        """Whatever the path names. StatusError 403."""
        target = parse(request.path)
        if target is None:
            user = request.user or ANONYMOUS
            await self._authorize(Attributes(user, request.method.lower(), path=request.path))
        else:
            await self._authorize(_attributes(request, target, _verb(request, target)))

    async def _is_behind(self, request: Request) -> bool:
        """Whether another server may have defined the kind meanwhile."""
        decided_on = self.api.cache.revision
        return parse(request.path) is not None and await self.api.store.caught_up() > decided_on

    async def _impersonated(self, request: Request) -> Request:
        """As the user of the Impersonate headers, for callers that may act as others."""
        found = impersonation(request.user or ANONYMOUS, request.headers)
        if found is None:
            return request
        for asked in found.needed:
            await self._authorize(asked)
        return request._replace(user=found.user)

    async def _authorize(self, asked: Attributes) -> None:
        """StatusError 403, decided again on what other servers wrote meanwhile; 401 for strangers if those never may."""
        api = self.api
        decided_on = api.cache.revision
        decision = api.authorizer.decide(asked)
        if not decision.allowed and await api.store.caught_up() > decided_on:
            decision = api.authorizer.decide(asked)
        if decision.allowed:
            return
        if asked.user is ANONYMOUS and not api.settings.anonymous:
            raise status.unauthorized()
        why = asked.sentence()
        if decision.reason:
            why += f": {decision.reason}"
        raise status.forbidden(status.GroupName(asked.group, asked.resource), asked.name, why)

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
            found = await health(self.api, request) or document(self.api, request)
            if found is not None:
                return found if request.method in ("GET", "HEAD") else _wrong_method()
            target = parse(request.path)
            if target is not None and target.group in {kind.group for kind in self.api.catalog.kinds}:
                raise status.path_not_found()
            return not_found()
        if call.target.subresource:
            return await self._subresource(call)
        if call.verb not in call.kind.verbs:
            raise status.method_not_allowed(call.kind.resource, call.verb)
        if call.kind.key == component_statuses.KEY:
            return await component_statuses.answer(self.api, call)
        if call.kind in METRICS:
            return await metrics(self.api, call)
        if is_review(call.kind):
            return review(self.api, call)
        if call.kind.key == "bindings":
            return await bind(self.api, call.target, call.request)
        return await VERBS[call.verb](self.api, call)

    async def _subresource(self, call: Call) -> Response:
        api, kind, target, request = self.api, call.kind, call.target, call.request
        row = kind.subresources.get(target.subresource)
        if row is None:
            raise status.path_not_found()
        if target.subresource == "proxy":
            await reviewed_connection(api, kind, target, request)
            return proxy(api, target, request)
        if target.plural == "pods" and target.subresource in _STREAMS:
            if target.subresource != "log":
                await reviewed_connection(api, kind, target, request)
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
                return await VERBS[call.verb](api, call)


def refusal(error: status.StatusError) -> Answer:
    headers: tuple[tuple[str, str], ...] = ()
    if error.retry_after_s is not None:
        headers = (("Retry-After", str(error.retry_after_s)),)
    if error.code == 401:
        headers = (*headers, ("WWW-Authenticate", 'Bearer realm="podnet"'))
    return json_answer(error.to_status(), error.code, headers)


def _with_warning(call: Call, response: Response) -> Response:
    """Every answer about a deprecated version of a custom kind says that it is."""
    if call.kind.custom is None or not call.kind.custom.warning or not isinstance(response, Answer):
        return response
    warning = ("Warning", f"299 - {status.quote(call.kind.custom.warning)}")
    return response._replace(headers=(*response.headers, warning))


def _wrong_method() -> Answer:
    return refusal(status.method_not_allowed_here())


def _asked(call: Call) -> Asked:
    """As the metrics name it; only names that this server serves get there."""
    target, verb = call.target, call.verb
    if verb == "patch" and "apply-patch" in call.request.headers.get("content-type", ""):
        verb = "apply"
    scope = "resource" if target.name or verb == "create" else "namespace" if target.namespace else "cluster"
    dry_run = "All" if call.request.query.get("dryRun") == "All" else ""
    return Asked(verb, *call.kind.gvr, target.subresource, scope, dry_run)


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
        case _ if target.subresource == "proxy":
            return ""  # whatever the method is: only a role with the verb * allows it
        case _:
            raise status.method_not_allowed_here()


def _attributes(request: Request, target: Target, verb: str) -> Attributes:
    fields = exact_fields(request.query) if verb in _SELECTING else {}
    return Attributes(
        request.user or ANONYMOUS,
        verb,
        target.group,
        target.version,
        target.plural,
        target.subresource,
        target.namespace if target.plural != "namespaces" else target.name,
        target.name or fields.get("metadata.name", ""),  # a list of one object is a question about it
        fields=fields,
    )
