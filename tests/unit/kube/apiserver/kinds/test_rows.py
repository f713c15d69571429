from collections.abc import Iterable

import pytest

from kube.apiserver.kinds import KINDS, Kind, disk, kind_at, kind_of
from kube.apiserver.kinds.defaults import DEFAULTS
from kube.apiserver.kinds.selectors.fields import FIELDS
from kube.apiserver.kinds.table import ROWS
from kube.apiserver.kinds.validation import RULES


def listed() -> Iterable[tuple[str, str, dict]]:
    for section in disk.load("discovery").values():
        for group in section:
            for version in group["versions"]:
                for resource in version["resources"]:
                    yield group["metadata"].get("name", ""), version["version"], resource


def test_the_rows_are_those_of_the_reference_server_in_its_order() -> None:
    expected = [(group, version, resource["resource"]) for group, version, resource in listed()]
    assert [tuple(kind.gvr) for kind in KINDS] == expected


@pytest.mark.parametrize(("group", "version", "resource"), list(listed()))
def test_a_row_says_what_the_reference_server_says(group: str, version: str, resource: dict) -> None:
    kind = kind_at(group, version, resource["resource"])
    assert kind is not None
    assert kind.kind == resource["responseKind"]["kind"]
    assert kind.namespaced == (resource["scope"] == "Namespaced")
    assert list(kind.verbs) == resource["verbs"]
    assert list(kind.short_names) == resource.get("shortNames", [])
    assert list(kind.categories) == resource.get("categories", [])
    assert kind.singular_name == resource["singularResource"]
    subresources = {row["subresource"]: row["verbs"] for row in resource.get("subresources", [])}
    assert {row.name: list(row.verbs) for row in kind.subresource_rows} == subresources


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.key}/{kind.version}")
def test_every_kind_has_a_schema(kind: Kind) -> None:
    definition = disk.definitions()[kind.definition]
    named = [
        (item["group"], item["version"], item["kind"])
        for item in definition["x-kubernetes-group-version-kind"]
    ]
    assert tuple(kind.gvk) in named


@pytest.mark.parametrize(
    "table", [DEFAULTS, RULES, ROWS, FIELDS], ids=["DEFAULTS", "RULES", "ROWS", "FIELDS"]
)
def test_tables_name_only_kinds_there_are(table: dict) -> None:
    assert set(table) <= {kind.key for kind in KINDS}


def test_kinds_are_found_by_their_objects() -> None:
    kind = kind_of("apps/v1", "Deployment")
    assert kind is not None
    assert kind.resource.text == "deployments.apps"
    assert kind.group_kind.text == "Deployment.apps"
    assert kind_of("apps/v1beta1", "Deployment") is None


def test_kinds_shown_in_two_versions_are_stored_once() -> None:
    shown = {kind.storage_key for kind in KINDS if kind.storage_key != kind.key or kind.stored_as}
    assert shown == {"events", "horizontalpodautoscalers.autoscaling"}
