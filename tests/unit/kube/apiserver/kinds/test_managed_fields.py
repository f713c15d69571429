from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.kinds.managed_fields import apply, manager_of, track
from kube.apiserver.kinds.managed_fields.field_set import from_fields_v1, paths_of, text, to_fields_v1
from kube.apiserver.kinds.managed_fields.structure import of_definition
from kube.apiserver.status import StatusError

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)
NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"


def kind(group: str, plural: str) -> Kind:
    found = kind_at(group, "v1", plural)
    assert found is not None
    return found


DEPLOYMENT, CONFIG_MAP = kind("apps", "deployments"), kind("", "configmaps")


def deployment(
    replicas: int | None = 2, *, labels: dict[str, str] | None = None, image: str = "i:1"
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "spec": {"containers": [{"name": "c", "image": image, "ports": [{"containerPort": 80}]}]}
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    metadata: dict[str, Any] = {"name": "d"}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def entries(obj: dict[str, Any]) -> dict[str, Any]:
    return {entry["manager"]: entry for entry in obj["metadata"].get("managedFields", [])}


def test_the_first_apply_owns_what_it_says() -> None:
    made = apply(DEPLOYMENT, None, deployment(labels={"x": "y"}), manager="me", now=NOW)
    entry = entries(made)["me"]
    assert entry["operation"] == "Apply"
    assert entry["time"] == NOW
    assert entry["fieldsV1"] == {
        "f:metadata": {"f:labels": {"f:x": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"c"}': {
                            ".": {},
                            "f:image": {},
                            "f:name": {},
                            "f:ports": {
                                'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                            },
                        }
                    }
                }
            },
        },
    }


def test_the_same_apply_again_changes_nothing() -> None:
    made = apply(DEPLOYMENT, None, deployment(), manager="me", now=NOW)
    assert apply(DEPLOYMENT, made, deployment(), manager="me", now=LATER) == made


def test_what_is_no_longer_applied_goes() -> None:
    made = apply(DEPLOYMENT, None, deployment(labels={"x": "y", "z": "w"}), manager="me", now=NOW)
    changed = apply(DEPLOYMENT, made, deployment(None, labels={"x": "y"}), manager="me", now=LATER)
    assert changed["metadata"]["labels"] == {"x": "y"}
    assert "replicas" not in changed["spec"]


def test_what_another_manager_also_owns_stays() -> None:
    made = apply(DEPLOYMENT, None, deployment(2), manager="me", now=NOW)
    both = apply(DEPLOYMENT, made, deployment(2), manager="you", now=NOW)
    left = apply(DEPLOYMENT, both, deployment(None), manager="me", now=LATER)
    assert left["spec"]["replicas"] == 2


def test_an_item_of_a_list_goes_with_its_last_owner() -> None:
    config = deployment()
    config["spec"]["template"]["spec"]["containers"].append({"name": "extra", "image": "e"})
    made = apply(DEPLOYMENT, None, config, manager="me", now=NOW)
    left = apply(DEPLOYMENT, made, deployment(), manager="me", now=LATER)
    assert [item["name"] for item in left["spec"]["template"]["spec"]["containers"]] == ["c"]


def test_an_item_kept_by_another_owner_keeps_its_key() -> None:
    made = apply(DEPLOYMENT, None, deployment(), manager="me", now=NOW)
    ports = {"name": "c", "ports": [{"containerPort": 81}]}
    other = {"metadata": {"name": "d"}, "spec": {"template": {"spec": {"containers": [ports]}}}}
    both = apply(DEPLOYMENT, made, other, manager="you", now=NOW)
    left = apply(DEPLOYMENT, both, {"metadata": {"name": "d"}, "spec": {}}, manager="me", now=LATER)
    assert left["spec"]["template"]["spec"]["containers"] == [ports]


def conflicting() -> dict[str, Any]:
    made = apply(DEPLOYMENT, None, deployment(2), manager="me", now=NOW)
    scaled = deepcopy(made)
    scaled["spec"]["replicas"] = 5
    track(DEPLOYMENT, scaled, made, manager="scaler", now=LATER)
    return scaled


def test_an_update_takes_the_fields_it_changes() -> None:
    scaled = conflicting()
    assert entries(scaled)["scaler"]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in entries(scaled)["me"]["fieldsV1"]["f:spec"]


def test_a_changed_field_of_another_manager_is_a_conflict() -> None:
    with pytest.raises(StatusError) as caught:
        apply(DEPLOYMENT, conflicting(), deployment(2), manager="me", now=LATER)
    assert caught.value.code == 409
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas'
    )
    assert caught.value.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "scaler" using apps/v1',
                "field": ".spec.replicas",
            }
        ]
    }


def test_several_conflicts_are_listed_by_manager() -> None:
    made = apply(DEPLOYMENT, None, deployment(2), manager="you", now=NOW)
    with pytest.raises(StatusError) as caught:
        apply(DEPLOYMENT, made, deployment(3, image="i:2"), manager="me", now=LATER)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "you":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="c"].image'
    )


def test_force_takes_the_field_over() -> None:
    forced = apply(DEPLOYMENT, conflicting(), deployment(2), manager="me", now=LATER, force=True)
    assert forced["spec"]["replicas"] == 2
    assert set(entries(forced)) == {"me"}


def test_the_same_value_is_shared_not_fought_over() -> None:
    shared = apply(DEPLOYMENT, conflicting(), deployment(5), manager="me", now=LATER)
    assert set(entries(shared)) == {"me", "scaler"}


def test_an_object_made_without_apply_belongs_to_before_first_apply() -> None:
    live = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "9"}}
    with pytest.raises(StatusError) as caught:
        apply(CONFIG_MAP, live, config, manager="me", now=NOW)
    assert '"before-first-apply" using v1: .data.a' in caught.value.message
    forced = apply(CONFIG_MAP, live, config, manager="me", now=NOW, force=True)
    assert forced["data"] == {"a": "9", "b": "2"}
    assert entries(forced)["before-first-apply"]["fieldsV1"] == {"f:data": {"f:b": {}}}


def test_kubectl_takes_over_what_its_client_side_apply_left() -> None:
    live = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"1"}}'},
        },
        "data": {"a": "1"},
    }
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "2"}}
    assert apply(CONFIG_MAP, live, config, manager="kubectl", now=NOW)["data"] == {"a": "2"}
    with pytest.raises(StatusError):
        apply(CONFIG_MAP, live, config, manager="other", now=NOW)


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize(
    ("manager", "before", "after"),
    [
        (
            "kubectl",
            '{"data":{"a":"1"}}',
            '{"data":{"a":"2"},"metadata":{"annotations":{"x":"y"},"name":"c"}}\n',
        ),
        ("kubectl", None, None),
        ("other", '{"data":{"a":"1"}}', '{"data":{"a":"1"}}'),
    ],
)
def test_kubectls_annotation_follows_its_server_side_apply(
    manager: str, before: str | None, after: str | None
) -> None:
    annotations = {} if before is None else {LAST_APPLIED: before}
    live = {"metadata": {"name": "c", "annotations": annotations}, "data": {"a": "1"}}
    config = {"metadata": {"name": "c", "annotations": {"x": "y"}}, "data": {"a": "2"}}
    applied = apply(CONFIG_MAP, live, config, manager=manager, now=NOW, force=True)
    assert applied["metadata"]["annotations"].get(LAST_APPLIED) == after


@pytest.mark.parametrize("manager", [""])
def test_a_manager_is_needed(manager: str) -> None:
    with pytest.raises(StatusError) as caught:
        apply(DEPLOYMENT, None, deployment(), manager=manager, now=NOW)
    assert caught.value.code == 422


def test_managed_fields_may_not_be_applied() -> None:
    config = deployment()
    config["metadata"]["managedFields"] = [{"manager": "x"}]
    with pytest.raises(StatusError) as caught:
        apply(DEPLOYMENT, None, config, manager="me", now=NOW)
    assert caught.value.message == "metadata.managedFields must be nil"


CONTAINER = {
    ".": {},
    "f:image": {},
    "f:name": {},
    "f:ports": {".": {}, 'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
}


def made(of: Kind, obj: dict[str, Any], manager: str = "kubectl-create") -> dict[str, Any]:
    """A new object as its maker leaves it."""
    obj = deepcopy(obj)
    track(of, obj, None, manager=manager, now=NOW)
    return obj


def test_who_makes_an_object_owns_what_it_says() -> None:
    (entry,) = made(DEPLOYMENT, deployment(labels={"x": "y"}))["metadata"]["managedFields"]
    assert entry == {
        "manager": "kubectl-create",
        "operation": "Update",
        "apiVersion": "apps/v1",
        "time": NOW,
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {"f:spec": {"f:containers": {'k:{"name":"c"}': CONTAINER}}},
            },
        },
    }


# As kube-apiserver 1.36 records them: what is no pointer in Go is always there, so only its members are new.
CREATED = [
    ("", "configmaps", {"data": {"a": "b"}}, {"f:data": {".": {}, "f:a": {}}}),
    ("", "configmaps", {}, None),
    (
        "",
        "replicationcontrollers",
        {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}},
        {
            "f:spec": {
                "f:template": {
                    ".": {},
                    "f:spec": {".": {}, "f:containers": {".": {}, 'k:{"name":"c"}': {".": {}, "f:name": {}}}},
                }
            }
        },
    ),
    (
        "",
        "persistentvolumeclaims",
        {"spec": {"resources": {"requests": {"storage": "1Gi"}}}},
        {"f:spec": {"f:resources": {"f:requests": {".": {}, "f:storage": {}}}}},
    ),
    (
        "",
        "pods",
        {
            "metadata": {"finalizers": ["a/b"], "ownerReferences": [{"uid": "u", "kind": "X"}], "uid": "1"},
            "spec": {"securityContext": {}, "affinity": {"nodeAffinity": {}}, "containers": []},
            "status": {"phase": "Pending"},
        },
        {
            "f:metadata": {
                "f:finalizers": {".": {}, 'v:"a/b"': {}},
                "f:ownerReferences": {".": {}, 'k:{"uid":"u"}': {}},
            },
            "f:spec": {"f:securityContext": {}, "f:affinity": {".": {}, "f:nodeAffinity": {}}},
        },
    ),
]


@pytest.mark.parametrize(("group", "plural", "obj", "expected"), CREATED)
def test_what_counts_as_new(
    group: str, plural: str, obj: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    found = made(kind(group, plural), obj)["metadata"].get("managedFields")
    assert (found[0]["fieldsV1"] if found else None) == expected


def test_an_object_without_managers_gets_none_by_an_update() -> None:
    new, old = deployment(3), deployment(2)
    track(DEPLOYMENT, new, old, manager="kubectl-edit", now=NOW)
    assert "managedFields" not in new["metadata"]


def test_what_goes_is_nobodys_any_more_and_others_keep_their_time() -> None:
    old = made(DEPLOYMENT, deployment(labels={"x": "y"}))
    new = deepcopy(old)
    del new["metadata"]["labels"]
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "i:2"
    new["metadata"].pop("managedFields")  # as clients do that know nothing of it
    track(DEPLOYMENT, new, old, manager="kubectl-edit", now=LATER)
    path = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"c"}')
    first, second = entries(new)["kubectl-create"], entries(new)["kubectl-edit"]
    assert (first["time"], second["time"]) == (NOW, LATER)
    assert "f:metadata" not in first["fieldsV1"]
    assert from_fields_v1(second["fieldsV1"]) == {(*path, "f:image")}
    assert (*path, "f:image") not in from_fields_v1(first["fieldsV1"])
    assert path in from_fields_v1(first["fieldsV1"])


def test_a_subresource_is_an_owner_of_its_own_and_takes_no_managers_from_the_body() -> None:
    old = made(DEPLOYMENT, deployment())
    new = deepcopy(old)
    new["status"] = {"replicas": 1}
    new["metadata"]["managedFields"] = []
    track(DEPLOYMENT, new, old, manager="controller", now=LATER, subresource="status")
    assert entries(new)["controller"]["subresource"] == "status"
    assert entries(new)["controller"]["fieldsV1"] == {"f:status": {"f:replicas": {}}}
    assert set(entries(new)) == {"kubectl-create", "controller"}


def test_of_many_updaters_the_oldest_become_one() -> None:
    obj = made(CONFIG_MAP, {"data": {"k": "v"}})
    for number in range(12):
        new = deepcopy(obj)
        new["data"][f"k{number}"] = "v"
        track(CONFIG_MAP, new, obj, manager=f"m{number:02}", now=f"2026-01-01T00:00:{number:02}Z")
        obj = new
    managers = [entry["manager"] for entry in obj["metadata"]["managedFields"]]
    assert managers == ["ancient-changes", *(f"m{number:02}" for number in range(3, 12))]
    ancient = entries(obj)["ancient-changes"]["fieldsV1"]["f:data"]
    assert ancient == {".": {}, "f:k": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}}


@given(st.lists(st.tuples(st.sampled_from("pqr"), LABELS), min_size=1, max_size=6))
def test_every_field_belongs_to_who_changed_it_last(steps: list[tuple[str, dict[str, str]]]) -> None:
    obj: dict[str, Any] | None = None
    last: dict[str, str] = {}
    for manager, data in steps:
        before = (obj or {}).get("data") or {}
        new: dict[str, Any] = {"data": {"always": "x", **data}}
        track(CONFIG_MAP, new, obj, manager=manager, now=NOW)
        last = {key: last[key] if before.get(key) == value else manager for key, value in new["data"].items()}
        obj = new
    owned = {
        element[2:]: name
        for name, entry in entries(obj or {}).items()
        for element in entry["fieldsV1"]["f:data"]
        if element != "."
    }
    assert owned == last


def test_an_empty_list_forgets_all_managers() -> None:
    made = apply(DEPLOYMENT, None, deployment(), manager="me", now=NOW)
    new = deepcopy(made)
    new["metadata"]["managedFields"] = []
    track(DEPLOYMENT, new, made, manager="x", now=LATER)
    assert "managedFields" not in new["metadata"]


def test_status_is_owned_only_through_the_subresource() -> None:
    config = {**deployment(), "status": {"replicas": 3}}
    made = apply(DEPLOYMENT, None, config, manager="me", now=NOW)
    assert "status" not in made
    shown = apply(DEPLOYMENT, made, config, manager="controller", now=NOW, subresource="status")
    assert shown["status"] == {"replicas": 3}
    assert entries(shown)["controller"]["fieldsV1"] == {"f:status": {"f:replicas": {}}}
    assert entries(shown)["controller"]["subresource"] == "status"


@pytest.mark.parametrize(
    ("field_manager", "agent", "expected"),
    [
        ("m", "kubectl/v1", "m"),
        (None, "kubectl/v1.32 (linux)", "kubectl"),
        ("", "", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_managers_are_named_by_the_request(
    field_manager: str | None, agent: str | None, expected: str
) -> None:
    assert manager_of(field_manager, agent) == expected


@given(st.lists(st.tuples(st.sampled_from(["p", "q"]), LABELS), max_size=5))
def test_after_forced_applies_each_manager_has_what_it_last_said(
    steps: list[tuple[str, dict[str, str]]],
) -> None:
    live = None
    said: dict[str, dict[str, str]] = {}
    for manager, data in steps:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
        live = apply(CONFIG_MAP, live, config, manager=manager, now=NOW, force=True)
        said = {
            other: {key: value for key, value in old.items() if key not in data or data[key] == value}
            for other, old in said.items()
            if other != manager
        }
        said[manager] = data
    expected = {key: value for data in said.values() for key, value in data.items()}
    assert ((live or {}).get("data") or {}) == expected


@given(st.integers(0, 3), LABELS)
def test_sets_survive_their_written_form(replicas: int, labels: dict[str, str]) -> None:
    paths = frozenset(paths_of(deployment(replicas, labels=labels), of_definition(DEPLOYMENT.definition)))
    assert from_fields_v1(to_fields_v1(paths)) == paths


def test_paths_are_written_as_users_read_them() -> None:
    path = ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name")
    assert text(path) == '.spec.ports[port=80,protocol="TCP"].name'
    assert text(("f:metadata", "f:finalizers", 'v:"a/b"')) == '.metadata.finalizers["a/b"]'
