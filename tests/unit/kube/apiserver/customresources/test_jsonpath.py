"""JSONPath as printer columns have it."""

from typing import Any

import pytest

from kube.apiserver.customresources.jsonpath import BadPath, find, parse

OBJECT = {
    "metadata": {"annotations": {"example.com/a": "x"}, "labels": {"a b": "y"}},
    "spec": {
        "n": 3,
        "list": [{"name": "a", "n": 1}, {"name": "b", "n": 2, "on": True}],
        "map": {"x": {"name": "c"}},
    },
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".spec.n", [3]),
        ("{.spec.n}", [3]),
        ("$.spec.n", [3]),
        (".spec.none.n", []),
        (".spec.list[0].name", ["a"]),
        (".spec.list[-1].name", ["b"]),
        (".spec.list[7]", []),
        (".spec.list[*].name", ["a", "b"]),
        (".spec.list[0:1].name", ["a"]),
        (".spec.list[::2].name", ["a"]),
        (".spec.list[0,1].name", ["a", "b"]),
        (".spec['n','map']", [3, {"x": {"name": "c"}}]),
        (r".metadata.annotations.example\.com/a", ["x"]),
        (".metadata.annotations['example.com/a']", ["x"]),
        ('.metadata.labels["a b"]', ["y"]),
        ('.spec.list[?(@.name=="b")].n', [2]),
        (".spec.list[?(@.name == 'b')].n", [2]),
        (".spec.list[?(@.n>1)].name", ["b"]),
        (".spec.list[?(@.n!=1)].name", ["b"]),
        (".spec.list[?(@.on)].name", ["b"]),
        (".spec.list[?(@.on==true)].name", ["b"]),
        (".spec.list[?(@.name>1)].name", []),
        (".spec.map.*.name", ["c"]),
        ("..name", ["a", "b", "c"]),
        (".", [OBJECT]),
    ],
)
def test_a_path_finds(path: str, values: list[Any]) -> None:
    assert find(OBJECT, parse(path)) == values


@pytest.mark.parametrize(
    "path", ["spec", ".spec[", ".spec[a]", ".spec[?(n==1)]", ".a b", ".spec.list[?(@.n==x)]"]
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        parse(path)
