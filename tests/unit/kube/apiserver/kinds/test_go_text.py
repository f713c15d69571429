"""JSON values in the words of Go's messages: observed of kube-apiserver 1.36."""

from typing import Any

import pytest

from kube.apiserver.kinds.go_text import misfit, printed


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": [1, "x"], "a": {}}, "map[a:map[] b:[1 x]]"),
        ([None, True, False, 1.5], "[<nil> true false 1.5]"),
        ("plain", "plain"),
    ],
)
def test_printed(value: Any, expected: str) -> None:
    assert printed(value) == expected


@pytest.mark.parametrize(
    ("value", "go_type", "expected"),
    [
        ("x", "map[string]string", "cannot restore map from string"),
        ([1], "map[string]string", "cannot restore map from slice"),
        (True, "map[string]string", "cannot restore map from bool"),
        (1, "string", "cannot convert int64 to string"),
        ({"b": 1}, "string", "unrecognized type: string"),
        ("a", "int32", "unrecognized type: int32"),
        ("a", "[]v1.Container", "cannot restore slice from string"),
        ({"a": 1}, "[]v1.Container", "cannot restore slice from map"),
        ([1], "v1.DeploymentSpec", "cannot restore struct from: slice"),
        (1.5, "int32", "cannot convert float64 to int32"),
    ],
)
def test_misfits(value: Any, go_type: str, expected: str) -> None:
    assert misfit(value, go_type) == expected
