"""Versions that a webhook converts: every read and write sees the version it asked for."""

from typing import Any

import msgspec
import pytest

from tests.unit.kube.apiserver.conftest import Caller, run
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, Object, definition
from tests.unit.kube.apiserver.far_servers import FarServers

__all__ = ["run"]

ONE = "/apis/example.com/v1/namespaces/default/things"
TWO = "/apis/example.com/v2/namespaces/default/things"
V1 = {"type": "object", "properties": {"hostPort": {"type": "string"}}}
V2 = {"type": "object", "properties": {"host": {"type": "string"}, "port": {"type": "string"}}}


def converting(review: Object) -> Object:
    """v1 has `hostPort`, v2 `host` and `port`."""
    wanted = review["request"]["desiredAPIVersion"]
    made = []
    for obj in review["request"]["objects"]:
        spec = obj["spec"]
        if wanted.endswith("v2"):
            host, _, port = spec["hostPort"].partition(":")
            spec = {"host": host, "port": port}
        else:
            spec = {"hostPort": f"{spec['host']}:{spec['port']}"}
        made.append({**obj, "apiVersion": wanted, "spec": spec})
    response = {"uid": review["request"]["uid"], "result": {"status": "Success"}, "convertedObjects": made}
    return {"kind": "ConversionReview", "apiVersion": review["apiVersion"], "response": response}


def two_versions() -> Object:
    webhook = {"clientConfig": {"url": "https://hook/convert"}, "conversionReviewVersions": ["v1"]}
    made = definition(V1, conversion={"strategy": "Webhook", "webhook": webhook})
    second = definition(V2)["spec"]["versions"][0]
    second |= {"name": "v2", "storage": False, "selectableFields": [{"jsonPath": ".spec.host"}]}
    made["spec"]["versions"].append(second)
    return made


def thing(name: str, version: str, **spec: str) -> Object:
    return {"apiVersion": f"example.com/{version}", "kind": "Thing", "metadata": {"name": name}, "spec": spec}


def test_reads_and_writes_in_both_versions(run: Any) -> None:
    async def body(call: Caller) -> None:
        await call.create(DEFINITIONS, two_versions())
        made = await call.create(TWO, thing("a", "v2", host="x", port="1"))
        assert made["spec"] == {"host": "x", "port": "1"}
        assert (await call.get(f"{ONE}/a"))["spec"] == {"hostPort": "x:1"}
        patched = await call.patch(f"{TWO}/a", {"spec": {"port": "2"}})
        assert (patched["apiVersion"], patched["spec"]) == ("example.com/v2", {"host": "x", "port": "2"})
        assert (await call.get(f"{ONE}/a"))["spec"] == {"hostPort": "x:2"}
        await call.create(ONE, thing("b", "v1", hostPort="y:3"))
        listed = await call.get(TWO)
        assert [item["spec"] for item in listed["items"]] == [
            {"host": "x", "port": "2"},
            {"host": "y", "port": "3"},
        ]
        assert {item["apiVersion"] for item in listed["items"]} == {"example.com/v2"}
        selected = await call.get(TWO, fieldSelector="spec.host=y")
        assert [item["metadata"]["name"] for item in selected["items"]] == ["b"]
        page = await call.get(TWO, limit="1")
        assert [item["metadata"]["name"] for item in page["items"]] == ["a"]
        await call.do("DELETE", f"{TWO}/a")

    run(body, calls=FarServers({"/convert": converting}))


def test_a_watch_sees_its_version_and_selects_by_it(run: Any) -> None:
    async def body(call: Caller) -> None:
        await call.create(DEFINITIONS, two_versions())
        await call.create(ONE, thing("a", "v1", hostPort="x:1"))
        async with call.watch(TWO, fieldSelector="spec.host=x") as events:
            first = await events.next()
            assert (first["type"], first["object"]["spec"]) == ("ADDED", {"host": "x", "port": "1"})
            await call.create(ONE, thing("b", "v1", hostPort="y:1"))
            await call.patch(f"{ONE}/a", {"spec": {"hostPort": "x:2"}})
            second = await events.next()
            assert (second["type"], second["object"]["spec"]["port"]) == ("MODIFIED", "2")
            await call.patch(f"{ONE}/a", {"spec": {"hostPort": "z:2"}})
            assert (await events.next())["type"] == "DELETED"

    run(body, calls=FarServers({"/convert": converting}))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda _: "nobody there", "nobody there"),
        (
            lambda review: {
                "response": {
                    "uid": review["request"]["uid"],
                    "result": {"status": "Failed", "message": "cannot"},
                }
            },
            "cannot",
        ),
        (lambda review: {"response": {"uid": "x"}}, "expected response.uid"),
        (
            lambda review: {
                "response": {
                    "uid": review["request"]["uid"],
                    "result": {"status": "Success"},
                    "convertedObjects": [],
                }
            },
            "returned 0 objects",
        ),
    ],
)
def test_a_conversion_that_fails_is_told(run: Any, answer: Any, sentence: str) -> None:
    async def body(call: Caller) -> None:
        await call.create(DEFINITIONS, two_versions())
        await call.create(ONE, thing("a", "v1", hostPort="x:1"))
        for path in (f"{TWO}/a", TWO):
            reply = await call.send("GET", path)
            assert reply.status == 500
            message = msgspec.json.decode(reply.body)["message"]
            assert "conversion webhook for example.com/v1, Kind=Thing failed" in message
            assert sentence in message

    run(body, calls=FarServers({"/convert": answer}))


def test_a_webhook_cannot_change_who_an_object_is(run: Any) -> None:
    def renaming(review: Object) -> Object:
        reply = converting(review)
        for obj in reply["response"]["convertedObjects"]:
            obj["metadata"] = {**obj["metadata"], "uid": "other"}
        return reply

    async def body(call: Caller) -> None:
        await call.create(DEFINITIONS, two_versions())
        await call.create(ONE, thing("a", "v1", hostPort="x:1"))
        await call.get(f"{TWO}/a", expect=500)

    run(body, calls=FarServers({"/convert": renaming}))
