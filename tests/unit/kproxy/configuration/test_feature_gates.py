"""Which feature gates there are."""

import pytest

from kproxy.configuration.feature_gates import FREE, GONE, LOCKED_OFF, LOCKED_ON, GateError, check


def test_each_gate_is_of_one_sort() -> None:
    sorts = (FREE, LOCKED_ON, LOCKED_OFF, GONE)
    assert sum(map(len, sorts)) == len(frozenset().union(*sorts))


@pytest.mark.parametrize("value", [True, False])
def test_gates_of_earlier_releases_are_left_alone_and_named(value: bool) -> None:
    """A file of 1.28 starts kproxy."""
    assert check({"MinimizeIPTablesRestore": value, "AllAlpha": False}) == ("MinimizeIPTablesRestore",)


def test_all_settled_gates_that_are_set_otherwise_are_named() -> None:
    locked = next(iter(sorted(LOCKED_OFF)))
    with pytest.raises(GateError) as refusal:
        check({locked: True, "MultiCIDRServiceAllocator": False})
    assert str(refusal.value) == (
        f"[cannot set feature gate {locked} to true, feature is locked to false,"
        " cannot set feature gate MultiCIDRServiceAllocator to false, feature is locked to true]"
    )
