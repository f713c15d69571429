"""Volumes whose content is not the pod's own, and what disks may take: images, PersistentVolumes, limits."""

import json
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "volumes") as workload:
        yield workload


def mountinfo(work: Workload, name: str, path: str) -> list[str]:
    """The line of a mount inside the container, in words."""
    lines = work.sh(name, "cat /proc/self/mountinfo").splitlines()
    return next(line.split() for line in lines if line.split()[4] == path)


def bound(work: Workload, name: str, source: dict[str, object]) -> None:
    """A PersistentVolume and its claim, bound by name, as an administrator may do it."""
    access = {"accessModes": ["ReadWriteOnce"], "storageClassName": "manual"}
    volume = f"{work.namespace}-{name}"
    node = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [work.node]}]}
    work.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **access,
                **source,
                "capacity": {"storage": "1Gi"},
                "claimRef": {"name": name, "namespace": work.namespace},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [node]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {**access, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
        },
    )


def bind_by_hand_if_need_be(work: Workload, name: str) -> None:
    """Until a binder is there the claim's phase is what makes it bound."""

    def phase() -> str:
        return str(work.get(name, "pvc").get("status", {}).get("phase", ""))

    try:
        until(lambda: phase() == "Bound", "a controller binds it", timeout_s=10)
    except AssertionError:
        body = json.dumps({"status": {"phase": "Bound"}})
        work.kubectl("patch", "pvc", name, "--subresource=status", "--type=merge", "-p", body)


@pytest.fixture
def remove_volumes(work: Workload) -> Iterator[None]:
    yield
    names = ("local", "host")
    work.kubectl("delete", "pod", "claims", "--ignore-not-found", "--timeout=50s")
    for name in names:
        work.kubectl("delete", "pvc", name, "--ignore-not-found", "--wait=false")
        work.kubectl("delete", "pv", f"{work.namespace}-{name}", "--ignore-not-found", "--wait=false")


def test_claims_lead_to_folders_of_the_node(work: Workload, remove_volumes: None) -> None:
    work.on_node_sh("mkdir -p /var/lib/podnet-test/local /var/lib/podnet-test/host")
    work.on_node_sh("echo old > /var/lib/podnet-test/local/file")
    bound(work, "local", {"local": {"path": "/var/lib/podnet-test/local"}})
    bound(work, "host", {"hostPath": {"path": "/var/lib/podnet-test/host"}})
    for name in ("local", "host"):
        bind_by_hand_if_need_be(work, name)
    work.run(
        "claims",
        {
            "volumeMounts": [
                {"name": "l", "mountPath": "/l"},
                {"name": "h", "mountPath": "/h", "subPath": "in"},
            ]
        },
        securityContext={"fsGroup": 4321},
        volumes=[
            {"name": "l", "persistentVolumeClaim": {"claimName": "local"}},
            {"name": "h", "persistentVolumeClaim": {"claimName": "host", "readOnly": True}},
        ],
    )
    assert work.sh("claims", "cat /l/file").strip() == "old"
    assert work.sh("claims", "stat -c %g /l /l/file").split() == ["4321", "4321"]
    work.sh("claims", "echo new > /l/more")
    assert work.on_node_sh("cat /var/lib/podnet-test/local/more").strip() == "new"
    assert "ro" in mountinfo(work, "claims", "/h")[5].split(",")
    assert work.on_node_sh("ls /var/lib/podnet-test/host").strip() == "in"
    work.delete("claims")
    assert work.on_node_sh("cat /var/lib/podnet-test/local/file").strip() == "old"


def test_a_claim_that_is_not_bound_keeps_its_pod_waiting(work: Workload) -> None:
    work.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "unbound"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "nobodys",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
        work.pod(
            "patient",
            {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "unbound"}}],
        ),
    )
    until(
        lambda: any(r == "FailedMount" and "is not bound" in m for r, m in work.events("patient")),
        "an event says why",
    )


def test_an_image_as_a_volume_is_read_only(work: Workload) -> None:
    volume = {"name": "i", "image": {"reference": "podnet/toolbox"}}
    mounts = [
        {"name": "i", "mountPath": "/whole"},
        {"name": "i", "mountPath": "/part", "subPath": "bin"},
    ]
    work.run("image", {"volumeMounts": mounts}, volumes=[volume])
    assert "busybox" in work.sh("image", "ls /whole/bin")
    assert work.sh("image", "ls /part") == work.sh("image", "ls /whole/bin")
    assert "Read-only" in work.sh("image", "touch /whole/x 2>&1; true")


def test_read_only_reaches_what_is_mounted_below(work: Workload) -> None:
    work.on_node_sh(
        "mkdir -p /var/lib/podnet-test/tree/inner; mount -t tmpfs x /var/lib/podnet-test/tree/inner"
    )
    try:
        mount = {"name": "t", "mountPath": "/t", "readOnly": True}
        volume = {"name": "t", "hostPath": {"path": "/var/lib/podnet-test/tree"}}
        work.run("all", {"volumeMounts": [{**mount, "recursiveReadOnly": "Enabled"}]}, volumes=[volume])
        work.run("top", {"volumeMounts": [mount]}, volumes=[volume])
        assert "Read-only" in work.sh("all", "touch /t/inner/x 2>&1; true")
        assert work.sh("top", "touch /t/inner/x && echo ok").strip() == "ok"
    finally:
        work.kubectl("delete", "pod", "all", "top", "--ignore-not-found", "--timeout=50s")
        work.on_node_sh("umount /var/lib/podnet-test/tree/inner")


def test_a_mount_made_in_a_pod_reaches_the_node_if_it_may(work: Workload) -> None:
    script = "mount --bind {0} {0}; mount --make-shared {0}"
    work.on_node_sh("mkdir -p /var/lib/podnet-test/shared/m; " + script.format("/var/lib/podnet-test/shared"))
    mount = {"name": "s", "mountPath": "/s", "mountPropagation": "Bidirectional"}
    volume = {"name": "s", "hostPath": {"path": "/var/lib/podnet-test/shared"}}
    try:
        work.run(
            "spread", {"volumeMounts": [mount], "securityContext": {"privileged": True}}, volumes=[volume]
        )
        work.sh("spread", "mount -t tmpfs made /s/m")
        assert "made" in work.on_node_sh("grep /var/lib/podnet-test/shared/m /proc/self/mountinfo")
    finally:
        work.delete("spread", "--ignore-not-found")
        work.on_node_sh("umount -R /var/lib/podnet-test/shared", check=False)


def test_an_empty_dir_over_its_limit_costs_the_pod_its_place(work: Workload) -> None:
    fill = "head -c 200000 /dev/zero > /v/x; trap 'exit 0' TERM; while true; do sleep 0.2; done"
    work.apply(
        work.pod(
            "full",
            {"command": ["sh", "-c", fill], "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            volumes=[{"name": "v", "emptyDir": {"sizeLimit": "64Ki"}}],
        )
    )
    status = until(
        lambda: s if (s := work.get("full")["status"]).get("phase") == "Failed" else None,
        "it was evicted",
    )
    assert status["reason"] == "Evicted"
    assert 'EmptyDir volume "v" exceeds the limit "64Ki"' in status["message"]
    target = next(c for c in status["conditions"] if c["type"] == "DisruptionTarget")
    assert (target["status"], target["reason"]) == ("True", "TerminationByKubelet")
