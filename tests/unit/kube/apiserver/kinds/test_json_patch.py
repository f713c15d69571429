from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds import Kind, kind_at, patch
from kube.apiserver.kinds.patch import json_patch
from kube.apiserver.status import StatusError


def kind() -> Kind:
    found = kind_at("", "v1", "configmaps")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": {"x": []}}], {"a": {"x": []}}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": 1, "m~n": 2}, [{"op": "remove", "path": "/a~1b"}, {"op": "remove", "path": "/m~0n"}], {}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 1}}], {"b": 1}),
    ],
)
def test_operations(document: Any, operations: list[Any], expected: Any) -> None:
    assert json_patch.apply(document, operations) == expected


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "test", "path": "/a", "value": 2}],
        [{"op": "test", "path": "/a", "value": True}],
        [{"op": "remove", "path": "/x"}],
        [{"op": "replace", "path": "/x", "value": 1}],
        [{"op": "add", "path": "/x/y", "value": 1}],
        [{"op": "add", "path": "/l/9", "value": 1}],
        [{"op": "add", "path": "/l/one", "value": 1}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/b"}],
        [{"op": "move", "from": "/o", "path": "/o/p"}],
        [{"op": "copy", "from": "/none", "path": "/p"}],
        [{"op": "fly", "path": "/a"}],
        [{"path": "/a"}],
    ],
)
def test_operations_that_do_not_fit(operations: list[Any]) -> None:
    with pytest.raises(json_patch.BadPatch):
        json_patch.apply({"a": 1, "l": [1], "o": {"p": 1}}, operations)


def test_a_failed_test_is_a_422_that_keeps_its_reason() -> None:
    operations = [{"op": "test", "path": "/a", "value": 2}]
    with pytest.raises(StatusError) as caught:
        patch.apply(kind(), {"a": 1}, patch.JSON_PATCH, operations)
    assert caught.value.code == 422
    assert caught.value.details is not None
    assert caught.value.details["causes"][0]["message"] == "testing value /a failed: test failed"


def test_a_patch_that_is_no_list_is_a_400() -> None:
    with pytest.raises(StatusError) as caught:
        patch.apply(kind(), {}, patch.JSON_PATCH, {"op": "add"})
    assert caught.value.code == 400


def test_too_many_operations_are_refused() -> None:
    operations = [{"op": "test", "path": "", "value": {}}] * (patch.MAX_OPERATIONS + 1)
    with pytest.raises(StatusError) as caught:
        patch.apply(kind(), {}, patch.JSON_PATCH, operations)
    assert caught.value.code == 413


def test_the_old_object_is_not_changed() -> None:
    old = {"a": {"b": [1]}}
    new = patch.apply(kind(), old, patch.JSON_PATCH, [{"op": "add", "path": "/a/b/-", "value": 2}])
    assert old == {"a": {"b": [1]}}
    assert new == {"a": {"b": [1, 2]}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab~/", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
OPERATION = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        "path": st.text("/ab01-~", max_size=6),
    },
    optional={"value": JSON, "from": st.text("/ab01-~", max_size=6)},
)


@given(st.dictionaries(st.text("ab", max_size=2), JSON, max_size=3), st.lists(OPERATION, max_size=5))
def test_any_patch_applies_or_is_refused(document: Any, operations: list[Any]) -> None:
    try:
        json_patch.apply(document, operations)
    except json_patch.BadPatch:
        pass


@given(JSON, JSON)
def test_equality_is_jsons(left: Any, right: Any) -> None:
    assert json_patch.equal(left, right) == json_patch.equal(right, left)
    assert json_patch.equal(left, left)
    assert not json_patch.equal([True], [1])


def test_a_pointer_may_lead_into_a_status_that_is_still_empty() -> None:
    """The server's own kinds always have one."""
    claims = kind_at("resource.k8s.io", "v1", "resourceclaims")
    assert claims is not None
    claim = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "c"}}
    add = [{"op": "add", "path": "/status/allocation", "value": {}}]
    assert patch.apply(claims, claim, patch.JSON_PATCH, add)["status"] == {"allocation": {}}
    label = [{"op": "add", "path": "/metadata/labels", "value": {}}]
    assert "status" not in patch.apply(claims, claim, patch.JSON_PATCH, label)
