"""What changes in a running pod: containers added to look at it, resources given and taken."""

import json
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "changes") as workload:
        yield workload


def debug_state(work: Workload, name: str) -> dict[str, object]:
    statuses = work.get(name)["status"].get("ephemeralContainerStatuses", [])
    return statuses[0]["state"] if statuses else {}


def pid_of(work: Workload, uid: str, container: str) -> str:
    records = work.on_node_sh(f"cat /run/podnet/pods/{uid}/c/{container}.*/record.json")
    return str(json.loads(records)["pid"])


def namespace(work: Workload, pid: str, kind: str) -> str:
    return work.on_node_sh(f"readlink /proc/{pid}/ns/{kind}").strip()


def test_a_container_for_debugging_joins_the_pod_and_sees_its_targets_processes(work: Workload) -> None:
    pod = work.run("subject")
    uid = pod["metadata"]["uid"]
    command = (
        "debug",
        "subject",
        "--image=podnet/toolbox",
        "--target=main",
        "--profile=general",
        "-c",
        "look",
    )
    work.kubectl(*command, "--", "sh", "-c", "while true; do sleep 0.2; done")
    until(lambda: "running" in debug_state(work, "subject"), "it runs")
    main, look = (pid_of(work, uid, name) for name in ("main", "look"))
    for kind in ("net", "ipc", "uts", "pid"):
        assert namespace(work, main, kind) == namespace(work, look, kind), kind
    assert namespace(work, main, "mnt") != namespace(work, look, "mnt")
    assert "libexec/podnet/serve" in work.sh(
        "subject", "cat /proc/1/cmdline | tr '\\0' ' '", container="look"
    )
    assert work.status("subject")["restartCount"] == 0


def test_a_container_for_debugging_is_not_started_again(work: Workload) -> None:
    work.run("once")
    debug = ("debug", "once", "--image=podnet/toolbox", "--profile=general", "-c", "brief", "--")
    work.kubectl(*debug, "sh", "-c", "echo seen; exit 3")
    state = until(lambda: debug_state(work, "once").get("terminated"), "it has ended")
    assert isinstance(state, dict)
    assert state["exitCode"] == 3
    assert work.logs("once", "-c", "brief") == "seen\n"
    work.run("later")  # time enough for a second start
    assert "terminated" in debug_state(work, "once")
    assert work.get("once")["status"]["phase"] == "Running"


def cgroup(work: Workload, uid: str, missing, file: str, controller: str) -> str:
    """The content of a control file of the pod's only container, whichever version of cgroups there is."""
    script = f"cat /sys/fs/cgroup/{controller}/podnet/*/pod{uid}/{uid}-*/{file} 2>/dev/null"
    text = work.on_node_sh(script, check=False).strip()
    if not text:
        missing(f"a version 1 cgroup for {controller}: version 2 is proved by tests/guest")
    return text


def resize(work: Workload, name: str, resources: dict[str, object], check: bool = True) -> None:
    body = {"spec": {"containers": [{"name": "main", "resources": resources}]}}
    patch = ("patch", "pod", name, "--subresource", "resize", "--patch", json.dumps(body))
    work.kubectl(*patch, check=check)


def amounts(cpu: str, memory: str) -> dict[str, object]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


def test_resources_change_without_a_restart(work: Workload, missing) -> None:
    pod = work.run("resized", {"resources": amounts("100m", "64Mi")})
    uid = pod["metadata"]["uid"]
    assert cgroup(work, uid, missing, "memory.limit_in_bytes", "memory") == str(64 << 20)
    resize(work, "resized", amounts("250m", "96Mi"))
    until(
        lambda: cgroup(work, uid, missing, "cpu.cfs_quota_us", "cpu") == "25000", "the quota is the new one"
    )
    until(
        lambda: cgroup(work, uid, missing, "memory.limit_in_bytes", "memory") == str(96 << 20),
        "the memory's too",
    )
    whole = f"cat /sys/fs/cgroup/memory/podnet/*/pod{uid}/memory.limit_in_bytes"
    until(lambda: work.on_node_sh(whole).strip() == str(96 << 20), "the pod's too")
    shown = until(
        lambda: s if (s := work.status("resized"))["resources"]["limits"]["cpu"] == "250m" else None,
        "it is shown",
    )
    assert (shown["restartCount"], shown["allocatedResources"]["memory"]) == (0, "96Mi")


def test_a_resize_that_wants_a_restart_gets_one(work: Workload, missing) -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    pod = work.run("again", {"resources": amounts("100m", "64Mi"), "resizePolicy": policy})
    resize(work, "again", amounts("100m", "80Mi"))
    until(lambda: work.status("again")["restartCount"] == 1, "it was restarted")
    work.ready("again")
    uid = pod["metadata"]["uid"]
    assert cgroup(work, uid, missing, "memory.limit_in_bytes", "memory") == str(80 << 20)


def test_a_resize_beyond_the_node_is_infeasible_and_changes_nothing(work: Workload) -> None:
    work.run("greedy", {"resources": amounts("100m", "64Mi")})
    resize(work, "greedy", amounts("100000", "64Mi"))

    def pending() -> dict[str, str] | None:
        conditions = work.get("greedy")["status"]["conditions"]
        return next((c for c in conditions if c["type"] == "PodResizePending"), None)

    condition = until(pending, "the node says no")
    assert (condition["reason"], "capacity" in condition["message"]) == ("Infeasible", True)
    assert work.status("greedy")["resources"]["limits"]["cpu"] == "100m"
    resize(work, "greedy", amounts("100m", "64Mi"))
    until(lambda: pending() is None, "nothing is wanted any more")
