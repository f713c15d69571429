"""Who gets which name, and what the status says."""

from typing import Any

import pytest

from kube.apiserver.customresources import naming
from tests.unit.kube.apiserver.customresources.conftest import definition

NOW, LATER = "2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"


def stored(**more: Any) -> dict[str, Any]:
    made = definition(**more)
    return {**made, "status": naming.status_of(made, [], NOW)}


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {row["type"]: (row["status"], row["reason"]) for row in status["conditions"]}


def test_free_names_are_accepted_and_the_definition_is_established() -> None:
    status = stored(names={"shortNames": ["th"], "categories": ["all"]})["status"]
    assert conditions(status) == {
        "NamesAccepted": ("True", "NoConflicts"),
        "Established": ("True", "InitialNamesAccepted"),
    }
    assert status["acceptedNames"] == {
        "plural": "things",
        "singular": "thing",
        "kind": "Thing",
        "listKind": "ThingList",
        "shortNames": ["th"],
        "categories": ["all"],
    }
    assert status["storedVersions"] == ["v1"]


OTHER = {"plural": "others", "singular": "other", "kind": "Other", "listKind": "OtherList"}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({**OTHER, "kind": "Thing"}, "KindConflict"),
        ({**OTHER, "listKind": "Thing"}, "ListKindConflict"),
        ({**OTHER, "singular": "things"}, "SingularConflict"),
        ({**OTHER, "shortNames": ["thing"]}, "ShortNamesConflict"),
        ({**OTHER, "plural": "thing"}, "PluralConflict"),
    ],
)
def test_a_name_in_use_in_the_group_is_refused(names: dict[str, Any], reason: str) -> None:
    status = naming.status_of(definition(names=names), [stored()], NOW)
    assert conditions(status) == {"NamesAccepted": ("False", reason), "Established": ("False", "NotAccepted")}


def test_the_same_names_in_another_group_are_free() -> None:
    status = naming.status_of(definition(group="example.org"), [stored()], NOW)
    assert conditions(status)["Established"][0] == "True"


def test_a_new_name_that_is_taken_leaves_the_old_one_in_use() -> None:
    mine = stored(names={**OTHER, "shortNames": ["ot"]})
    mine["spec"]["names"]["shortNames"] = ["thing"]
    status = naming.status_of(mine, [stored()], LATER)
    assert status["acceptedNames"]["shortNames"] == ["ot"]
    assert conditions(status) == {
        "NamesAccepted": ("False", "ShortNamesConflict"),
        "Established": ("True", "InitialNamesAccepted"),
    }


def test_nothing_changes_when_it_is_asked_again() -> None:
    mine = stored()
    assert naming.status_of(mine, [mine], LATER) == mine["status"]


def test_each_version_that_was_ever_stored_is_kept_in_mind() -> None:
    mine = stored()
    first = mine["spec"]["versions"][0]
    mine["spec"]["versions"] = [{**first, "storage": False}, {**first, "name": "v2"}]
    assert naming.status_of(mine, [], LATER)["storedVersions"] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        ("https://github.com/kubernetes/kubernetes/pull/1", ("True", "ApprovedAnnotation")),
        ("unapproved, an experiment", ("False", "UnapprovedAnnotation")),
    ],
)
def test_groups_of_kubernetes_say_whether_they_are_approved(annotation: str, wanted: tuple[str, str]) -> None:
    mine = definition(group="x.k8s.io")
    mine["metadata"]["annotations"] = {"api-approved.kubernetes.io": annotation}
    status = naming.status_of(mine, [], NOW)
    assert conditions(status)["KubernetesAPIApprovalPolicyConformant"] == wanted


def test_the_end_of_a_definition() -> None:
    ending = naming.ending(stored(), LATER)
    assert ending["metadata"]["finalizers"] == [naming.CLEANUP]
    assert conditions(ending["status"])["Terminating"] == ("True", "InstanceDeletionPending")
    going = naming.in_progress(ending["status"], LATER)
    assert conditions(going)["Terminating"] == ("True", "InstanceDeletionInProgress")
    assert conditions(naming.completed(going, LATER))["Terminating"] == ("False", "InstanceDeletionCompleted")


def test_versions_come_most_stable_and_newest_first() -> None:
    shuffled = [
        "foo10",
        "v1",
        "v3beta1",
        "v11alpha2",
        "v12alpha1",
        "v2",
        "foo1",
        "v10",
        "v11beta2",
        "v10beta3",
    ]
    assert naming.versions_in_order(shuffled) == [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v10beta3",
        "v3beta1",
        "v12alpha1",
        "v11alpha2",
        "foo1",
        "foo10",
    ]
