"""Claims and volumes: who gets which, what is made, and what is left when a claim goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kube.controllers.volumes import plan
from kube.objects import (
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    StatefulSet,
    StorageClass,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.builders import make
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

LATE = {"volumeBindingMode": "WaitForFirstConsumer"}


def claim(
    name: str = "c", size: str = "1Gi", *, phase: str = "Pending", meta: Any = None, **spec: Any
) -> Any:
    body = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "resources": {"requests": {"storage": size}},
        **spec,
    }
    return make(PersistentVolumeClaim, name, meta=meta or {}, spec=body, status={"phase": phase})


def volume(name: str, size: str = "1Gi", *, phase: str = "Available", meta: Any = None, **spec: Any) -> Any:
    body = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, **spec}
    return make(PersistentVolume, name, namespace="", meta=meta or {}, spec=body, status={"phase": phase})


def storage_class(name: str = "standard", **parts: Any) -> StorageClass:
    return make(StorageClass, name, namespace="", **{"provisioner": plan.PROVISIONER, **LATE, **parts})


def node(name: str) -> Node:
    return make(Node, name, namespace="", meta={"labels": {"kubernetes.io/hostname": name}})


def planned(
    one: Any, *volumes: Any, classes: tuple[StorageClass, ...] = (), nodes: tuple[Node, ...] = ()
) -> Any:
    return plan.plan(
        one,
        {each.metadata.name: each for each in volumes},
        {each.metadata.name: each for each in classes},
        {each.metadata.name: each for each in nodes},
    )


def test_the_smallest_volume_that_suits_is_chosen() -> None:
    volumes = [
        volume("big", "9Gi"),
        volume("right", "2Gi"),
        volume("small", "1Mi"),
        volume("other-class", "2Gi", storageClassName="fast"),
        volume("block", "2Gi", volumeMode="Block"),
        volume("read-only", "2Gi", accessModes=["ReadOnlyMany"]),
        volume("taken", "1Gi", claimRef={"namespace": "ns", "name": "another"}),
    ]
    found = planned(claim(), *volumes)
    assert found.volume.metadata.name == "right"
    kept = volume("kept", "9Gi", claimRef={"namespace": "ns", "name": "c"})
    assert planned(claim(), *volumes, kept).volume.metadata.name == "kept"


def test_a_selector_and_the_selected_node_narrow_the_choice() -> None:
    def here(name: str) -> dict[str, Any]:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}
        return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}

    local = storage_class("local", provisioner="kubernetes.io/no-provisioner")
    volumes = [
        volume("one", storageClassName="local", nodeAffinity=here("one"), meta={"labels": {"tier": "a"}}),
        volume("two", storageClassName="local", nodeAffinity=here("two")),
    ]
    meta = {"annotations": {plan.SELECTED_NODE: "two"}}
    one = claim(storageClassName="local", meta=meta)
    assert planned(one, *volumes, classes=(local,), nodes=(node("two"),)).volume.metadata.name == "two"
    picky = claim(storageClassName="local", meta=meta, selector={"matchLabels": {"tier": "a"}})
    assert isinstance(planned(picky, *volumes, classes=(local,), nodes=(node("two"),)), plan.Wait)


@pytest.mark.parametrize(
    ("one", "classes", "reason", "text"),
    [
        (claim(), (), "FailedBinding", "no persistent volumes available"),
        (claim(storageClassName="x"), (), "FailedBinding", '"x" not found'),
        (claim(storageClassName="standard"), (storage_class(),), "WaitForFirstConsumer", "first consumer"),
        (
            claim(storageClassName="standard"),
            (storage_class(provisioner="csi.example", volumeBindingMode="Immediate"),),
            "ExternalProvisioning",
            "csi.example",
        ),
        (
            claim(storageClassName="standard"),
            (storage_class(volumeBindingMode="Immediate"),),
            "ProvisioningFailed",
            "needs volumeBindingMode",
        ),
    ],
)
def test_a_claim_that_waits_says_for_what(one: Any, classes: Any, reason: str, text: str) -> None:
    found = planned(one, classes=classes)
    assert found.reason == reason
    assert text in found.message


def test_a_claim_without_class_gets_the_newest_default() -> None:
    def default(name: str, made: str) -> StorageClass:
        meta = {"annotations": {plan.DEFAULT_CLASS: "true"}, "creationTimestamp": made}
        return storage_class(name, meta=meta)

    classes = (
        default("old", "2026-01-01T00:00:00Z"),
        default("new", "2026-02-01T00:00:00Z"),
        storage_class("a"),
    )
    found = planned(claim(storageClassName=None), classes=classes)
    assert found.storage_class.metadata.name == "new"


def test_a_bound_pair_is_left_alone_and_a_lost_volume_told() -> None:
    one = claim(phase="Bound", volumeName="v", meta={"annotations": {plan.BOUND: "yes"}})
    ref = {"namespace": "ns", "name": "c", "uid": "uid-c"}
    assert planned(one, volume("v", phase="Bound", claimRef=ref)) is None
    assert isinstance(planned(one), plan.Lost)
    other = {"namespace": "ns", "name": "c", "uid": "an earlier claim"}
    assert planned(one, volume("v", phase="Bound", claimRef=other)).reason == "FailedBinding"


@pytest.mark.parametrize(
    ("spec", "made", "there", "expected"),
    [
        ({}, False, False, "Available"),
        ({"claimRef": {"namespace": "ns", "name": "c"}}, False, False, "Available"),
        ({"claimRef": {"namespace": "ns", "name": "c", "uid": "uid-c"}}, False, True, "Bound"),
        ({"claimRef": {"namespace": "ns", "name": "c", "uid": "uid-c"}}, False, False, "Released"),
        (
            {
                "claimRef": {"namespace": "ns", "name": "c", "uid": "uid-c"},
                "persistentVolumeReclaimPolicy": "Delete",
            },
            True,
            False,
            "Delete",
        ),
        ({"claimRef": {"namespace": "ns", "name": "c", "uid": "uid-c"}}, True, False, "Released"),
    ],
)
def test_what_becomes_of_a_volume(spec: Any, made: bool, there: bool, expected: str) -> None:
    meta = {"annotations": {plan.PROVISIONED_BY: plan.PROVISIONER}} if made else {}
    one = claim(phase="Bound", volumeName="v") if there else None
    assert plan.fate(volume("v", meta=meta, **spec), one) == expected


# --- scheduler, StatefulSets and volumes together, on the virtual clock


async def _store(one: Cluster, policy: dict[str, str]) -> None:
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    annotations = {plan.DEFAULT_CLASS: "true"}
    body = {
        "metadata": {"name": "standard", "annotations": annotations},
        "provisioner": plan.PROVISIONER,
        **LATE,
    }
    await send(one.client, StorageClass, "", body)
    labels = {"app": "db"}
    container = {"name": "c", "image": "db", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    spec = {
        "serviceName": "db",
        "replicas": 3,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": wanted}],
        "persistentVolumeClaimRetentionPolicy": policy,
    }
    await send(one.client, StatefulSet, "demo", {"metadata": {"name": "db"}, "spec": spec})


@pytest.mark.parametrize("seed", [1, 2])
def test_pods_of_a_stateful_set_come_back_to_their_volumes(seed: int) -> None:
    async def main() -> None:
        async with cluster(seed=seed, late_s=0.05, watch_events=20) as one:
            await _store(one, {"whenScaled": "Delete", "whenDeleted": "Retain"})

            async def places() -> dict[str, str]:
                pods = await one.pods()
                ready = [
                    pod
                    for pod in pods
                    if pod.status.phase == "Running" and not pod.metadata.deletion_timestamp
                ]
                return {pod.metadata.name: pod.spec.node_name for pod in ready}

            async def all_run() -> bool:
                return len(await places()) == 3

            await one.until(all_run, within_s=120)
            before = await places()
            claims = {
                each.metadata.name: each
                for each in (await one.client.list(PersistentVolumeClaim, "demo")).items
            }
            assert {each.status.phase for each in claims.values()} == {"Bound"}
            assert set(claims) == {"data-db-0", "data-db-1", "data-db-2"}
            volumes = (await one.client.list(PersistentVolume)).items
            assert {each.status.phase for each in volumes} == {"Bound"}
            await one.client.delete(Pod, "db-1", "demo")

            async def back() -> bool:
                return await places() == before

            await one.until(back, within_s=60)
            await one.client.patch(StatefulSet, "db", "demo", {"spec": {"replicas": 1}})

            async def shrunk() -> bool:
                left = (await one.client.list(PersistentVolumeClaim, "demo")).items
                kept = (await one.client.list(PersistentVolume)).items
                return [each.metadata.name for each in left] == ["data-db-0"] and len(kept) == 1

            await one.until(shrunk, within_s=120)
            await one.client.delete(StatefulSet, "db", "demo")

            async def gone() -> bool:
                return not await one.pods()

            await one.until(gone, within_s=60)
            assert len((await one.client.list(PersistentVolumeClaim, "demo")).items) == 1

    virtual.run(main())


def test_a_pod_waits_for_its_claim_and_says_so() -> None:
    async def main() -> None:
        async with cluster(2) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            source = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
            spec = {"containers": [{"name": "c", "image": "db"}], "volumes": [source]}
            await send(one.client, Pod, "demo", {"metadata": {"name": "p"}, "spec": spec})

            def says(text: str) -> Any:
                async def check() -> bool:
                    (pod,) = await one.pods()
                    return any(text in each.message for each in pod.status.conditions)

                return check

            await one.until(says('0/2 nodes are available: persistentvolumeclaim "data" not found.'))
            body = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "resources": {"requests": {"storage": "1Gi"}},
            }
            await send(
                one.client, PersistentVolumeClaim, "demo", {"metadata": {"name": "data"}, "spec": body}
            )
            await one.until(says("pod has unbound immediate PersistentVolumeClaims"))
            expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-9"]}
            affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
            static = {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "2Gi"},
                "local": {"path": "/data"},
                "nodeAffinity": affinity,
            }
            await send(one.client, PersistentVolume, "", {"metadata": {"name": "v"}, "spec": static})
            await one.until(says("2 node(s) didn't match PersistentVolume's node affinity"))
            await one.client.patch(
                Node, "node-1", "", {"metadata": {"labels": {"kubernetes.io/hostname": "node-9"}}}
            )

            async def runs() -> bool:
                (pod,) = await one.pods()
                return pod.status.phase == "Running" and pod.spec.node_name == "node-1"

            await one.until(runs)

    virtual.run(main())


def test_what_is_in_use_outlives_its_deletion() -> None:
    """The claim waits for its pod, the volume for its claim."""

    async def main() -> None:
        async with cluster(1) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            ways = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
            static = {**ways, "capacity": {"storage": "2Gi"}, "local": {"path": "/data"}}
            expression = {"key": "kubernetes.io/hostname", "operator": "Exists"}
            static["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
            await send(one.client, PersistentVolume, "", {"metadata": {"name": "v"}, "spec": static})
            wanted = {**ways, "resources": {"requests": {"storage": "1Gi"}}}
            await send(
                one.client, PersistentVolumeClaim, "demo", {"metadata": {"name": "data"}, "spec": wanted}
            )
            source = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
            spec = {"containers": [{"name": "c", "image": "db"}], "volumes": [source]}
            await send(one.client, Pod, "demo", {"metadata": {"name": "p"}, "spec": spec})

            async def runs() -> bool:
                (pod,) = await one.pods()
                return pod.status.phase == "Running"

            await one.until(runs)
            await one.client.delete(PersistentVolumeClaim, "data", "demo")
            await one.client.delete(PersistentVolume, "v")
            await asyncio.sleep(30)  # of the virtual clock: long enough for every controller
            held = await one.client.get(PersistentVolumeClaim, "data", "demo")
            assert held.metadata.deletion_timestamp is not None
            assert held.metadata.finalizers == (plan.CLAIM_FINALIZER,)
            kept = await one.client.get(PersistentVolume, "v")
            assert (kept.status.phase, kept.metadata.finalizers) == ("Bound", (plan.VOLUME_FINALIZER,))
            await one.client.delete(Pod, "p", "demo", grace_period_s=0)

            async def gone() -> bool:
                claims = (await one.client.list(PersistentVolumeClaim, "demo")).items
                return not claims and not (await one.client.list(PersistentVolume)).items

            await one.until(gone)

    virtual.run(main())


def test_a_claim_made_for_a_pod_is_protected_by_it_and_goes_with_it() -> None:
    """A generic ephemeral volume, from the claim to the node and back."""

    async def main() -> None:
        async with cluster(1) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            standard = {"metadata": {"name": "standard"}, "provisioner": plan.PROVISIONER, **LATE}
            await send(one.client, StorageClass, "", standard)
            wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard"}
            template = {
                "metadata": {"labels": {"for": "scratch"}},
                "spec": {**wanted, "resources": {"requests": {"storage": "1Gi"}}},
            }
            source = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}
            spec = {"containers": [{"name": "c", "image": "db"}], "volumes": [source]}
            await send(one.client, Pod, "demo", {"metadata": {"name": "p"}, "spec": spec})

            async def runs() -> bool:
                (pod,) = await one.pods()
                return pod.status.phase == "Running"

            await one.until(runs, within_s=60)
            made = await one.client.get(PersistentVolumeClaim, "p-scratch", "demo")
            (pod,) = await one.pods()
            assert [(ref.kind, ref.uid, ref.controller) for ref in made.metadata.owner_references] == [
                ("Pod", pod.metadata.uid, True)
            ]
            assert (made.metadata.labels, made.status.phase) == ({"for": "scratch"}, "Bound")
            await one.client.delete(PersistentVolumeClaim, "p-scratch", "demo")
            await asyncio.sleep(30)
            held = await one.client.get(PersistentVolumeClaim, "p-scratch", "demo")
            assert held.metadata.deletion_timestamp is not None
            assert held.metadata.finalizers == (plan.CLAIM_FINALIZER,)
            await one.client.delete(Pod, "p", "demo", grace_period_s=0)

            async def gone() -> bool:
                claims = (await one.client.list(PersistentVolumeClaim, "demo")).items
                return not claims and not (await one.client.list(PersistentVolume)).items

            await one.until(gone, within_s=60)

    virtual.run(main())


def test_somebody_elses_claim_is_not_taken_for_a_pods_own() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            spec = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "resources": {"requests": {"storage": "1Gi"}},
            }
            body = {"metadata": {"name": "p-scratch"}, "spec": spec}
            await send(one.client, PersistentVolumeClaim, "demo", body)
            source = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}
            pod = {"containers": [{"name": "c", "image": "db"}], "volumes": [source]}
            await send(one.client, Pod, "demo", {"metadata": {"name": "p"}, "spec": pod})

            async def told() -> bool:
                (found,) = await one.pods()
                why = "PVC demo/p-scratch was not created for pod demo/p (pod is not owner)"
                return any(why in each.message for each in found.status.conditions)

            await one.until(told)

    virtual.run(main())
