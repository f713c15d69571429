"""ComponentStatuses: what is known of the store, the scheduler and the controllers."""

from typing import Any

import pytest

from kube.apiserver.computed.component_statuses import lease_fault

PATH = "/api/v1/componentstatuses"


def test_of_a_part_that_never_showed_itself_nothing_is_said(run: Any) -> None:
    async def body(call: Any) -> None:
        found = await call.get(PATH)
        assert [one["metadata"]["name"] for one in found["items"]] == ["etcd-0"]
        assert found["items"][0]["conditions"] == [{"type": "Healthy", "status": "True", "message": "ok"}]
        await call.get(f"{PATH}/scheduler", expect=404)

    run(body)


def test_parts_are_known_by_their_lease_and_by_this_process(run: Any) -> None:
    async def body(call: Any) -> None:
        call.api.metrics.parts["controllers"] = lambda: ()
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "kube-scheduler"},
            "spec": {"holderIdentity": "one", "renewTime": "2020-01-01T00:00:00.000000Z"},
        }
        await call.create("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", lease)
        found = (await call.get(PATH))["items"]
        conditions = {one["metadata"]["name"]: one["conditions"][0] for one in found}
        assert {name: one["status"] for name, one in conditions.items()} == {
            "etcd-0": "True",
            "controller-manager": "True",
            "scheduler": "False",
        }
        assert conditions["scheduler"]["message"].startswith("its lease ended ")
        assert (await call.get(f"{PATH}/controller-manager"))["kind"] == "ComponentStatus"

    run(body)


@pytest.mark.parametrize(
    ("spec", "now", "fault"),
    [
        ({"holderIdentity": "a", "renewTime": "1970-01-01T00:01:40Z", "leaseDurationSeconds": 15}, 115.0, ""),
        (
            {"holderIdentity": "a", "renewTime": "1970-01-01T00:01:40Z", "leaseDurationSeconds": 15},
            120.0,
            "its lease ended 5 s ago",
        ),
        ({"holderIdentity": "", "renewTime": "1970-01-01T00:01:40Z"}, 100.0, "nobody holds its lease"),
        ({}, 100.0, "nobody holds its lease"),
    ],
)
def test_a_lease_counts_as_long_as_it_says(spec: dict[str, Any], now: float, fault: str) -> None:
    assert lease_fault({"spec": spec}, now) == fault
