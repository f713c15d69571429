"""Modes change to and from IPVS under traffic: nobody is refused, nothing established ends."""

import os
from collections.abc import Iterator

import pytest

from tests.lab.pod_town import Town, town
from tests.lab.test_kproxy_switch import go_through

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="needs a kernel with ip_vs: run `make guest`"
    ),
]


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


def test_to_ipvs_from_the_mode_that_shares_its_chains_and_on_to_nftables(streets: Town) -> None:
    go_through(("iptables", "ipvs", "nftables"), streets)
