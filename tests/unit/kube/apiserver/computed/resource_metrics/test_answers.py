"""metrics.k8s.io as kubectl top asks for it."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import msgspec

from kube.apiserver.computed.resource_metrics.summaries import NodeSummaries
from kube.apiserver.core import ApiServer
from kube.apiserver.run import open_api
from kube.apiserver.state import Settings
from kube.store.memory import MemoryStore
from tests.unit.kube.apiserver.conftest import Caller, Run, pod

PATH = "/apis/metrics.k8s.io/v1beta1"
PODS = "/api/v1/namespaces/default/pods"


def with_nodes(body: Callable[[Caller], Awaitable[None]]) -> None:
    """Node n1 answers, n2 does not; pods p and q run on them, r has no node."""
    uids: dict[str, str] = {}

    async def fetch(host: str, port: int, path: str) -> bytes:
        if host != "10.0.0.1":
            raise OSError("no route")
        assert port == 10250
        use = {"cpu": {"usageNanoCores": 2_500_000}, "memory": {"workingSetBytes": 3 << 20}}
        pods = [{"podRef": {"uid": uids["p"]}, "containers": [{"name": "c", **use}]}]
        return msgspec.json.encode({"node": {"nodeName": "n1", **use}, "pods": pods})

    async def main() -> None:
        store = MemoryStore()
        api = await open_api(store, Settings(), summaries=NodeSummaries(fetch, lambda: 0.0), rng=Random(1))
        caller = Caller(ApiServer(api))
        for number in (1, 2):
            addresses = [{"type": "InternalIP", "address": f"10.0.0.{number}"}]
            node = {"metadata": {"name": f"n{number}", "labels": {"n": str(number)}}}
            await caller.create("/api/v1/nodes", node)
            await caller.patch(f"/api/v1/nodes/n{number}/status", {"status": {"addresses": addresses}})
        for name, node_name in (("p", "n1"), ("q", "n2"), ("r", "")):
            spec = {"nodeName": node_name} if node_name else {}
            made = await caller.create(PODS, pod(name, **spec))
            uids[name] = made["metadata"]["uid"]
            await caller.patch(f"{PODS}/{name}/status", {"status": {"phase": "Running"}})
        await body(caller)
        api.cache.stop()
        await store.close()

    asyncio.run(main())


def test_what_runs_on_nodes_that_answer_is_listed() -> None:
    async def body(caller: Caller) -> None:
        pods = await caller.get(f"{PATH}/pods")
        assert (pods["kind"], pods["apiVersion"]) == ("PodMetricsList", "metrics.k8s.io/v1beta1")
        assert [item["metadata"]["name"] for item in pods["items"]] == ["p"]
        assert pods["items"][0]["containers"] == [
            {"name": "c", "usage": {"cpu": "2500000n", "memory": "3072Ki"}}
        ]
        assert pods["items"][0]["metadata"]["labels"] == {"app": "p"}
        nodes = await caller.get(f"{PATH}/nodes")
        assert [item["metadata"]["name"] for item in nodes["items"]] == ["n1"]
        assert nodes["items"][0]["usage"]["cpu"] == "2500000n"

    with_nodes(body)


def test_one_can_be_asked_for_and_some_selected() -> None:
    async def body(caller: Caller) -> None:
        place = f"{PATH}/namespaces/default/pods"
        assert (await caller.get(f"{place}/p"))["kind"] == "PodMetrics"
        missing = await caller.get(f"{place}/q", expect=404)
        assert missing["message"] == 'pods.metrics.k8s.io "q" not found'
        assert (await caller.get(f"{PATH}/nodes/n1"))["metadata"]["name"] == "n1"
        assert len((await caller.get(place, labelSelector="app=p"))["items"]) == 1
        assert (await caller.get(place, labelSelector="app=q"))["items"] == []
        assert (await caller.get(f"{PATH}/namespaces/kube-system/pods"))["items"] == []
        headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        table = await caller.do("GET", place, headers=headers)
        assert [row["cells"][0] for row in table["rows"]] == ["p"]

    with_nodes(body)


def test_nothing_can_be_written() -> None:
    async def body(caller: Caller) -> None:
        for method in ("POST", "DELETE"):
            assert (await caller.send(method, f"{PATH}/nodes", {})).status == 405
        assert (await caller.send("GET", f"{PATH}/nodes", query={"watch": "true"})).status == 405

    with_nodes(body)


def test_discovery_tells_of_it_after_all_built_in_groups(run: Run) -> None:
    async def body(caller: Caller) -> None:
        groups = [group["name"] for group in (await caller.get("/apis"))["groups"]]
        assert groups[-1] == "metrics.k8s.io"
        resources = (await caller.get(PATH))["resources"]
        assert [(row["name"], row["kind"], row["verbs"]) for row in resources] == [
            ("nodes", "NodeMetrics", ["get", "list"]),
            ("pods", "PodMetrics", ["get", "list"]),
        ]
        assert f"apis{PATH.removeprefix('/apis')}" not in (await caller.get("/openapi/v3"))["paths"]
        assert (await caller.get(f"{PATH}/nodes", expect=503))["reason"] == "ServiceUnavailable"

    run(body)
