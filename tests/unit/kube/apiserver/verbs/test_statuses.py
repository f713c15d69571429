"""Every refusal as clients branch on it: code, reason, sentence, details. One row each (api.md A1)."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from kube.apiserver.run import in_memory
from kube.apiserver.state import Settings
from tests.unit.kube.apiserver.conftest import Caller, config_map, pod

MAPS, PODS = "/api/v1/namespaces/default/configmaps", "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = {"content-type": "application/merge-patch+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
NOTHING: Mapping[str, str] = {}
MAP = {"name": "a", "kind": "configmaps"}
NO_METHOD = "the server does not allow this method on the requested resource"
UNKNOWN_FORMAT = "the body of the request was in an unknown format - accepted media types include: "
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "


class Row(NamedTuple):
    """A request, and of its answer what matters; `details` None is not looked at."""

    title: str
    method: str
    path: str
    code: int
    reason: str
    message: str
    details: dict[str, Any] | None = None
    body: Any = None
    query: Mapping[str, str] = NOTHING
    headers: Mapping[str, str] = NOTHING


ROWS = (
    Row("absent", "GET", f"{MAPS}/z", 404, "NotFound", 'configmaps "z" not found', {"name": "z", "kind": "configmaps"}),
    Row(
        "absent, of a group",
        "GET",
        f"{DEPLOYMENTS}/z",
        404,
        "NotFound",
        'deployments.apps "z" not found',
        {"name": "z", "group": "apps", "kind": "deployments"},
    ),
    Row("there already", "POST", MAPS, 409, "AlreadyExists", 'configmaps "a" already exists', MAP, config_map("a")),
    Row(
        "in a namespace that is not there",
        "POST",
        "/api/v1/namespaces/z/configmaps",
        404,
        "NotFound",
        'namespaces "z" not found',
        {"name": "z", "kind": "namespaces"},
        config_map("a"),
    ),
    Row(
        "changed meanwhile",
        "PUT",
        f"{MAPS}/a",
        409,
        "Conflict",
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again",
        MAP,
        config_map("a", metadata={"resourceVersion": "1"}),
    ),
    Row(
        "another object of the name",
        "DELETE",
        f"{MAPS}/a",
        409,
        "Conflict",
        'Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: x',
        MAP,
        {"preconditions": {"uid": "x"}},
    ),
    Row(
        "invalid",
        "POST",
        DEPLOYMENTS,
        422,
        "Invalid",
        'Deployment.apps "d" is invalid: [',
        None,
        {"metadata": {"name": "d"}, "spec": {"selector": {}, "template": {}}},
    ),
    Row(
        "invalid, with a cause",
        "POST",
        MAPS,
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
        {
            "kind": "ConfigMap",
            "causes": [
                {
                    "reason": "FieldValueRequired",
                    "message": "Required value: name or generateName is required",
                    "field": "metadata.name",
                }
            ],
        },
        {"metadata": {}},
    ),
    *(
        Row(name, "POST", MAPS, 400, "BadRequest", f"{UNRECOGNIZED}{why}", None, body)
        for name, body, why in (
            ("half a body", b'{"a":', 'unexpected end of JSON input ({"a":)'),
            ("no body", b"", "unexpected end of JSON input (<empty>)"),
            (
                "YAML sent as JSON",
                b"apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
                "invalid character 'a' looking for beginning of value "
                "(61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...)",
            ),
        )
    ),
    Row(
        "an unknown field, strictly",
        "POST",
        MAPS,
        400,
        "BadRequest",
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
        None,
        {"metadata": {"name": "q"}, "foo": 1},
        {"fieldValidation": "Strict"},
    ),
    Row(
        "another name than the path's",
        "PUT",
        f"{MAPS}/a",
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
        None,
        config_map("b"),
    ),
    Row(
        "an option that is none",
        "POST",
        MAPS,
        422,
        "Invalid",
        'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "x": '
        'supported values: "", "Ignore", "Strict", "Warn"',
        None,
        config_map("q"),
        {"fieldValidation": "x"},
    ),
    Row(
        "CBOR",
        "POST",
        MAPS,
        415,
        "UnsupportedMediaType",
        f"{UNKNOWN_FORMAT}application/json, application/yaml, application/vnd.kubernetes.protobuf",
        None,
        b"x",
        {},
        {"content-type": "application/cbor"},
    ),
    Row("a patch of no kind", "PATCH", f"{MAPS}/a", 415, "UnsupportedMediaType", UNKNOWN_FORMAT, None, {}),
    Row("a patch of nothing", "PATCH", f"{MAPS}/z", 404, "NotFound", 'configmaps "z" not found', None, {}, {}, MERGE),
    Row(
        "a patch that does not fit",
        "PATCH",
        f"{MAPS}/a",
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        None,
        [{"op": "test", "path": "/data/x", "value": "1"}],
        {},
        JSON_PATCH,
    ),
    Row(
        "html",
        "GET",
        MAPS,
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json",
        headers={"accept": "text/html"},
    ),
    Row(
        "half a selector",
        "GET",
        MAPS,
        400,
        "BadRequest",
        "unable to parse requirement: found '', expected: ',', ')' or identifier",
        query={"labelSelector": "a in ("},
    ),
    Row(
        "a field that nothing is selected by",
        "GET",
        MAPS,
        400,
        "BadRequest",
        '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        query={"fieldSelector": "spec.x=1"},
    ),
    Row(
        "a version that is not there yet",
        "GET",
        MAPS,
        504,
        "Timeout",
        "Timeout: Too large resource version: 99999, current: ",
        {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
        query={"resourceVersion": "99999"},
    ),
    Row(
        "a match without a version",
        "GET",
        MAPS,
        422,
        "Invalid",
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "resourceVersionMatch is forbidden unless resourceVersion is provided",
        query={"resourceVersionMatch": "Exact"},
    ),
    Row("a token that is none", "GET", MAPS, 400, "BadRequest", "continue key is not valid: ", query={"continue": "z"}),
    Row("no such method", "PUT", MAPS, 405, "MethodNotAllowed", NO_METHOD, {}, config_map("a")),
    Row("no such method on a path", "POST", "/version", 405, "MethodNotAllowed", NO_METHOD, {}),
    Row(
        "a verb that the kind has not",
        "DELETE",
        "/api/v1/componentstatuses/x",
        405,
        "MethodNotAllowed",
        'delete is not supported on resources of kind "componentstatuses"',
        {"kind": "componentstatuses"},
    ),
    Row(
        "a namespace that stays",
        "DELETE",
        "/api/v1/namespaces/kube-system",
        403,
        "Forbidden",
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
        {"name": "kube-system", "kind": "namespaces"},
    ),
    Row(
        "a pod that has a node",
        "POST",
        f"{PODS}/p/binding",
        409,
        "Conflict",
        'Operation cannot be fulfilled on pods "p": pod p is already assigned to node "n1"',
        {"name": "p", "kind": "pods"},
        {"target": {"kind": "Node", "name": "n2"}},
    ),
    Row(
        "too much",
        "POST",
        MAPS,
        413,
        "RequestEntityTooLarge",
        "Request entity too large: limit is 3145728",
        None,
        b" " * (4 << 20),
    ),
    Row("no account", "POST", "/api/v1/namespaces/default/serviceaccounts/z/token", 404, "NotFound", "z", None, {}),
)  # fmt: skip


@pytest.fixture(scope="module")
def replies() -> dict[str, Any]:
    """All rows against one server, which none of them changes."""

    async def main() -> dict[str, Any]:
        async with in_memory(Settings(), rng=Random(7)) as server:
            caller = Caller(server)
            await caller.create(MAPS, config_map("a"))
            await caller.create(PODS, pod("p", nodeName="n1"))
            found = {}
            for row in ROWS:
                found[row.title] = await caller.send(
                    row.method, row.path, row.body, query=row.query, headers=row.headers
                )
            return found

    return asyncio.run(main())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_refusal(row: Row, replies: dict[str, Any]) -> None:
    reply = replies[row.title]
    status = msgspec.json.decode(reply.body)
    assert (reply.status, status["code"], status["reason"]) == (row.code, row.code, row.reason)
    assert row.message in status["message"]
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    assert status["metadata"] == {}
    assert reply.headers["content-type"] == "application/json"
    if row.details is not None:
        assert status["details"] == row.details
    wait_s = (status.get("details") or {}).get("retryAfterSeconds")
    assert reply.headers.get("retry-after") == (str(wait_s) if wait_s else None)


@pytest.mark.parametrize("path", ["/apis/zap/v1", "/apis/zap/v1/zaps", "/zap"])
def test_paths_that_are_not_served_are_told_in_plain_text(path: str) -> None:
    async def main() -> None:
        async with in_memory(Settings(), rng=Random(7)) as server:
            reply = await Caller(server).send("GET", path)
            assert (reply.status, reply.body) == (404, b"404 page not found\n")
            assert reply.headers["content-type"].startswith("text/plain")

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/api/v1/namespaces/default/zaps", "/apis/apps/v9/zaps", f"{MAPS}/a/zap"])
def test_what_a_group_does_not_serve_is_told_as_a_status(path: str) -> None:
    async def main() -> None:
        async with in_memory(Settings(), rng=Random(7)) as server:
            reply = await Caller(server).send("GET", path)
            status = msgspec.json.decode(reply.body)
            assert (reply.status, status["reason"], status["details"]) == (404, "NotFound", {})
            assert status["message"] == "the server could not find the requested resource"

    asyncio.run(main())
