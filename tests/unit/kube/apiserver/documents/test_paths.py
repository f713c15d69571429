"""What is no resource: discovery, OpenAPI, version, health, metrics, and what is not there."""

import asyncio
from typing import Any

from kube.apiserver.requests.request import Answer, Query, Request
from kube.apiserver.run import in_memory
from kube.store import Unavailable
from kube.store.memory import MemoryStore

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
        labels = (
            'component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource=""'
        )
        assert f'apiserver_request_total{{code="201",{labels},verb="POST",version="v1"}} 1' in text
        assert 'apiserver_storage_objects{resource="configmaps"} 1' in text
        assert f'apiserver_request_duration_seconds_count{{{labels},verb="GET",version="v1"}} 1' in text
        store = 'group="",operation="create",resource="configmaps"'
        assert f"etcd_request_duration_seconds_count{{{store}}} 1" in text
        assert 'apiserver_current_inflight_requests{request_kind="mutating"} 0' in text
        assert 'apiserver_current_inflight_requests{request_kind="readOnly"} 1' in text  # this one
        for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"):
            assert f"\nprocess_{name} " in text

    run(body)


def test_what_watches_cost_is_counted(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        path = "/api/v1/namespaces/default/configmaps"
        async with call.watch(path) as events:
            await call.create(path, make.config_map("a"))
            await events.next()
            text = (await call.send("GET", "/metrics")).body.decode()
            labels = 'component="apiserver",group="",resource="configmaps",scope="namespace",subresource=""'
            assert f'apiserver_longrunning_requests{{{labels},verb="WATCH",version="v1"}} 1' in text
            labels = 'group="",kind="ConfigMap",resource="configmaps",version="v1"'
            assert f"apiserver_watch_events_total{{{labels}}} 1" in text
            assert f"apiserver_watch_events_sizes_sum{{{labels}}} " in text

    run(body)


class Stuck(MemoryStore):
    """Its far side is gone."""

    stuck = False

    async def caught_up(self) -> int:
        if self.stuck:
            raise Unavailable("nobody answers")
        return await super().caught_up()


def test_health_names_what_fails_and_leaves_out_what_is_excluded() -> None:
    async def body() -> None:
        store = Stuck()
        async with in_memory(store=store) as server:

            async def ask(path: str, query: str = "") -> tuple[int, str]:
                answer = await server.handle(Request("GET", path, Query.parse(query)))
                assert isinstance(answer, Answer)
                return answer.status, answer.body.decode()

            assert await ask("/livez") == (200, "ok")
            code, text = await ask("/readyz", "verbose=&exclude=etcd&exclude=nothing")
            assert code == 200
            assert text.splitlines()[:5] == [
                "[+]ping ok",
                "[+]log ok",
                "[+]etcd excluded: ok",
                "[+]etcd-readiness ok",
                "[+]informer-sync ok",
            ]
            assert text.splitlines()[-2:] == [
                'warn: some health checks cannot be excluded: no matches for "nothing"',
                "readyz check passed",
            ]
            assert await ask("/readyz/etcd") == (200, "ok")
            assert await ask("/livez/poststarthook/rbac/bootstrap-roles") == (200, "ok")
            assert (await ask("/readyz/nothing"))[0] == 404
            store.stuck = True
            code, text = await ask("/livez")
            assert (code, "[-]etcd failed: reason withheld" in text) == (500, True)
            assert text.endswith("livez check failed\n")
            assert await ask("/livez", "exclude=etcd") == (200, "ok")
            assert (await ask("/readyz", "exclude=etcd"))[0] == 500
            assert (await ask("/readyz/etcd"))[0] == 500

    asyncio.run(body())


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
