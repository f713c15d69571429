"""Sets and lists with keys hold nothing twice."""

from typing import Any

import pytest

from kube.apiserver.customresources.structural import parse
from kube.apiserver.customresources.uniqueness import duplicates

SET = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}
MAP = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
    "items": {
        "type": "object",
        "properties": {
            "port": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
            "tags": SET,
        },
    },
}


@pytest.mark.parametrize(
    ("schema", "value", "sentences"),
    [
        (SET, ["a", "b"], []),
        (SET, ["a", "b", "a"], ['f[2]: Duplicate value: "a"']),
        (MAP, [{"port": 1, "protocol": "TCP"}, {"port": 1, "protocol": "UDP"}], []),
        (
            MAP,
            [{"port": 1}, {"port": 1, "protocol": "TCP"}],
            ['f[1]: Duplicate value: {"port":1,"protocol":"TCP"}'],
        ),
        (MAP, [{"port": 1, "tags": ["x", "x"]}], ['f[0].tags[1]: Duplicate value: "x"']),
        ({"type": "array", "items": {"type": "string"}}, ["a", "a"], []),
        (
            {"type": "object", "additionalProperties": SET},
            {"k": ["a", "a"]},
            ['f[k][1]: Duplicate value: "a"'],
        ),
    ],
)
def test_what_is_there_twice_is_told(schema: dict[str, Any], value: Any, sentences: list[str]) -> None:
    assert [error.message for error in duplicates(value, parse(schema), "f")] == sentences
