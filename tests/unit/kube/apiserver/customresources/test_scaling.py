"""Replicas where a definition says they are."""

import pytest

from kube.apiserver.customresources.scaling import ScalePaths, read
from kube.apiserver.status import StatusError

PATHS = ScalePaths(".spec.size.pods", ".status.pods", ".status.selector")


def test_replicas_are_read_and_written_by_path() -> None:
    obj = {"spec": {"size": {"pods": 2}}, "status": {"pods": 1, "selector": "a=b"}}
    assert (PATHS.replicas(obj), PATHS.status_replicas(obj), PATHS.selector_text(obj)) == (2, 1, "a=b")
    PATHS.set_replicas(obj, 5)
    assert obj["spec"] == {"size": {"pods": 5}}
    empty: dict[str, object] = {}
    PATHS.set_replicas(empty, 1)
    assert empty == {"spec": {"size": {"pods": 1}}}


def test_what_an_object_does_not_say() -> None:
    assert PATHS.status_replicas({}) == 0
    assert PATHS.selector_text({}) == ""
    with pytest.raises(StatusError, match=r"\.spec\.size\.pods.*does not exist"):
        PATHS.replicas({"spec": {}})


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (-1, ".spec.size.pods: Invalid value: -1: should be a non-negative integer"),
        (2**31, ".spec.size.pods: Invalid value: 2147483648: should be less than or equal to 2147483647"),
    ],
)
def test_numbers_that_no_scale_shows(count: int, sentence: str) -> None:
    assert [error.message for error in PATHS.errors({"spec": {"size": {"pods": count}}})] == [sentence]
    assert PATHS.errors({"spec": {"size": {"pods": 0}}}) == []


def test_a_version_without_scale_has_no_paths() -> None:
    assert read(None) is None
    row = {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}
    assert read(row) == ScalePaths(".spec.n", ".status.n", "")
