"""Slices of Endpoints written by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kube.controllers.mirroring import plan
from kube.objects import Endpoints, EndpointSlice, Service
from tests.unit.kube.controllers.builders import make, service


def written(*subsets: dict[str, Any], **meta: Any) -> Endpoints:
    return make(Endpoints, "web", meta=meta, subsets=list(subsets))


def subset(*ready: str, unready: tuple[str, ...] = (), port: int = 80) -> dict[str, Any]:
    return {
        "addresses": [{"ip": ip} for ip in ready],
        "notReadyAddresses": [{"ip": ip} for ip in unready],
        "ports": [{"name": "http", "port": port}],
    }


def carried_out(endpoints: Endpoints, before: list[EndpointSlice]) -> list[EndpointSlice]:
    todo = plan.plan(endpoints, before, 100)
    gone = {one.metadata.name for one in (*todo.update, *todo.delete)}
    made = []
    for number, body in enumerate(todo.create):
        body["metadata"]["name"] = f"web-{len(before)}-{number}"
        made.append(msgspec.convert(body, EndpointSlice))
    after = [*(one for one in before if one.metadata.name not in gone), *todo.update, *made]
    assert plan.plan(endpoints, after, 100) == plan.Plan(), "a second look changes nothing"
    return after


def test_a_slice_mirrors_addresses_ports_and_readiness() -> None:
    (found,) = carried_out(written(subset("192.0.2.1", unready=("192.0.2.2",)), labels={"tier": "x"}), [])
    assert found.metadata.labels == {
        "tier": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    }
    assert [(one.addresses, one.conditions.ready) for one in found.endpoints] == [
        (("192.0.2.1",), True),
        (("192.0.2.2",), False),
    ]
    assert (found.ports[0].name, found.ports[0].port, found.address_type) == ("http", 80, "IPv4")


def test_families_and_ports_are_apart() -> None:
    found = carried_out(written(subset("192.0.2.1", "2001:db8::1"), subset("192.0.2.3", port=81)), [])
    shown = {(one.address_type, one.ports[0].port) for one in found}
    assert shown == {("IPv4", 80), ("IPv6", 80), ("IPv4", 81)}


def test_a_change_is_followed_in_place_and_nothing_is_left_of_what_went() -> None:
    before = carried_out(written(subset("192.0.2.1")), [])
    after = carried_out(written(subset("192.0.2.1", "192.0.2.2")), before)
    assert [(one.metadata.name, len(one.endpoints)) for one in after] == [(before[0].metadata.name, 2)]
    assert carried_out(written(), after) == []


@pytest.mark.parametrize(
    ("endpoints", "of", "expected"),
    [
        (written(), service(selector={}), True),
        (written(), service(), False),
        (written(), None, False),
        (written(labels={plan.SKIP_LABEL: "true"}), service(selector={}), False),
        (written(annotations={"control-plane.alpha.kubernetes.io/leader": "x"}), service(selector={}), False),
    ],
    ids=["by hand", "has a selector", "no service", "says no", "a lock"],
)
def test_which_are_mirrored(endpoints: Endpoints, of: Service | None, expected: bool) -> None:
    assert plan.is_mirrored(endpoints, of) is expected
