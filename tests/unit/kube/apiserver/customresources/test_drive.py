"""What happens to definitions by themselves: names that become free, and the end of a kind."""

import asyncio
from typing import Any

from kube.store.memory import MemoryStore
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, THINGS, Object, definition, thing

PATH = f"{DEFINITIONS}/things.example.com"


def conditions(obj: Object) -> dict[str, str]:
    return {row["type"]: row["status"] for row in obj["status"]["conditions"]}


async def until(call: Any, path: str, status: int) -> None:
    async with asyncio.timeout(90):
        while (await call.send("GET", path)).status != status:  # noqa: ASYNC110 - only the API can tell
            await asyncio.sleep(0.005)


def test_a_deleted_definition_takes_its_objects_along(run: Any, free: Object) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(free))
        for name in ("a", "b", "c"):
            await call.create(THINGS, thing(name, {}))
        async with call.watch(THINGS) as events:
            for _ in range(3):
                await events.next()
            marked = await call.do("DELETE", PATH)
            assert marked["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
            assert conditions(marked)["Terminating"] == "True"
            assert {(await events.next())["type"] for _ in range(3)} == {"DELETED"}
            await until(call, PATH, 404)
            assert await events.ended()
        assert (await call.send("GET", THINGS)).status == 404
        assert not call.api.cache.collection("things.example.com").entries
        await call.create(DEFINITIONS, definition(free))
        assert (await call.get(THINGS))["items"] == []

    run(body)


def test_the_end_waits_for_finalizers_and_takes_nothing_new(run: Any, free: Object) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(free))
        await call.create(THINGS, thing("a", {}, metadata={"finalizers": ["example.com/hold"]}))
        await call.do("DELETE", PATH)
        await asyncio.sleep(0.02)
        waiting = await call.get(f"{THINGS}/a")
        assert "deletionTimestamp" in waiting["metadata"]
        refused = await call.create(THINGS, thing("b", {}), expect=405)
        assert "not allowed while custom resource definition is terminating" in refused["message"]
        verbs = (await call.get("/apis/example.com/v1"))["resources"][0]["verbs"]
        assert "create" not in verbs
        await call.patch(f"{THINGS}/a", {"metadata": {"finalizers": None}})
        await until(call, PATH, 404)

    run(body)


def test_a_refused_name_is_given_when_it_becomes_free(run: Any, free: Object) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(free))
        second = definition(free, names={"plural": "others", "singular": "other", "listKind": "OtherList"})
        made = await call.create(DEFINITIONS, second)
        assert conditions(made) == {"NamesAccepted": "False", "Established": "False"}
        assert (await call.send("GET", "/apis/example.com/v1/others")).status == 404
        await call.do("DELETE", PATH)
        await until(call, "/apis/example.com/v1/others", 200)
        assert conditions(await call.get(f"{DEFINITIONS}/others.example.com"))["Established"] == "True"

    run(body)


def test_a_server_that_starts_serves_what_is_stored_and_finishes_what_was_begun(
    run: Any, free: Object
) -> None:
    store = MemoryStore()

    class Kept:
        """The store, which outlives the first server."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def close(self) -> None:
            """Not yet."""

    async def first(call: Any) -> None:
        await call.create(DEFINITIONS, definition(free))
        await call.create(THINGS, thing("a", {"x": 1}))

    async def second(call: Any) -> None:
        assert (await call.get(f"{THINGS}/a"))["spec"] == {"x": 1}
        await call.do("DELETE", PATH, query={"propagationPolicy": "Background"})

    async def third(call: Any) -> None:
        await until(call, PATH, 404)
        assert not call.api.cache.collection("things.example.com").entries

    for body in (first, second, third):
        run(body, store=Kept())


def test_a_definition_cannot_take_the_place_of_a_built_in_kind(run: Any, free: Object) -> None:
    async def body(call: Any) -> None:
        names = {"plural": "ingresses", "singular": "ingress", "kind": "Other", "listKind": "OtherList"}
        obj = definition(free, group="networking.k8s.io", names=names)
        obj["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
        reply = await call.send("POST", DEFINITIONS, obj)
        assert "is a built-in resource" in reply.headers["warning"]
        path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
        assert (await call.get(path))["kind"] == "IngressList"
        backend = {"service": {"name": "x", "port": {"number": 80}}}
        await call.create(path, {"metadata": {"name": "i"}, "spec": {"defaultBackend": backend}})
        await call.do("DELETE", f"{DEFINITIONS}/ingresses.networking.k8s.io")
        await until(call, f"{DEFINITIONS}/ingresses.networking.k8s.io", 404)
        assert (await call.get(f"{path}/i"))["metadata"]["name"] == "i"

    run(body)
