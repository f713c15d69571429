"""Laws of patches, server-side apply and selectors: what holds for all objects, not only for those of a table."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kube.apiserver.kinds import kind_of, managed_fields, patch
from kube.apiserver.kinds.selectors import from_object, parse_labels

_deployments, _config_maps = kind_of("apps/v1", "Deployment"), kind_of("v1", "ConfigMap")
assert _deployments is not None
assert _config_maps is not None
DEPLOYMENT, CONFIG_MAP = _deployments, _config_maps
NOW = "2026-01-01T00:00:00Z"

often = settings(max_examples=150, deadline=None)
names = st.sampled_from(["a", "b", "c", "d/e", "f~g"])
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcd")},
        optional={"image": st.sampled_from(["i", "j"]), "tty": st.booleans()},
    ),
    unique_by=lambda container: container["name"],
    min_size=1,
    max_size=4,
)
labels = st.dictionaries(names, st.sampled_from(["1", "2"]), max_size=3)


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "labels": draw(labels)},
        "spec": {
            "replicas": draw(st.integers(0, 3)),
            "template": {"spec": {"containers": draw(containers)}},
        },
    }


def json_steps(old: Any, new: Any, at: str = "") -> Iterator[dict[str, Any]]:
    """A JSON patch from one value to another."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            path = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in new:
                yield {"op": "remove", "path": path}
            elif key not in old:
                yield {"op": "add", "path": path, "value": new[key]}
            else:
                yield from json_steps(old[key], new[key], path)
    elif old != new:
        yield {"op": "replace", "path": at, "value": new}


def strategic_difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """As kubectl makes it: null for what goes, lists of maps by their key, with the order that is wanted."""
    result: dict[str, Any] = {}
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if key == "containers":
            assert before is not None
            assert after is not None
            was = {container["name"]: container for container in before}
            now = {container["name"]: container for container in after}
            changes = [
                {**strategic_difference(was.get(name, {}), container), "name": name}
                for name, container in now.items()
                if was.get(name) != container
            ]
            gone = [{"name": name, "$patch": "delete"} for name in was if name not in now]
            result["containers"] = [*changes, *gone]
            result["$setElementOrder/containers"] = [{"name": name} for name in now]
        elif isinstance(before, dict) and isinstance(after, dict):
            result[key] = strategic_difference(before, after)
        else:
            result[key] = after
    return result


@often
@given(old=deployments(), new=deployments())
def test_the_strategic_difference_makes_one_of_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    difference = strategic_difference(old, new)
    before = deepcopy(old)
    assert patch.apply(DEPLOYMENT, old, patch.STRATEGIC_PATCH, difference) == new
    assert old == before
    assert patch.apply(DEPLOYMENT, new, patch.STRATEGIC_PATCH, difference) == new


@often
@given(old=deployments(), new=deployments())
def test_the_json_difference_makes_one_of_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert patch.apply(DEPLOYMENT, old, patch.JSON_PATCH, list(json_steps(old, new))) == new


def config(data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def applied(live: dict[str, Any] | None, data: dict[str, str], manager: str) -> dict[str, Any]:
    return managed_fields.apply(CONFIG_MAP, live, config(data), manager=manager, now=NOW, force=True)


@often
@given(mine=labels, theirs=labels)
def test_applies_of_different_fields_commute(mine: dict[str, str], theirs: dict[str, str]) -> None:
    apart = {f"t.{key}": value for key, value in theirs.items()}
    one = applied(applied(None, mine, "me"), apart, "they")
    other = applied(applied(None, apart, "they"), mine, "me")
    assert (one.get("data") or {}) == (other.get("data") or {}) == {**mine, **apart}


@often
@given(first=labels, second=labels, foreign=labels)
def test_an_apply_removes_what_it_no_longer_says_and_nobody_else_has(
    first: dict[str, str], second: dict[str, str], foreign: dict[str, str]
) -> None:
    live = applied(applied(None, foreign, "they"), first, "me")
    again = applied(live, first, "me")
    assert again.get("data") == live.get("data")
    last = applied(live, second, "me")
    # what was taken by force is theirs no longer; what both say alike is of both
    kept = {key: value for key, value in foreign.items() if first.get(key, value) == value}
    assert (last.get("data") or {}) == {**kept, **second}


keys = st.sampled_from(["a", "b.test/c"])
found = st.dictionaries(keys, st.sampled_from(["", "x", "y", "z"]), max_size=2)
wanted = st.sets(st.sampled_from(["x", "y", "z"]), min_size=1).map(sorted)


@often
@given(key=keys, values=wanted, on=found)
def test_in_and_notin_are_each_others_complement(key: str, values: list[str], on: dict[str, str]) -> None:
    inside = parse_labels(f"{key} in ({','.join(values)})").matches(on)
    assert inside != parse_labels(f"{key} notin ({','.join(values)})").matches(on)
    assert inside == any(parse_labels(f"{key}={value}").matches(on) for value in values)
    assert parse_labels(key).matches(on) != parse_labels(f"!{key}").matches(on)


@often
@given(key=keys, values=wanted, on=found, operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]))
def test_a_selector_means_the_same_as_text_and_as_an_object(
    key: str, values: list[str], on: dict[str, str], operator: str
) -> None:
    listed = ",".join(values)
    text = {
        "In": f"{key} in ({listed})",
        "NotIn": f"{key} notin ({listed})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    expression = {"key": key, "operator": operator, "values": values if "In" in operator else []}
    assert parse_labels(text[operator]).matches(on) == from_object(
        {"matchExpressions": [expression]}
    ).matches(on)
