"""What is too deep or too large is refused before it can hurt a reader."""

from typing import Any

import pytest

from kube.apiserver.requests.bodies import parse_json, parse_yaml
from kube.apiserver.requests.limits import MAX_BYTES, MAX_DEPTH, is_deep
from kube.apiserver.status import StatusError


def nested(depth: int, opening: str = "[") -> bytes:
    closing = "]" if opening == "[" else "}"
    return (opening * depth + "1" + closing * depth).encode()


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_the_deepest_is_taken_and_one_more_refused(parse: Any, opening: str) -> None:
    assert parse(nested(MAX_DEPTH, opening))
    with pytest.raises(StatusError, match="nested deeper"):
        parse(nested(MAX_DEPTH + 1, opening))


@pytest.mark.parametrize(
    "body", [nested(1_000_000), nested(300_000, '{"a":'), b"- " * 300_000, b"? " * 300_000], ids=len
)
def test_depths_that_would_overflow_libyamls_stack_are_refused(body: bytes) -> None:
    with pytest.raises(StatusError):
        parse_yaml(b"x: " + body)


def test_width_is_no_depth() -> None:
    assert not is_deep([{"a": [{}] * 10}] * 1000)
    assert len(parse_yaml(b"- [a, {b: c}]\n" * 2000)) == 2000


def test_patches_cannot_grow_an_object_over_the_limit_of_a_body(run: Any, make: Any) -> None:
    path = "/apis/apps/v1/namespaces/default/controllerrevisions"

    async def body(call: Any) -> None:
        await call.create(path, {"metadata": {"name": "a"}, "revision": 1, "data": {}})
        large = "x" * (MAX_BYTES // 2)
        await call.patch(f"{path}/a", {"metadata": {"annotations": {"one": "1"}}})
        await call.patch(f"{path}/a", {"data": {"a": large}}, expect=422)  # data never changes
        configs = "/api/v1/namespaces/default/configmaps"
        await call.create(configs, make.config_map("a", data={"k": "v" * 900_000}))
        await call.patch(f"{configs}/a", {"data": {"more": "v" * 900_000}}, expect=422)

    run(body)


@pytest.mark.parametrize(
    "options",
    [{"gracePeriodSeconds": "soon"}, {"gracePeriodSeconds": []}, {"preconditions": "a"}, {"dryRun": 5}],
)
def test_delete_options_of_the_wrong_type_are_refused(run: Any, make: Any, options: Any) -> None:
    async def body(call: Any) -> None:
        path = "/api/v1/namespaces/default/configmaps"
        await call.create(path, make.config_map("a"))
        refused = await call.do("DELETE", f"{path}/a", options, expect=400)
        assert "DeleteOptions" in refused["message"]
        await call.do("DELETE", f"{path}/a", {"orphanDependents": False, "gracePeriodSeconds": 0})

    run(body)


def test_nulls_in_maps_are_the_zero_of_their_type(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        made = await call.create(
            "/api/v1/namespaces/default/configmaps",
            make.config_map("a", data={"a": None}, binaryData={"b": None}),
        )
        assert (made["data"], made["binaryData"]) == ({"a": ""}, {"b": ""})

    run(body)
