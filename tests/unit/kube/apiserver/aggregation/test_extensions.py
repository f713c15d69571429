"""Groups of other servers: when they are reachable, what clients learn of them, where requests go."""

from typing import Any

import pytest

from kube.apiserver.aggregation.availability_drive import Availability
from kube.apiserver.aggregation.forwarding import extension_of, forwarded, headers_of
from kube.apiserver.aggregation.own_drive import wanted
from kube.apiserver.kinds import KINDS
from kube.apiserver.requests.request import Request, User
from kube.apiserver.status import StatusError
from tests.unit.kube.apiserver.conftest import Caller, run
from tests.unit.kube.apiserver.far_servers import FarServers, Object

__all__ = ["run"]

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
NAME = "v1alpha1.wardle.example.com"
PATH = "/apis/wardle.example.com/v1alpha1"
AGGREGATED = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
RESOURCES = {
    "kind": "APIResourceList",
    "groupVersion": "wardle.example.com/v1alpha1",
    "resources": [
        {"name": "flunders", "kind": "Flunder", "namespaced": True, "verbs": ["get", "list"]},
        {"name": "flunders/status", "kind": "Flunder", "namespaced": True, "verbs": ["get"]},
    ],
}


async def register(call: Caller, *, with_service: bool = True, with_endpoints: bool = True) -> None:
    service = {"namespace": "default", "name": "wardle", "port": 443}
    spec = {
        "group": "wardle.example.com",
        "version": "v1alpha1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
        "service": service,
        "insecureSkipTLSVerify": True,
    }
    obj = {
        "kind": "APIService",
        "apiVersion": "apiregistration.k8s.io/v1",
        "metadata": {"name": NAME},
        "spec": spec,
    }
    await call.create(SERVICES, obj)
    if with_service:
        ports = {"ports": [{"port": 443, "targetPort": 7443}]}
        body = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "wardle"}, "spec": ports}
        await call.create("/api/v1/namespaces/default/services", body)
    if with_endpoints:
        body = {
            "kind": "EndpointSlice",
            "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"name": "wardle", "labels": {"kubernetes.io/service-name": "wardle"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.1.2.3"]}],
            "ports": [{"port": 7443}],
        }
        await call.create("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", body)


async def state(call: Caller) -> tuple[str, str]:
    await Availability(call.api).look()
    (row,) = (await call.get(f"{SERVICES}/{NAME}"))["status"]["conditions"]
    return row["status"], row["reason"]


def test_a_server_that_answers_is_discovered(run: Any) -> None:
    far = FarServers(
        {PATH: lambda _: RESOURCES, f"{PATH}/namespaces/x/flunders": lambda _: {"kind": "FlunderList"}}
    )

    async def body(call: Caller) -> None:
        await register(call)
        assert await state(call) == ("True", "Passed")
        groups = (await call.get("/apis"))["groups"]
        assert groups[-1]["name"] == "wardle.example.com"
        document = await call.do("GET", "/apis", headers=AGGREGATED)
        (version,) = document["items"][-1]["versions"]
        assert (version["freshness"], version["resources"][0]["resource"]) == ("Current", "flunders")
        assert version["resources"][0]["subresources"][0]["subresource"] == "status"
        assert (await call.get("/apis/wardle.example.com"))["preferredVersion"]["version"] == "v1alpha1"
        assert "apis/wardle.example.com/v1alpha1" in (await call.get("/openapi/v3"))["paths"]
        assert (await call.get(f"{PATH}/namespaces/x/flunders"))["kind"] == "FlunderList"
        asked = far.asked[-1]
        assert (asked.place.host, asked.place.port) == ("10.1.2.3", 7443)
        assert asked.place.name == "wardle.default.svc"
        assert asked.headers["X-Remote-User"] == "admin"

    run(body, calls=far)


@pytest.mark.parametrize(
    ("parts", "answer", "found"),
    [
        ({"with_service": False, "with_endpoints": False}, RESOURCES, ("False", "ServiceNotFound")),
        ({"with_endpoints": False}, RESOURCES, ("False", "MissingEndpoints")),
        ({}, "refused", ("False", "FailedDiscoveryCheck")),
        ({}, 500, ("False", "FailedDiscoveryCheck")),
    ],
)
def test_a_server_that_does_not_answer_is_unavailable(
    run: Any, parts: Object, answer: Any, found: Any
) -> None:
    async def body(call: Caller) -> None:
        await register(call, **parts)
        assert await state(call) == found
        reply = await call.send("GET", f"{PATH}/flunders")
        assert reply.status == 503
        assert b"service unavailable" in reply.body
        assert "wardle.example.com" not in [group["name"] for group in (await call.get("/apis"))["groups"]]

    run(body, calls=FarServers({PATH: lambda _: answer}))


def test_a_server_that_goes_is_forgotten(run: Any) -> None:
    async def body(call: Caller) -> None:
        await register(call)
        assert await state(call) == ("True", "Passed")
        await call.do("DELETE", f"{SERVICES}/{NAME}")
        assert extension_of(call.api, f"{PATH}/flunders") is None
        assert (await call.send("GET", f"{PATH}/flunders")).status == 404

    run(body, calls=FarServers({PATH: lambda _: RESOURCES}))


def test_who_asks_is_said_in_headers() -> None:
    user = User("jane", ("a", "b"), "u1", {"example.com/scope": ("x",)})
    assert list(headers_of(user)) == [
        ("X-Remote-User", "jane"),
        ("X-Remote-Uid", "u1"),
        ("X-Remote-Group", "a"),
        ("X-Remote-Group", "b"),
        ("X-Remote-Extra-example.com%2Fscope", "x"),
    ]


@pytest.mark.parametrize(
    ("name", "shown"), [("jörg", "jörg".encode().decode("latin-1")), ("a\r\nX-Remote-Group: b", None)]
)
def test_a_name_stays_in_its_header(run: Any, name: str, shown: str | None) -> None:
    async def body(call: Caller) -> None:
        await register(call)
        await state(call)
        one = extension_of(call.api, f"{PATH}/flunders")
        assert one is not None
        request = Request("GET", f"{PATH}/flunders", user=User(name, ("system:masters",)))
        if shown is None:
            with pytest.raises(StatusError):
                forwarded(call.api, one, request)
        else:
            assert ("X-Remote-User", shown) in forwarded(call.api, one, request).headers

    run(body, calls=FarServers({PATH: lambda _: RESOURCES}))


def test_every_group_served_here_has_an_api_service() -> None:
    rows = wanted(KINDS)
    assert {"v1.", "v1.apps", "v2.autoscaling"} <= rows.keys()
    assert rows["v1."]["spec"] == {"version": "v1", "groupPriorityMinimum": 18_000, "versionPriority": 15}
    assert all(row["spec"]["groupPriorityMinimum"] <= 20_000 for row in rows.values())
