"""What is no resource: discovery, OpenAPI, version, health, metrics, and what is not there."""

from typing import Any

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def test_discovery_in_both_forms(run: Any) -> None:
    async def body(call: Any) -> None:
        plain = await call.get("/apis")
        assert plain["kind"] == "APIGroupList"
        reply = await call.send("GET", "/apis", headers={"accept": AGGREGATED})
        assert (
            reply.headers["content-type"]
            == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        )
        assert (await call.get("/api"))["versions"] == ["v1"]
        names = [row["name"] for row in (await call.get("/api/v1"))["resources"]]
        assert {"pods", "pods/log", "pods/binding", "services"} <= set(names)
        assert (await call.get("/apis/apps"))["preferredVersion"]["version"] == "v1"
        assert (await call.get("/apis/apps/v1/"))["groupVersion"] == "apps/v1"

    run(body)


def test_openapi_is_cached_by_its_tag(run: Any) -> None:
    async def body(call: Any) -> None:
        index = await call.get("/openapi/v3")
        url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        path = url.partition("?")[0]
        reply = await call.send("GET", path)
        again = await call.send("GET", path, headers={"if-none-match": reply.headers["etag"]})
        assert (reply.status, again.status, again.body) == (200, 304, b"")

    run(body)


def test_health_and_version_and_metrics(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for path in ("/healthz", "/livez", "/readyz", "/readyz/ping"):
            assert (await call.send("GET", path)).body == b"ok"
        verbose = await call.send("GET", "/readyz", query={"verbose": ""})
        assert b"[+]ping ok" in verbose.body
        version = await call.get("/version")
        assert (version["major"], version["minor"]) == ("1", "36")
        await call.create("/api/v1/namespaces/default/configmaps", make.config_map("a"))
        await call.get("/api/v1/namespaces/default/configmaps/none", expect=404)
        text = (await call.send("GET", "/metrics")).body.decode()
        labels = 'code="201",group="",resource="configmaps",subresource="",verb="CREATE",version="v1"'
        assert f"apiserver_request_total{{{labels}}} 1" in text
        assert 'apiserver_storage_objects{resource="configmaps"} 1' in text
        assert (
            'apiserver_request_duration_seconds_count{group="",resource="configmaps",verb="GET",version="v1"} 1'
            in text
        )

    run(body)


def test_what_is_not_there(run: Any) -> None:
    async def body(call: Any) -> None:
        for path in (
            "/nothing",
            "/apis/none.example/v1",
            "/api/v1/colours",
            "/apis/apps/v1/namespaces/default/pods",
        ):
            assert (await call.send("GET", path)).status == 404
        assert (await call.send("POST", "/version")).status == 405
        assert (await call.send("PUT", "/api/v1/namespaces/default/pods", {})).status == 405
        assert (await call.send("DELETE", "/api/v1/namespaces")).status == 405
        assert (await call.send("OPTIONS", "/api/v1/pods")).status == 405
        refused = await call.do("POST", "/api/v1/componentstatuses", {}, expect=405)
        assert refused["reason"] == "MethodNotAllowed"

    run(body)


def test_questions_are_answered_and_not_stored(run: Any) -> None:
    async def body(call: Any) -> None:
        before = call.api.cache.revision
        spec = {"resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": "default"}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await call.create(path, {"spec": spec})
        assert answer["status"]["allowed"] is True
        other = {"spec": {**spec, "user": "system:anonymous"}}
        denied = await call.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", other)
        assert denied["status"]["allowed"] is False
        await call.create(
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}
        )
        assert call.api.cache.revision == before

    run(body)
