"""Deletion: at once, with grace, with finalizers, by collection, with preconditions."""

from typing import Any

import pytest

CMS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


async def _bound_pod(call: Any, make: Any, name: str, **spec: Any) -> dict[str, Any]:
    made: dict[str, Any] = await call.create(PODS, make.pod(name, **spec))
    await call.create(f"{PODS}/{name}/binding", {"metadata": {"name": name}, "target": {"name": "n1"}})
    return made


def test_a_plain_delete_answers_with_the_uid_that_is_gone(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        made = await call.create(CMS, make.config_map("a"))
        gone = await call.do("DELETE", f"{CMS}/a")
        assert (gone["kind"], gone["status"]) == ("Status", "Success")
        assert gone["details"]["uid"] == made["metadata"]["uid"]
        missing = await call.do("DELETE", f"{CMS}/a", expect=404)
        assert missing["message"] == 'configmaps "a" not found'

    run(body)


def test_preconditions_guard_a_successor_of_the_same_name(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        made = await call.create(CMS, make.config_map("a"))
        for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
            refused = await call.do("DELETE", f"{CMS}/a", {"preconditions": wrong}, expect=409)
            assert "Precondition failed" in refused["message"]
        right = {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}
        await call.do("DELETE", f"{CMS}/a", {"preconditions": right})

    run(body)


def test_a_running_pod_stays_for_its_grace_and_zero_removes_it(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await _bound_pod(call, make, "p")
        marked = await call.do("DELETE", f"{PODS}/p")
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
        shorter = await call.do("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 5})
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        gone = await call.do("DELETE", f"{PODS}/p", query={"gracePeriodSeconds": "0"})
        assert gone["kind"] == "Pod"
        await call.get(f"{PODS}/p", expect=404)

    run(body)


def test_a_pod_that_has_no_node_goes_at_once(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(PODS, make.pod("p"))
        await call.do("DELETE", f"{PODS}/p")
        await call.get(f"{PODS}/p", expect=404)

    run(body)


def test_finalizers_hold_an_object_until_the_last_is_removed(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(CMS, make.config_map("a", metadata={"finalizers": ["example.com/hold"]}))
        held = await call.do("DELETE", f"{CMS}/a")
        assert held["metadata"]["deletionTimestamp"]
        async with call.watch(CMS, resourceVersion=held["metadata"]["resourceVersion"]) as events:
            last = await call.patch(f"{CMS}/a", {"metadata": {"finalizers": None}})
            assert "finalizers" not in last["metadata"]
            assert await events.pair() == ("DELETED", "a")
        await call.get(f"{CMS}/a", expect=404)

    run(body)


def test_propagation_leaves_the_collector_its_finalizers(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
            await call.create(CMS, make.config_map("a"))
            held = await call.do("DELETE", f"{CMS}/a", {"propagationPolicy": policy})
            assert held["metadata"]["finalizers"] == [finalizer]
            await call.patch(f"{CMS}/a", {"metadata": {"finalizers": None}})
        await call.create(CMS, make.config_map("a"))
        both = {"propagationPolicy": "Orphan", "orphanDependents": True}
        await call.do("DELETE", f"{CMS}/a", both, expect=422)
        await call.do("DELETE", f"{CMS}/a", {"propagationPolicy": "Backwards"}, expect=422)

    run(body)


def test_a_collection_is_deleted_by_selector(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for n in range(150):
            await call.create(CMS, make.config_map(f"a{n}", metadata={"labels": {"go": str(n > 1)}}))
        deleted = await call.do("DELETE", CMS, query={"labelSelector": "go=True"})
        assert (deleted["kind"], len(deleted["items"])) == ("ConfigMapList", 148)
        left = [item["metadata"]["name"] for item in (await call.get(CMS))["items"]]
        assert left == ["a0", "a1"]
        await call.do("DELETE", "/api/v1/namespaces", expect=405)

    run(body)


def test_the_system_namespaces_stay(run: Any) -> None:
    async def body(call: Any) -> None:
        for name in ("default", "kube-system"):
            refused = await call.do("DELETE", f"/api/v1/namespaces/{name}", expect=403)
            assert "this namespace may not be deleted" in refused["message"]

    run(body)


@pytest.mark.parametrize("plural", ["services", "serviceaccounts", "pods"])
def test_some_kinds_are_answered_with_what_was_deleted(run: Any, plural: str) -> None:
    spec = {
        "services": {"ports": [{"port": 80}]},
        "pods": {"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 0},
    }.get(plural)

    async def body(caller: Any) -> None:
        path = f"/api/v1/namespaces/default/{plural}"
        await caller.create(path, {"metadata": {"name": "a"}, **({"spec": spec} if spec else {})})
        gone = await caller.do("DELETE", f"{path}/a")
        assert gone["kind"] in {"Service", "ServiceAccount", "Pod"}
        await caller.get(f"{path}/a", expect=404)

    run(body)
