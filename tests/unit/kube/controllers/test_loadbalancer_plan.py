"""Addresses for Services of type LoadBalancer."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.loadbalancer import plan
from kube.objects import Service
from tests.unit.kube.controllers.builders import make

POOLS = plan.pools(("192.0.2.0/29", "fd00:20::10-fd00:20::12"))


def balanced(*held: str, **spec: Any) -> Service:
    ingress = [{"ip": address} for address in held]
    return make(
        Service,
        "s",
        spec={"type": "LoadBalancer", "ipFamilies": ["IPv4"], **spec},
        status={"loadBalancer": {"ingress": ingress}},
    )


@pytest.mark.parametrize(
    ("service", "taken", "expected"),
    [
        (balanced(), [], ("192.0.2.1",)),
        (balanced(), ["192.0.2.1"], ("192.0.2.2",)),
        (balanced("192.0.2.5"), ["192.0.2.1"], ("192.0.2.5",)),
        (balanced("198.51.100.1"), [], ("192.0.2.1",)),
        (balanced("192.0.2.5"), ["192.0.2.5"], ("192.0.2.1",)),
        (balanced(loadBalancerIP="192.0.2.4"), [], ("192.0.2.4",)),
        (balanced(loadBalancerIP="192.0.2.4"), ["192.0.2.4"], ()),
        (balanced("192.0.2.1", loadBalancerIP="192.0.2.4"), [], ("192.0.2.4",)),
        (balanced(ipFamilies=["IPv6", "IPv4"]), [], ("fd00:20::10", "192.0.2.1")),
        (balanced(), [f"192.0.2.{n}" for n in range(1, 7)], ()),
    ],
)
def test_a_service_keeps_or_gets_an_address(
    service: Service, taken: list[str], expected: tuple[str, ...]
) -> None:
    assert plan.addresses(service, POOLS, taken) == expected
