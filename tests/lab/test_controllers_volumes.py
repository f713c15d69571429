"""Claims on the lab: data outlives its pod, a pod comes back to its data, and what is deleted is gone."""

import json
import shutil
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not shutil.which("kubectl"), reason="the real kubectl is not installed on this machine"
    ),
]
LABELS = {"app": "db"}


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "volumes") as workload:
        yield workload


def stateful(replicas: int) -> dict:
    container = {
        "name": "c",
        "image": "podnet/toolbox",
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db",
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": wanted}],
        },
    }


def node_of(work: Workload, name: str) -> str:
    return json.loads(work.kubectl("get", "pod", name, "-o", "json").stdout)["spec"].get("nodeName", "")


def test_a_pod_comes_back_to_its_data(work: Workload) -> None:
    work.apply(stateful(2))
    for name in ("db-0", "db-1"):
        work.ready(name)
        work.kubectl("exec", name, "--", "sh", "-c", f"echo {name} was here >> /data/diary")
    table = work.kubectl("get", "pvc").stdout
    assert table.count("Bound") == 2
    assert table.count("standard") == 2
    homes = {name: node_of(work, name) for name in ("db-0", "db-1")}
    assert len(set(homes.values())) == 2, "pods of a set are spread"
    uid = json.loads(work.kubectl("get", "pod", "db-1", "-o", "json").stdout)["metadata"]["uid"]
    work.kubectl("delete", "pod", "db-1", "--now")

    def is_another() -> bool:
        found = work.kubectl("get", "pod", "db-1", "-o", "jsonpath={.metadata.uid}", check=False)
        return found.code == 0 and found.stdout not in ("", uid)

    until(is_another, "the pod is made again")
    work.ready("db-1")
    assert node_of(work, "db-1") == homes["db-1"]
    assert work.kubectl("exec", "db-1", "--", "cat", "/data/diary").stdout == "db-1 was here\n"
    assert work.kubectl("exec", "db-0", "--", "cat", "/data/diary").stdout == "db-0 was here\n"


def test_a_deleted_claim_takes_its_volume_along(work: Workload) -> None:
    work.kubectl("delete", "statefulset", "db", "--cascade=foreground", "--timeout=150s")
    names = work.kubectl("get", "pvc", "-o", "jsonpath={.items[*].spec.volumeName}").stdout.split()
    assert len(names) == 2, "claims outlive their set"
    work.kubectl("delete", "pvc", "--all", "--timeout=150s")

    def left() -> set[str]:
        return set(work.kubectl("get", "pv", "-o", "jsonpath={.items[*].metadata.name}").stdout.split())

    until(lambda: not left() & set(names), "the volumes are gone")


def test_a_pod_without_its_claim_says_what_it_waits_for(work: Workload) -> None:
    source = {"name": "data", "persistentVolumeClaim": {"claimName": "absent"}}
    pod = work.pod("waiting", volumes=[source])
    del pod["spec"]["nodeName"]
    work.apply(pod)
    until(
        lambda: (
            'persistentvolumeclaim "absent" not found' in work.kubectl("describe", "pod", "waiting").stdout
        ),
        "the event says so",
    )
    work.kubectl("delete", "pod", "waiting", "--now")
