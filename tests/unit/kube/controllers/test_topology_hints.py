"""Topology-aware hints: zones get endpoints in proportion to their CPUs."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.controllers.endpointslice import plan, topology
from kube.controllers.endpointslice.endpoints import GroupKey
from kube.objects import (
    ZONE_LABEL,
    DaemonSet,
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointSlice,
    Namespace,
    Node,
    Service,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.builders import node, pod, service
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

KEY = GroupKey("IPv4", frozenset())
A = {"app": "a"}
AUTO = {"service.kubernetes.io/topology-mode": "Auto"}


def worker(name: str, zone: str, cpu: str = "2", **more: str) -> Node:
    made = node(name, zone=zone, **more)
    return msgspec.structs.replace(
        made, status=msgspec.structs.replace(made.status, allocatable={"cpu": cpu})
    )


def endpoint(number: int, zone: str | None, *, ready: bool = True) -> Endpoint:
    return Endpoint(
        addresses=(f"10.0.{number // 256}.{number % 256}",),
        zone=zone,
        conditions=EndpointConditions(ready=ready),
    )


def hints(found: topology.Hinted) -> list[str | None]:
    return [one.hints.for_zones[0].name if one.hints else None for one in found.endpoints[KEY]]


THREE = topology.zones([worker("a", "za"), worker("b", "zb"), worker("c", "zc")])


def test_a_zone_has_its_part_of_the_cpus() -> None:
    found = topology.zones([worker("a", "za", "3"), worker("b", "zb", "500m"), worker("c", "zb", "500m")])
    assert found == topology.Zones({"za": 0.75, "zb": 0.25})


@pytest.mark.parametrize(
    ("nodes", "refusal"),
    [
        ([worker("a", "za"), worker("b", "za")], "Nodes only ready in one zone"),
        ([worker("a", "za"), worker("b", "zb", ready="False")], "Nodes only ready in one zone"),
        ([worker("a", "za"), worker("b", "")], "Insufficient Node information"),
        ([worker("a", "za"), node("b", zone="zb")], "Insufficient Node information"),
    ],
)
def test_nodes_that_say_too_little(nodes: list[Node], refusal: str) -> None:
    assert refusal in topology.zones(nodes).refusal


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (worker("a", "za"), worker("a", "za"), False),
        (worker("a", "za"), worker("a", "za", "4"), True),
        (worker("a", "za"), worker("a", "za", ready="False"), True),
        (worker("a", "za"), worker("a", "zb"), True),
        (worker("a", "za", ready="False"), None, False),
        (None, worker("a", "za"), True),
    ],
)
def test_what_a_node_contributes(before: Node | None, after: Node | None, differs: bool) -> None:
    """By which the controller knows that shares are to be reckoned again."""
    assert (topology.facts(before) != topology.facts(after)) == differs


def test_own_zone_first() -> None:
    found = topology.hinted({KEY: [endpoint(n, zone) for n, zone in enumerate(("za", "zb", "zc"))]}, THREE)
    assert hints(found) == ["za", "zb", "zc"]
    assert found.refusal == ""


def test_what_is_not_ready_has_no_hint_and_does_not_count() -> None:
    rows = [*(endpoint(n, zone) for n, zone in enumerate(("za", "zb", "zc"))), endpoint(9, "za", ready=False)]
    assert hints(topology.hinted({KEY: rows}, THREE)) == ["za", "zb", "zc", None]


@pytest.mark.parametrize(
    ("zones", "refusal"),
    [
        (("za", "zb"), "Insufficient number of endpoints (2)"),
        (("za", "zb", "zc", "zc"), "Insufficient number of endpoints (4)"),
        (("za", "zb", None), "do not have a zone"),
    ],
)
def test_endpoints_that_cannot_be_given_out(zones: tuple[str | None, ...], refusal: str) -> None:
    rows = [msgspec.structs.replace(endpoint(n, zone), hints=EndpointHints()) for n, zone in enumerate(zones)]
    found = topology.hinted({KEY: rows}, THREE)
    assert refusal in found.refusal
    assert list(found.endpoints[KEY]) == rows


@given(
    st.lists(st.sampled_from(["za", "zb", "zc", "gone"]), max_size=40),
    st.lists(st.integers(1, 64), min_size=3, max_size=3),
)
def test_no_zone_is_overloaded(homes: list[str], cpus: list[int]) -> None:
    parts = topology.zones(
        [worker(f"n{zone}", zone, str(cpu)) for zone, cpu in zip(("za", "zb", "zc"), cpus, strict=True)]
    )
    found = topology.hinted({KEY: [endpoint(n, zone) for n, zone in enumerate(homes)]}, parts)
    if found.refusal:
        return
    counts = Counter(hints(found))
    assert sum(counts.values()) == len(homes)
    for zone, part in parts.parts.items():
        assert part * len(homes) <= counts[zone] * 1.2 + 1e-9
    moved = sum(1 for home, hint in zip(homes, hints(found), strict=True) if home != hint)
    short = sum(max(0, counts[zone] - homes.count(zone)) for zone in parts.parts)
    assert moved == short, "nobody moves without need"


def test_a_service_asks_for_them() -> None:
    pods = [
        pod(f"p{n}", ready=True, ips=(f"10.0.0.{n}",), node=f"n{n}", labels={"app": "a"}) for n in range(3)
    ]
    nodes = {f"n{n}": worker(f"n{n}", f"z{n}") for n in range(3)}
    found = topology.zones(nodes.values())
    plain = service("s", selector={"app": "a"})
    meta = msgspec.structs.replace(plain.metadata, annotations=AUTO)
    asking = msgspec.structs.replace(plain, metadata=meta)
    (made,) = plan.plan(asking, pods, [], nodes, 100, found).create
    assert [one.hints.for_zones[0].name for one in made.endpoints if one.hints] == ["z0", "z1", "z2"]
    (made,) = plan.plan(plain, pods, [], nodes, 100, found).create
    assert [one.hints for one in made.endpoints] == [None] * 3


def test_hints_follow_the_nodes_that_count() -> None:
    async def main() -> None:
        async with cluster(3) as one:
            await one.until(lambda: zoned(one))
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            ports = [{"name": "http", "port": 80, "targetPort": 8080}]
            meta = {"name": "web", "annotations": AUTO}
            await send(
                one.client, Service, "demo", {"metadata": meta, "spec": {"selector": A, "ports": ports}}
            )
            template = {"metadata": {"labels": A}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
            spec = {"selector": {"matchLabels": A}, "template": template}
            await send(one.client, DaemonSet, "demo", {"metadata": {"name": "web"}, "spec": spec})
            await one.until(lambda: hinted_zones(one, ["z0", "z1", "z2"]))
            role = {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}
            await one.client.patch(Node, "node-2", "", role)
            await one.until(lambda: hinted_zones(one, []))

    virtual.run(main())


async def zoned(one: Cluster) -> bool:
    """Each node in a zone of its own."""
    nodes = (await one.client.list(Node)).items
    for found in nodes:
        zone = {"metadata": {"labels": {ZONE_LABEL: found.metadata.name.replace("node-", "z")}}}
        await one.client.patch(Node, found.metadata.name, "", zone)
    return len(nodes) == 3


async def hinted_zones(one: Cluster, wanted: list[str]) -> bool:
    slices = (await one.client.list(EndpointSlice, "demo")).items
    rows = [row for found in slices for row in found.endpoints]
    return (
        len(rows) == 3 and sorted(z.name for row in rows if row.hints for z in row.hints.for_zones) == wanted
    )
