"""Who may take a lease, and when."""

import pytest

from kube.election.plan import Observed, Terms, leads, observe, released, wanted
from kube.objects import Lease, LeaseSpec, ObjectMeta

PLACE = ObjectMeta(name="scheduler", namespace="kube-system")
NOW = "2026-11-21T00:00:00.000000Z"


def held(by: str, *, transitions: int = 0, renewed: str = "") -> Lease:
    spec = LeaseSpec(
        holder_identity=by, lease_duration_seconds=15, renew_time=renewed, lease_transitions=transitions
    )
    return Lease(metadata=PLACE, spec=spec)


@pytest.mark.parametrize(
    ("lease", "age_s", "transitions"),
    [
        (None, 0, 0),
        (held("me", transitions=3), 0, 3),
        (held("other", transitions=3), 14.9, None),
        (held("other", transitions=3), 15, 4),
        (held("", transitions=3), 0, 4),
    ],
)
def test_a_lease_is_taken_when_it_is_free_or_over(
    lease: Lease | None, age_s: float, transitions: int | None
) -> None:
    found = wanted(Observed(lease, 100.0), PLACE, "me", 100.0 + age_s, NOW, Terms())
    if transitions is None:
        assert found is None
        return
    assert found is not None
    assert found.spec.holder_identity == "me"
    assert found.spec.renew_time == NOW
    assert found.spec.lease_transitions == transitions


def test_only_a_change_of_content_starts_the_clock_again() -> None:
    first = observe(None, held("other", renewed="a"), 10.0)
    assert observe(first, held("other", renewed="a"), 20.0).changed_at_s == 10.0
    assert observe(first, held("other", renewed="b"), 20.0).changed_at_s == 20.0
    assert observe(first, None, 20.0) == Observed(None, 20.0)


def test_a_released_lease_can_be_taken_at_once() -> None:
    observed = Observed(released(held("other"), NOW), 10.0)
    assert not leads(observed, "other")
    assert wanted(observed, PLACE, "me", 10.0, NOW, Terms()) is not None
