"""IPVS goes on serving what was known while kproxy, and then the API server, is away: run by `make guest`."""

import os

import pytest

from tests.lab.pod_town import Town
from tests.lab.proxied_node import ProxiedNode
from tests.lab.test_kproxy_warm_restart import go_through_absence, node, streets

__all__ = ["node", "streets"]  # fixtures

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="needs a kernel with ip_vs: run `make guest`"
    ),
]
_RATE = 5  # emulated, a connection takes its time


@pytest.mark.timeout(600)  # emulated, kcore and kproxy start twice
@pytest.mark.parametrize("node", ["ipvs"], indirect=True)
def test_started_without_the_api_it_serves_the_last_known_state_and_catches_up(
    streets: Town,
    node: ProxiedNode,
) -> None:
    go_through_absence(streets, node, _RATE)
