from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.aggregation.kinds import ClusterRole
from kube.controllers.aggregation.plan import aggregated, selects
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}


def role(
    name: str, *rules: dict[str, Any], labels: dict[str, str] | None = None, **by: str
) -> dict[str, Any]:
    """`by`: the labels of the roles whose rules it gathers."""
    body: dict[str, Any] = {"metadata": {"name": name, "labels": labels or {}}, "rules": list(rules)}
    if by:
        body["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": by}]}
    return body


def value(body: dict[str, Any]) -> ClusterRole:
    import msgspec

    return msgspec.convert(body, ClusterRole)


def test_rules_come_once_by_the_names_of_their_roles() -> None:
    whole = value(role("a", part="yes"))
    parts = [
        value(role("z", JOBS, PODS, labels={"part": "yes"})),
        value(role("b", PODS, labels={"part": "yes"})),
        value(role("c", labels={"part": "no"})),
    ]
    assert aggregated(whole, [whole, *parts]) == [PODS, JOBS]


@pytest.mark.parametrize(
    ("whole", "part", "picked"),
    [
        (role("a", part="yes"), role("b", labels={"part": "yes"}), True),
        (role("a", part="yes"), role("b"), False),
        (role("a"), role("b", labels={"part": "yes"}), False),
        (role("a", labels={"part": "yes"}, part="yes"), role("a", labels={"part": "yes"}), False),
    ],
)
def test_what_a_role_gathers(whole: dict[str, Any], part: dict[str, Any], *, picked: bool) -> None:
    assert selects(value(whole), value(part)) is picked


def test_a_chain_of_roles_follows_its_parts() -> None:
    async def rules(one: Cluster, name: str) -> list[Any]:
        return list((await one.client.get(ClusterRole, name)).rules or ())

    async def main() -> None:
        async with cluster(0, late_s=0.05, watch_events=10) as one:
            await send(one.client, ClusterRole, "", role("top", to="top"))
            await send(one.client, ClusterRole, "", role("middle", labels={"to": "top"}, to="middle"))
            await send(one.client, ClusterRole, "", role("part", PODS, labels={"to": "middle"}))

            def top_is(*wanted: Any) -> Any:
                async def holds() -> bool:
                    return await rules(one, "top") == list(wanted)

                return holds

            await one.until(top_is(PODS))
            await one.client.patch(ClusterRole, "part", "", {"rules": [PODS, JOBS]})
            await one.until(top_is(PODS, JOBS))
            await one.client.patch(ClusterRole, "top", "", {"rules": []})  # by hand: put right
            await one.until(top_is(PODS, JOBS))
            await one.client.patch(ClusterRole, "part", "", {"metadata": {"labels": {"to": None}}})
            await one.until(top_is())

    virtual.run(main())
