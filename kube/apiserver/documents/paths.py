"""The paths that name no resource: discovery, OpenAPI, version, metrics. health.py has the rest."""

import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import msgspec

from kube.apiserver import status
from kube.apiserver.aggregation import documents as extension_documents
from kube.apiserver.documents import openapi_v2, process_disk
from kube.apiserver.kinds import discovery, openapi
from kube.apiserver.requests.request import JSON, Answer, Object, Request, json_answer, text_answer
from kube.apiserver.state import Api

SERVED_VERSION = ("1", "36", "3")  # the Kubernetes release whose API this is


def document(api: Api, request: Request) -> Answer | None:
    """None for a path that is not served at all."""
    path = request.path.rstrip("/") or "/"
    plain = _PLAIN.get(path)
    if plain is not None:
        return plain(api, request)
    match path.split("/")[1:]:
        case ["api", version]:
            return _resources(api, "", version)
        case ["apis", group]:
            return _group(api, group)
        case ["apis", group, version]:
            return _resources(api, group, version)
        case ["openapi", "v3", "api", version]:
            return _openapi(api, request, "", version)
        case ["openapi", "v3", "apis", group, version]:
            return _openapi(api, request, group, version)
        case _:
            return None


def version(api: Api) -> dict[str, str]:
    """What /version says. gitVersion is a semantic version and no pre-release: charts ask for `>= 1.36.0`."""
    major, minor, patch = SERVED_VERSION
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": f"v{major}.{minor}.{patch}+podnet.{api.settings.version}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": sys.implementation.name,
        "platform": f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }",
    }


def _resources(api: Api, group: str, version: str) -> Answer | None:
    catalog = api.catalog

    def make() -> bytes | None:
        found = discovery.resource_list(group, version, catalog.kinds)
        return msgspec.json.encode(found) if found is not None else None

    body = catalog.memo(("resources", group, version), make)
    return Answer(200, body) if body is not None else None


@cache
def _core() -> bytes:
    return msgspec.json.encode(discovery.aggregated_core())


def _wants_aggregated(request: Request) -> bool:
    accept = request.headers.get("accept", "").replace(" ", "")
    return any(
        "g=apidiscovery.k8s.io" in clause and "v=v2;" in clause + ";" and "as=APIGroupDiscoveryList" in clause
        for clause in accept.split(",")
    )


def _api(api: Api, request: Request) -> Answer:
    if _wants_aggregated(request):
        return Answer(200, _core(), discovery.AGGREGATED_MEDIA_TYPE)
    return json_answer(discovery.api_versions(f"{api.settings.advertise_address}:{api.settings.secure_port}"))


def _apis(api: Api, request: Request) -> Answer:
    if api.extensions.all:
        return _apis_with_others(api, aggregated=_wants_aggregated(request))
    if _wants_aggregated(request):
        kinds = api.catalog.kinds
        body = api.catalog.memo("aggregated", lambda: msgspec.json.encode(discovery.aggregated_groups(kinds)))
        return Answer(200, body, discovery.AGGREGATED_MEDIA_TYPE)
    return json_answer(discovery.api_group_list(api.catalog.kinds))


def _apis_with_others(api: Api, *, aggregated: bool) -> Answer:
    """With the groups that extension servers serve."""
    if aggregated:
        found = extension_documents.add_aggregated(
            discovery.aggregated_groups(api.catalog.kinds), api.extensions
        )
        return json_answer(found, content_type=discovery.AGGREGATED_MEDIA_TYPE)
    return json_answer(
        extension_documents.add_groups(discovery.api_group_list(api.catalog.kinds), api.extensions)
    )


def _group(api: Api, name: str) -> Answer | None:
    found = discovery.api_group(name, api.catalog.kinds)
    elsewhere = extension_documents.groups(api.extensions.all).get(name)
    if found is None and elsewhere:
        found = {"kind": "APIGroup", "apiVersion": "v1", **extension_documents.group(name, elsewhere)}
    return json_answer(found) if found is not None else None


def _openapi(api: Api, request: Request, group: str, version: str) -> Answer | None:
    kinds = api.catalog.kinds
    body = api.catalog.memo(("openapi", group, version), lambda: openapi.document(group, version, kinds))
    if body is None:
        return None
    etag = f'"{openapi.etag(group, version, kinds)}"'
    if request.headers.get("if-none-match") == etag:
        return Answer(304, b"", JSON, (("ETag", etag),))
    return Answer(200, body, JSON, (("ETag", etag), ("Cache-Control", "public, max-age=31536000")))


def _openapi_index(api: Api, request: Request) -> Answer:
    kinds = api.catalog.kinds
    others = [one for one in api.extensions.all if one.available]
    if others:
        index = openapi.index(kinds)
        for one in others:
            path = f"apis/{one.group}/{one.version}"
            index["paths"][path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={one.name}"}
        return json_answer(index)
    return Answer(200, api.catalog.memo("openapi", lambda: msgspec.json.encode(openapi.index(kinds))))


def _openapi_v2(api: Api, request: Request) -> Answer:
    accept = request.headers.get("accept", "")
    if "proto-openapi" in accept:
        body = api.catalog.memo(
            "openapi_v2/protobuf", lambda: openapi_v2.as_protobuf(api.catalog.custom_kinds)
        )
        return Answer(200, body, openapi_v2.MEDIA_TYPE)
    return Answer(
        200,
        api.catalog.memo(
            "openapi_v2", lambda: openapi_v2.as_json([kind for kind in api.catalog.kinds if kind.definition])
        ),
    )


def _version(api: Api, request: Request) -> Answer:
    return json_answer(version(api))


def _metrics(api: Api, request: Request) -> Answer:
    body = api.metrics.render(api.cache.object_counts(), process_disk.lines())
    return Answer(200, body.encode(), "text/plain; version=0.0.4; charset=utf-8")


def _root(api: Api, request: Request) -> Answer:
    found = discovery.api_group_list(api.catalog.kinds)["groups"]
    groups = [path for group in found for path in _group_paths(group)]
    paths = [
        "/api",
        "/api/v1",
        "/apis",
        *groups,
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ]
    return json_answer({"paths": paths})


def _group_paths(group: Object) -> Iterator[str]:
    yield f"/apis/{group['name']}"
    for version in group["versions"]:
        yield f"/apis/{version['groupVersion']}"


def _keys(api: Api, request: Request) -> Answer:
    if api.signer is None:
        raise status.StatusError(404, "NotFound", "this server has no key for ServiceAccount tokens")
    return json_answer({"keys": [api.signer.jwk()]}, content_type="application/jwk-set+json")


def _issuer(api: Api, request: Request) -> Answer:
    if api.signer is None:
        raise status.StatusError(404, "NotFound", "this server has no key for ServiceAccount tokens")
    host = f"https://{api.settings.advertise_address}:{api.settings.secure_port}"
    return json_answer(
        {
            "issuer": api.signer.issuer,
            "jwks_uri": f"{host}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
    )


def not_found() -> Answer:
    return text_answer("404 page not found\n", 404)


_PLAIN: Mapping[str, Callable[[Api, Request], Answer]] = {
    "/": _root,
    "/api": _api,
    "/apis": _apis,
    "/openapi/v2": _openapi_v2,
    "/openapi/v3": _openapi_index,
    "/version": _version,
    "/metrics": _metrics,
    "/openid/v1/jwks": _keys,
    "/.well-known/openid-configuration": _issuer,
}
