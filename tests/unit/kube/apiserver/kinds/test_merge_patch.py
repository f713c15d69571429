from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds.patch.merge_patch import diff, merge


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [  # the examples of RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_rfcs_examples(target: Any, patch: Any, expected: Any) -> None:
    assert merge(deepcopy(target), patch) == expected


SCALAR = st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
VALUE = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECT = st.dictionaries(st.text("abc", max_size=1), VALUE, max_size=4)
PATCH = st.dictionaries(st.text("abc", max_size=1), st.none() | VALUE, max_size=4)


@given(OBJECT)
def test_an_empty_patch_changes_nothing(target: Any) -> None:
    assert merge(deepcopy(target), {}) == target


@given(OBJECT, OBJECT)
def test_the_difference_makes_one_of_the_other(old: Any, new: Any) -> None:
    assert merge(deepcopy(old), diff(old, new)) == new


@given(OBJECT)
def test_nothing_differs_from_itself(target: Any) -> None:
    assert diff(target, target) == {}


@given(OBJECT, PATCH)
def test_a_second_time_changes_nothing(target: Any, patch: Any) -> None:
    once = merge(deepcopy(target), patch)
    assert merge(deepcopy(once), patch) == once
