"""Status patches: only what changed, null for what is gone, at any depth."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.job.kinds import TrackedStatus, Uncounted
from kube.controllers.status import status_patch


def status(
    succeeded: int = 0, uncounted: tuple[str, ...] = (), failed: tuple[str, ...] = ()
) -> TrackedStatus:
    return TrackedStatus(
        succeeded=succeeded, uncounted_terminated_pods=Uncounted(succeeded=uncounted, failed=failed)
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (status(1), status(1), None),
        (status(0), status(2), {"succeeded": 2}),
        (status(2), status(0), {"succeeded": None}),
        (status(uncounted=("a",)), status(), {"uncountedTerminatedPods": {"succeeded": None}}),
        (
            status(uncounted=("a",), failed=("b",)),
            status(failed=("b", "c")),
            {"uncountedTerminatedPods": {"succeeded": None, "failed": ["b", "c"]}},
        ),
    ],
)
def test_a_patch_names_what_changed(
    before: TrackedStatus, after: TrackedStatus, expected: dict[str, Any] | None
) -> None:
    found = status_patch(before, after)
    if found is not None and isinstance(found.get("uncountedTerminatedPods"), dict):
        nested = found["uncountedTerminatedPods"]
        found["uncountedTerminatedPods"] = {
            key: list(value) if value is not None else None for key, value in nested.items()
        }
    assert found == expected


def test_some_zeros_are_written() -> None:
    assert status_patch(status(2), status(0), keep_zero=frozenset({"succeeded"})) == {"succeeded": 0}
