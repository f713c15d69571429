"""Where proxied requests go."""

from typing import Any

from kube.apiserver.core import ApiServer
from kube.apiserver.requests.request import Query, Relay, Request

ADDRESSES = [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.11"}]


async def _relay(server: ApiServer, user: Any, path: str, query: str = "") -> Relay:
    response = await server.handle(Request("GET", path, Query.parse(query), {}, b"", user, query))
    assert isinstance(response, Relay), response
    return response


async def _fill(call: Any, make: Any) -> None:
    await call.create("/api/v1/nodes", {"metadata": {"name": "n1"}, "status": {"addresses": ADDRESSES}})
    pods = "/api/v1/namespaces/default/pods"
    await call.create(pods, make.pod("p"))
    await call.create(f"{pods}/p/binding", {"target": {"name": "n1"}})
    status = {"podIP": "10.244.1.5", "podIPs": [{"ip": "10.244.1.5"}], "phase": "Running"}
    await call.patch(f"{pods}/p/status", {"status": status})
    spec = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}], "selector": {"app": "p"}}
    await call.create("/api/v1/namespaces/default/services", {"metadata": {"name": "s"}, "spec": spec})
    endpoints = [{"addresses": ["10.244.1.5"], "conditions": {"ready": True}}]
    slice_ = {
        "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
    await call.create("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice_)


def test_requests_find_the_node_the_pod_and_the_endpoint(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await _fill(call, make)
        user = call.transport._user
        base = "/api/v1/namespaces/default"
        for path, query, host, port, target, tls in (
            ("/api/v1/nodes/n1/proxy/metrics", "a=b", "10.0.0.11", 10250, "/metrics?a=b", "node"),
            (f"{base}/pods/p/proxy/x/y", "", "10.244.1.5", 80, "/x/y", "none"),
            (f"{base}/pods/https:p:8443/proxy/", "", "10.244.1.5", 8443, "/", "unchecked"),
            (f"{base}/services/s:http/proxy/hello", "", "10.244.1.5", 8080, "/hello", "none"),
            (f"{base}/services/s:80/proxy/", "", "10.244.1.5", 8080, "/", "none"),
            (f"{base}/pods/p/log", "follow=true&pretty=1", "10.0.0.11", 10250,
             "/containerLogs/default/p/c?follow=true", "node"),
            (f"{base}/pods/p/attach", "stdin=true&tty=true", "10.0.0.11", 10250,
             "/attach/default/p/c?input=1&tty=1", "node"),
            (f"{base}/pods/p/portforward", "ports=80", "10.0.0.11", 10250, "/portForward/default/p?port=80", "node"),
        ):  # fmt: skip
            found = await _relay(call.server, user, path, query)
            assert (found.host, found.port, found.target, found.tls) == (host, port, target, tls), path

    run(body)


def test_a_proxied_page_has_a_path_that_ends_with_a_slash(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await _fill(call, make)
        user, base = call.transport._user, "/api/v1/namespaces/default/pods/p/proxy"
        moved = await call.server.handle(Request("GET", base, Query.parse("a=b"), {}, b"", user, "a=b"))
        assert (moved.status, moved.headers) == (301, (("Location", f"{base}/?a=b"),))
        for method in ("POST", "OPTIONS"):
            relay = await call.server.handle(Request(method, base, Query.parse(""), {}, b"", user, ""))
            assert isinstance(relay, Relay)
            assert (relay.target, relay.prefix) == ("/", base)
        below = await _relay(call.server, user, f"{base}/x/y")
        assert below.prefix == base
        assert below.headers == (("X-Forwarded-Uri", f"{base}/x/y"),)

    run(body)


def test_what_cannot_be_reached_says_why(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        pods = "/api/v1/namespaces/default/pods"
        two = {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]}
        await call.create(pods, {"metadata": {"name": "two"}, "spec": two})
        unscheduled = await call.get(f"{pods}/two/exec", expect=400)
        assert unscheduled["message"] == "pod two does not have a host assigned"
        assert (await call.send("GET", f"{pods}/two/log")).body == b""
        await call.create(f"{pods}/two/binding", {"target": {"name": "n9"}})
        which = await call.get(f"{pods}/two/log", expect=400)
        assert which["message"] == "a container name must be specified for pod two, choose one of: [a b]"
        await call.get(f"{pods}/two/log", expect=404, container="a")
        await call.get(f"{pods}/none/log", expect=404)
        spec = {"ports": [{"port": 80}]}
        await call.create("/api/v1/namespaces/default/services", {"metadata": {"name": "s"}, "spec": spec})
        empty = await call.get("/api/v1/namespaces/default/services/s/proxy/", expect=503)
        assert empty["message"] == 'no endpoints available for service "s"'

    run(body)
