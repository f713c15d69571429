"""DaemonSet, StatefulSet, ReplicationController, Job and CronJob against the real server, on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kube.client import PatchKind
from kube.controllers.history.kinds import ControllerRevision
from kube.controllers.job.plan import FINALIZER
from kube.controllers.replicaset.kinds import ReplicationController
from kube.objects import CronJob, DaemonSet, Job, Namespace, Node, Pod, StatefulSet
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import FAILS, Cluster, cluster, send

APP = {"app": "x"}


def template(image: str = "x:1", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": APP}, "spec": {"containers": [{"name": "c", "image": image}], **spec}}


async def declare(one: Cluster, cls: type[Any], **spec: Any) -> None:
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    body = {"selector": {"matchLabels": APP}, "template": template(), **spec}
    await send(one.client, cls, "demo", {"metadata": {"name": "x"}, "spec": body})


async def set_image(one: Cluster, cls: type[Any], image: str) -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    await one.client.patch(cls, "x", "demo", body, kind=PatchKind.STRATEGIC)


async def running(one: Cluster) -> dict[str, str]:
    """Names of pods that run and stay → their image."""
    return {
        pod.metadata.name: pod.spec.containers[0].image
        for pod in await one.pods()
        if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
    }


def test_a_daemon_runs_on_every_node_also_on_cordoned_and_new_ones() -> None:
    async def main() -> None:
        async with cluster(3) as one:
            await one.until(lambda: nodes_are(one, 3))
            await one.client.patch(Node, "node-1", "", {"spec": {"unschedulable": True}})
            await declare(one, DaemonSet)

            async def everywhere() -> bool:
                found = await one.client.get(DaemonSet, "x", "demo")
                return found.status.number_available == found.status.desired_number_scheduled == 3

            await one.until(everywhere)
            assert {pod.spec.node_name for pod in await one.pods()} == {"node-0", "node-1", "node-2"}
            await set_image(one, DaemonSet, "x:2")

            async def rolled() -> bool:
                return list((await running(one)).values()) == ["x:2"] * 3

            await one.until(rolled)
            revisions = (await one.client.list(ControllerRevision, "demo")).items
            assert sorted(found.revision for found in revisions) == [1, 2]
            await one.client.delete(Node, "node-2")

            async def shrunk() -> bool:
                found = await one.client.get(DaemonSet, "x", "demo")
                return found.status.desired_number_scheduled == 2 and len(await one.pods()) == 2

            await one.until(shrunk)

    virtual.run(main())


async def nodes_are(one: Cluster, count: int) -> bool:
    return len((await one.client.list(Node)).items) == count


def test_a_daemon_keeps_to_its_node_selector() -> None:
    async def main() -> None:
        async with cluster(3) as one:
            await one.until(lambda: nodes_are(one, 3))
            await one.client.patch(Node, "node-1", "", {"metadata": {"labels": {"disk": "ssd"}}})
            await declare(one, DaemonSet, template=template(nodeSelector={"disk": "ssd"}))

            async def placed(*names: str) -> bool:
                return sorted(pod.spec.node_name for pod in await one.pods()) == list(names)

            await one.until(lambda: placed("node-1"))
            await one.client.patch(Node, "node-1", "", {"metadata": {"labels": {"disk": None}}})
            await one.until(placed)

    virtual.run(main())


def test_a_stateful_set_starts_in_order_and_ends_in_reverse() -> None:
    async def main() -> None:
        async with cluster() as one:
            await declare(one, StatefulSet, replicas=3, serviceName="x")
            seen: list[list[str]] = []

            async def count_is(count: int) -> bool:
                names = sorted(pod.metadata.name for pod in await one.pods())
                if not seen or seen[-1] != names:
                    seen.append(names)
                found = await one.client.get(StatefulSet, "x", "demo")
                return found.status.available_replicas == len(names) == count

            await one.until(lambda: count_is(3))
            assert [names for names in seen if names] == [["x-0"], ["x-0", "x-1"], ["x-0", "x-1", "x-2"]]
            pod = await one.client.get(Pod, "x-1", "demo")
            assert (pod.spec.hostname, pod.spec.subdomain) == ("x-1", "x")
            assert pod.metadata.labels["apps.kubernetes.io/pod-index"] == "1"
            assert pod.metadata.labels["statefulset.kubernetes.io/pod-name"] == "x-1"
            revision = (await one.client.get(StatefulSet, "x", "demo")).status.current_revision
            assert pod.metadata.labels["controller-revision-hash"] == revision, "the whole name, not the hash"
            seen.clear()
            await one.client.patch(StatefulSet, "x", "demo", {"spec": {"replicas": 1}})
            await one.until(lambda: count_is(1))
            assert seen == [["x-0", "x-1", "x-2"], ["x-0", "x-1"], ["x-0"]]

    virtual.run(main())


def test_a_stateful_set_is_updated_from_the_end_down_to_its_partition() -> None:
    async def main() -> None:
        async with cluster() as one:
            partitioned = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
            await declare(one, StatefulSet, replicas=3, serviceName="x", updateStrategy=partitioned)

            async def images(*expected: str) -> bool:
                found = await running(one)
                return [found.get(f"x-{number}") for number in range(3)] == list(expected)

            await one.until(lambda: images("x:1", "x:1", "x:1"))
            await set_image(one, StatefulSet, "x:2")
            await one.until(lambda: images("x:1", "x:2", "x:2"))
            found = await one.client.get(StatefulSet, "x", "demo")
            assert found.status.current_revision != found.status.update_revision
            await one.client.delete(Pod, "x-0", "demo")
            await asyncio.sleep(5)
            assert await images("x:1", "x:2", "x:2"), "below the partition the old template is kept"
            body = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
            await one.client.patch(StatefulSet, "x", "demo", body)
            await one.until(lambda: images("x:2", "x:2", "x:2"))

            async def settled() -> bool:
                found = await one.client.get(StatefulSet, "x", "demo")
                return found.status.current_revision == found.status.update_revision

            await one.until(settled)

    virtual.run(main())


def test_a_parallel_stateful_set_starts_all_at_once() -> None:
    async def main() -> None:
        async with cluster() as one:
            await declare(one, StatefulSet, replicas=4, serviceName="x", podManagementPolicy="Parallel")

            async def all_there() -> bool:
                return len(await one.pods()) == 4

            assert await one.until(all_there) <= 0.1

    virtual.run(main())


def test_a_replication_controller_keeps_its_pods() -> None:
    async def main() -> None:
        async with cluster() as one:
            await declare(one, ReplicationController, replicas=2, selector=APP)

            async def two() -> bool:
                found = await one.client.get(ReplicationController, "x", "demo")
                return found.status.available_replicas == 2

            await one.until(two)
            victim = (await one.pods())[0]
            await one.client.delete(Pod, victim.metadata.name, "demo")
            await asyncio.sleep(2)
            assert len(await running(one)) == 2

    virtual.run(main())


def job(**spec: Any) -> dict[str, Any]:
    annotations = spec.pop("annotations", {})
    inner = {"containers": [{"name": "c", "image": "x:1"}], "restartPolicy": "Never"}
    return {"template": {"metadata": {"annotations": annotations}, "spec": inner}, **spec}


async def job_is(one: Cluster, type_: str) -> bool:
    found = await one.client.get(Job, "x", "demo")
    return any(each.type == type_ and each.status == "True" for each in found.status.conditions)


async def start_job(one: Cluster, **spec: Any) -> None:
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    await send(one.client, Job, "demo", {"metadata": {"name": "x"}, "spec": job(**spec)})


def test_a_job_runs_to_its_completions_and_expires() -> None:
    async def main() -> None:
        async with cluster() as one:
            await start_job(one, completions=5, parallelism=2, ttlSecondsAfterFinished=30)
            most = 0

            async def over() -> bool:
                nonlocal most
                most = max(most, sum(pod.status.phase in ("Pending", "Running") for pod in await one.pods()))
                return await job_is(one, "Complete")

            await one.until(over)
            found = await one.client.get(Job, "x", "demo")
            assert (found.status.succeeded, found.status.failed, found.status.active) == (5, 0, 0)
            assert most <= 2
            assert all(not pod.metadata.finalizers for pod in await one.pods())

            async def gone() -> bool:
                return not (await one.client.list(Job, "demo")).items and not await one.pods()

            assert 25 < await one.until(gone) < 35

    virtual.run(main())


def test_a_job_takes_its_orphan_back_and_lets_a_stranger_go() -> None:
    async def main() -> None:
        async with cluster() as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            spec = template()["spec"] | {"restartPolicy": "Never"}
            meta = {"name": "o", "labels": APP, "finalizers": [FINALIZER]}
            await send(one.client, Pod, "demo", {"metadata": meta, "spec": spec})
            manual = {"manualSelector": True, "selector": {"matchLabels": APP}, "completions": 1}
            body = job(**manual)
            body["template"]["metadata"]["labels"] = APP
            await send(one.client, Job, "demo", {"metadata": {"name": "x"}, "spec": body})

            async def owner_is(*names: str) -> bool:
                pod = await one.client.get(Pod, "o", "demo")
                return [ref.name for ref in pod.metadata.owner_references] == list(names)

            await one.until(lambda: owner_is("x"))
            assert len(await one.pods()) == 1, "the orphan is the pod that was wanted"
            nothing = {"metadata": {"labels": dict.fromkeys(APP)}}
            await one.client.patch(Pod, "o", "demo", nothing)
            await one.until(owner_is)
            assert (await one.client.get(Pod, "o", "demo")).metadata.finalizers == ()

    virtual.run(main())


@pytest.mark.parametrize(
    ("name", "ours"), [("kubernetes.io/job-controller", True), ("example.com/other", False)]
)
def test_a_job_managed_by_another_controller_is_left_alone(name: str, ours: bool) -> None:
    async def main() -> None:
        async with cluster() as one:
            await start_job(one, managedBy=name)
            await asyncio.sleep(20)
            found = await one.client.get(Job, "x", "demo")
            assert bool(found.status.succeeded) == ours == bool(await one.pods())

    virtual.run(main())


def test_an_indexed_job_does_each_index_once() -> None:
    async def main() -> None:
        async with cluster() as one:
            await start_job(one, completions=4, parallelism=4, completionMode="Indexed")
            await one.until(lambda: job_is(one, "Complete"))
            found = await one.client.get(Job, "x", "demo")
            assert found.status.completed_indexes == "0-3"
            assert sorted(pod.spec.hostname for pod in await one.pods()) == [
                f"x-{index}" for index in range(4)
            ]

    virtual.run(main())


def test_a_job_gives_up_after_its_back_off_limit() -> None:
    async def main() -> None:
        async with cluster() as one:
            await start_job(one, backoffLimit=2, annotations={FAILS: "yes"})
            took_s = await one.until(lambda: job_is(one, "Failed"), within_s=120)
            found = await one.client.get(Job, "x", "demo")
            assert found.status.failed == 3
            assert took_s > 10 + 20, "each try waits longer"

    virtual.run(main())


def test_a_cron_job_runs_each_minute_and_keeps_its_history() -> None:
    async def main() -> None:
        async with cluster() as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            spec = {
                "schedule": "* * * * *",
                "successfulJobsHistoryLimit": 2,
                "jobTemplate": {"spec": job()},
            }
            await send(one.client, CronJob, "demo", {"metadata": {"name": "x"}, "spec": spec})
            await asyncio.sleep(60 * 5 + 30)
            jobs = (await one.client.list(Job, "demo")).items
            first_minute = int(virtual.START) // 60
            names = sorted(found.metadata.name for found in jobs)
            assert names == [f"x-{first_minute + 4}", f"x-{first_minute + 5}"]
            found = await one.client.get(CronJob, "x", "demo")
            assert found.status.last_schedule_time == "2027-01-15T08:05:00Z"
            assert found.status.active == ()

    virtual.run(main())
