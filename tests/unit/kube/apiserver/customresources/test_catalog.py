"""Which kinds are served, in which order, and what is remembered of them."""

from typing import Any

from kube.apiserver.customresources import naming
from kube.apiserver.customresources.catalog import is_shadowed, kinds_of
from kube.apiserver.kinds import KINDS
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, Object, definition

NOW = "2026-11-21T09:00:00Z"


def stored(**more: Any) -> Object:
    made = definition(**more)
    return {**made, "status": naming.status_of(made, [], NOW)}


def test_an_established_definition_gives_a_kind_a_version() -> None:
    obj = stored(names={"shortNames": ["th"]}, scope="Cluster", version={"subresources": {"status": {}}})
    (kind,) = kinds_of(obj)
    assert (kind.gvr, kind.kind, kind.list_kind) == (("example.com", "v1", "things"), "Thing", "ThingList")
    assert (kind.namespaced, kind.short_names, kind.has_status) == (False, ("th",), True)
    assert (kind.key, kind.storage_key) == ("things.example.com", "things.example.com")
    assert kinds_of(definition()) == ()


def test_versions_that_are_not_served_are_left_out() -> None:
    obj = stored()
    first = obj["spec"]["versions"][0]
    obj["spec"]["versions"] = [{**first, "served": False}, {**first, "name": "v2", "storage": False}]
    assert [kind.version for kind in kinds_of(obj)] == ["v2"]


def test_built_in_kinds_keep_their_place() -> None:
    names = {"plural": "ingresses", "singular": "ingress"}
    assert is_shadowed(definition(group="networking.k8s.io", names=names))
    assert not is_shadowed(definition())


def test_custom_kinds_come_after_the_built_in_ones_and_beside_their_group(run: Any) -> None:
    async def body(call: Any) -> None:
        for group in ("zebra.example.com", "ant.example.com"):
            await call.create(DEFINITIONS, definition(group=group))
        obj = definition(group="networking.k8s.io")
        obj["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
        await call.create(DEFINITIONS, obj)
        catalog = call.api.catalog
        assert catalog.kinds[: len(KINDS)] == KINDS
        assert [kind.group for kind in catalog.custom_kinds] == [
            "networking.k8s.io",
            "ant.example.com",
            "zebra.example.com",
        ]
        names = [row["name"] for row in (await call.get("/apis/networking.k8s.io/v1"))["resources"]]
        assert {"ingresses", "things"} <= set(names)
        document = await call.get("/openapi/v3/apis/networking.k8s.io/v1")
        assert {"io.k8s.networking.v1.Thing", "io.k8s.api.networking.v1.Ingress"} <= set(
            document["components"]["schemas"]
        )

    run(body)


def test_what_was_made_of_the_kinds_is_made_anew_when_they_change(run: Any) -> None:
    async def body(call: Any) -> None:
        catalog = call.api.catalog
        made: list[int] = []

        def make() -> int:
            made.append(1)
            return len(made)

        assert [catalog.memo("x", make) for _ in range(3)] == [1, 1, 1]
        await call.create(DEFINITIONS, definition())
        assert catalog.memo("x", make) == 2

    run(body)


def test_a_definition_that_cannot_be_read_harms_nobody(run: Any, caplog: Any) -> None:
    """Another server, or another release, may have stored it."""

    async def body(call: Any) -> None:
        from kube.store import Put

        broken = b'{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1","metadata":{"name":"a.b.c"}}'
        await call.api.store.txn(
            [Put("/registry/customresourcedefinitions.apiextensions.k8s.io/a.b.c", broken, 0)]
        )
        assert "a.b.c cannot be served" in caplog.text
        await call.create(DEFINITIONS, definition())
        assert (await call.get("/apis/example.com/v1/things"))["items"] == []
        await call.do("DELETE", f"{DEFINITIONS}/a.b.c")

    run(body)
