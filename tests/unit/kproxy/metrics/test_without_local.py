"""Services that drop traffic for want of an endpoint on this node."""

import pytest

from kproxy.forwarding import ServicePortName
from kproxy.metrics.without_local import WithoutLocal
from tests.flows.kproxy_setups import (
    EXTERNAL_LOCAL,
    EXTERNAL_LOCAL_EMPTY,
    EXTERNAL_LOCAL_NONE_HERE,
    INTERNAL_LOCAL,
    INTERNAL_LOCAL_NONE_HERE,
)
from tests.flows.kproxy_values import Setup, intake_of

_NAME = ServicePortName("ns", "svc", "p", "TCP")


@pytest.mark.parametrize(
    ("setup", "counts"),
    [
        (INTERNAL_LOCAL, (0, 0)),
        (INTERNAL_LOCAL_NONE_HERE, (1, 0)),
        (EXTERNAL_LOCAL, (0, 0)),
        (EXTERNAL_LOCAL_NONE_HERE, (0, 1)),
        (EXTERNAL_LOCAL_EMPTY, (0, 0)),  # rejected, as it would be under any policy
    ],
)
def test_what_counts(setup: Setup, counts: tuple[int, int]) -> None:
    found = WithoutLocal().take(intake_of(setup, 4).tables[4], [_NAME])
    assert (found["internal"], found["external"]) == counts


def test_a_service_that_changed_or_went_counts_no_more() -> None:
    counted = WithoutLocal()
    assert counted.take(intake_of(INTERNAL_LOCAL_NONE_HERE, 4).tables[4], [_NAME])["internal"] == 1
    assert counted.take({}, [])["internal"] == 1
    assert counted.take({}, [_NAME])["internal"] == 0
