from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds import Kind, kind_at, patch
from kube.apiserver.status import StatusError


def kind(group: str, plural: str) -> Kind:
    found = kind_at(group, "v1", plural)
    assert found is not None
    return found


POD, SERVICE, DEPLOYMENT = kind("", "pods"), kind("", "services"), kind("apps", "deployments")
A, B = {"name": "a", "image": "1"}, {"name": "b", "image": "1"}


def apply(of: Kind, old: Any, change: Any) -> Any:
    before = deepcopy(old)
    new = patch.apply(of, old, patch.STRATEGIC_PATCH, change)
    assert old == before
    return new


def containers(*items: Any) -> Any:
    return {"spec": {"containers": list(items)}}


@pytest.mark.parametrize(
    ("old", "change", "expected"),
    [
        ([A, B], [{"name": "a", "image": "2"}], [{"name": "a", "image": "2"}, B]),
        ([A], [{"name": "c", "image": "1"}], [{"name": "c", "image": "1"}, A]),
        ([A, B], [{"name": "a", "$patch": "delete"}], [B]),
        ([A, B], [{"$patch": "replace"}, {"name": "c"}], [{"name": "c"}]),
        ([A], [{"name": "a", "image": None}], [{"name": "a"}]),
        ([A], [{"name": "z", "$patch": "delete"}], [A]),
        (
            [{"name": "a", "env": [{"name": "X", "value": "1"}]}],
            [{"name": "a", "env": [{"name": "Y", "value": "2"}]}],
            [{"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}],
        ),
        ([{"name": "a", "args": ["x"]}], [{"name": "a", "args": ["y"]}], [{"name": "a", "args": ["y"]}]),
        (
            [{"name": "a", "x": {"b": 1}}],
            [{"name": "a", "x": {"$patch": "replace", "c": 2}}],
            [{"name": "a", "x": {"c": 2}}],
        ),
    ],
)
def test_lists_merge_by_their_key(old: Any, change: Any, expected: Any) -> None:
    assert apply(POD, containers(*old), containers(*change)) == containers(*expected)


def test_the_order_of_elements_is_the_patchs() -> None:
    change = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
            "containers": [{"name": "a", "image": "2"}],
        }
    }
    assert apply(POD, containers(A, B), change) == containers(B, {"name": "a", "image": "2"})


def test_elements_that_only_the_server_has_keep_their_place() -> None:
    change = {
        "spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "c"}]}
    }
    merged = apply(POD, containers(A, B), change)["spec"]["containers"]
    assert [item["name"] for item in merged] == ["c", "a", "b"]


def test_primitive_lists_merge_and_lose_what_is_told() -> None:
    old = {"metadata": {"finalizers": ["a/x", "a/y"]}}
    assert apply(POD, old, {"metadata": {"finalizers": ["a/z"]}})["metadata"]["finalizers"] == [
        "a/z",
        "a/x",
        "a/y",
    ]
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}
    assert apply(POD, old, change)["metadata"]["finalizers"] == ["a/y"]


def test_lists_without_a_strategy_are_replaced() -> None:
    old = {"spec": {"tolerations": [{"key": "a"}]}}
    assert apply(POD, old, {"spec": {"tolerations": [{"key": "b"}]}}) == {
        "spec": {"tolerations": [{"key": "b"}]}
    }


def test_services_merge_ports_by_number() -> None:
    old = {"spec": {"ports": [{"port": 80, "name": "a"}]}}
    merged = apply(SERVICE, old, {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}})
    assert merged == {"spec": {"ports": [{"port": 80, "name": "a", "targetPort": 8080}]}}


def test_only_the_retained_keys_stay() -> None:
    old = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    change = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert apply(DEPLOYMENT, old, change) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_a_deleted_map_is_left_empty_and_null_removes_it() -> None:
    old = {"metadata": {"labels": {"a": "b"}}}
    assert apply(POD, old, {"metadata": {"labels": {"$patch": "delete"}}}) == {"metadata": {"labels": {}}}
    assert apply(POD, old, {"metadata": {"labels": None}}) == {"metadata": {}}


def test_directives_do_not_enter_what_was_absent() -> None:
    change = {"spec": {"containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "x": None}]}}
    assert apply(POD, {}, change) == containers({"name": "b"})


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"$patch": "explode"}},
        containers({"name": "a", "$patch": "explode"}),
        {"spec": {"$retainKeys": ["x"], "y": 1}},
        {"spec": {"$setElementOrder/tolerations": []}},
    ],
)
def test_patches_that_make_no_sense_are_a_400(change: Any) -> None:
    with pytest.raises(StatusError) as caught:
        apply(POD, containers(A, B), change)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (containers({"image": "2"}), "map: map[image:2] does not contain declared merge key: name"),
        (
            {"spec": {"containers": ["x"]}},
            "list element types are not identical: [[map[image:1 name:a]] [x]]",
        ),
    ],
)
def test_elements_that_cannot_be_told_apart_are_a_500(change: Any, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        apply(POD, {"spec": {"containers": [{"name": "a", "image": "1"}]}}, change)
    assert (caught.value.code, caught.value.message) == (500, message)


def test_custom_resources_take_none() -> None:
    with pytest.raises(StatusError) as caught:
        patch.apply(POD, {}, patch.STRATEGIC_PATCH, {}, strategic_served=False)
    assert caught.value.code == 415


NAME = st.sampled_from("abcd")
ENV = st.lists(
    st.fixed_dictionaries({"name": NAME, "value": st.text("xy", max_size=1)}),
    max_size=3,
    unique_by=lambda e: e["name"],
)
CONTAINER = st.fixed_dictionaries(
    {"name": NAME},
    optional={"image": st.text("12", min_size=1, max_size=1), "env": ENV, "args": st.lists(NAME, max_size=2)},
)
SPEC = st.lists(CONTAINER, max_size=4, unique_by=lambda item: item["name"]).map(
    lambda items: containers(*items)
)


@given(SPEC)
def test_an_empty_patch_changes_nothing(old: Any) -> None:
    assert apply(POD, old, {}) == old


@given(SPEC)
def test_an_object_as_its_own_patch_changes_nothing(old: Any) -> None:
    assert apply(POD, old, old) == old


@given(SPEC, SPEC)
def test_a_second_time_changes_nothing(old: Any, change: Any) -> None:
    once = apply(POD, old, change)
    assert apply(POD, once, change) == once


@given(SPEC, SPEC)
def test_every_name_of_both_is_there_once(old: Any, change: Any) -> None:
    names = [item["name"] for item in apply(POD, old, change)["spec"]["containers"]]
    wanted = {item["name"] for item in (*old["spec"]["containers"], *change["spec"]["containers"])}
    assert sorted(names) == sorted(wanted)
