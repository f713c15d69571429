"""What the kernel enforces for a pod, and what the node refuses because it could not enforce it."""

import json
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "security") as workload:
        yield workload


def proc_status(work: Workload, name: str, field: str) -> str:
    lines = work.sh(name, "cat /proc/1/status").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{field}:"))


def waiting(work: Workload, name: str, reason: str) -> str:
    def message() -> str:
        state = work.status(name).get("state", {}).get("waiting", {})
        return str(state.get("message", "")) if state.get("reason") == reason else ""

    return until(message, f"{name} waits with {reason}")


def refused(work: Workload, name: str, reason: str) -> str:
    def message() -> str:
        status = work.get(name)["status"]
        return str(status["message"]) if status["phase"] == "Failed" and status["reason"] == reason else ""

    return until(message, f"{name} is refused with {reason}")


def test_a_seccomp_filter_closes_system_calls(work: Workload) -> None:
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    work.run("filtered", {"securityContext": {**profile, "capabilities": {"add": ["SYS_PTRACE"]}}})
    work.run("open")
    assert (proc_status(work, "filtered", "Seccomp"), proc_status(work, "open", "Seccomp")) == ("2", "0")
    unshare = "unshare -U true 2>&1; echo $?"
    assert "not permitted" in work.sh("filtered", unshare)
    assert work.sh("filtered", "echo still works | cat").strip() == "still works"


def test_a_seccomp_profile_of_the_node(work: Workload) -> None:
    folder = "/var/lib/podnet/seccomp"
    body = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}'
    work.on_node_sh(f"mkdir -p {folder} && echo '{body}' > {folder}/no-mkdir.json")
    profile = {"type": "Localhost", "localhostProfile": "no-mkdir.json"}
    work.run("local", securityContext={"seccompProfile": profile})
    assert "not permitted" in work.sh("local", "mkdir /tmp/x 2>&1; true")
    work.apply(
        work.pod("nowhere", securityContext={"seccompProfile": {**profile, "localhostProfile": "none.json"}})
    )
    assert "cannot load seccomp profile" in waiting(work, "nowhere", "CreateContainerConfigError")


def test_what_cannot_be_enforced_is_refused(work: Workload) -> None:
    work.apply(
        work.pod("unsafe", securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]}),
        work.pod("userns", hostUsers=False),
    )
    assert '"kernel.msgmax" not allowlisted' in refused(work, "unsafe", "SysctlForbidden")
    assert "user namespaces" in refused(work, "userns", "UserNamespacesNotSupported")
    if work.on_node_sh("cat /sys/module/apparmor/parameters/enabled 2>/dev/null", check=False).strip() != "Y":
        work.apply(work.pod("armour", {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}))
        assert "AppArmor is not enabled" in refused(work, "armour", "AppArmor")


def test_users_that_may_not_be_root_are_looked_at_before_the_start(work: Workload) -> None:
    must = {"runAsNonRoot": True}
    work.apply(
        work.pod("byimage", securityContext=must),
        work.pod("byspec", securityContext={**must, "runAsUser": 0}),
    )
    assert "container has runAsNonRoot and image will run as root" in waiting(
        work, "byimage", "CreateContainerConfigError"
    )
    assert "container's runAsUser breaks non-root policy" in waiting(
        work, "byspec", "CreateContainerConfigError"
    )
    work.run("other", securityContext={**must, "runAsUser": 1234})
    assert proc_status(work, "other", "Uid").split() == ["1234"] * 4


def test_a_pod_has_no_more_processes_than_the_node_allows(work: Workload, missing) -> None:
    uid = work.run("pids")["metadata"]["uid"]
    find = f"cat $(find /sys/fs/cgroup -path '*pod{uid}/pids.max' | head -1) 2>/dev/null"
    limit = work.on_node_sh(find, check=False).strip()
    if not limit:
        missing("a cgroup controller for pids")
    assert limit == "4096"  # --pod-max-pids of the lab's nodes


def test_the_kernel_kills_best_effort_first_and_guaranteed_last(work: Workload) -> None:
    some = {"requests": {"memory": "1Gi"}}
    all_ = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "10m", "memory": "64Mi"}}
    for name, resources in (("best", {}), ("burst", some), ("guaranteed", all_)):
        work.run(name, {"resources": resources})
    scores = [int(work.sh(name, "cat /proc/1/oom_score_adj")) for name in ("best", "burst", "guaranteed")]
    assert scores[0] == 1000
    assert 2 < scores[1] < 1000
    own = int(work.on_node("cat", "/proc/1/oom_score_adj"))
    mask = int(work.on_node_sh("grep CapEff /proc/1/status").split()[1], 16)
    lowers = bool(mask >> 24 & 1)  # CAP_SYS_RESOURCE
    assert scores[2] == (-997 if lowers else own)


def test_processes_of_the_node_and_its_ipc_on_request(work: Workload) -> None:
    work.run("near", hostPID=True, hostIPC=True)
    work.run("far")
    for kind, same in (("pid", True), ("ipc", True), ("net", False)):
        inside = work.sh("near", f"readlink /proc/self/ns/{kind}").strip()
        assert (inside == work.on_node_sh(f"readlink /proc/self/ns/{kind}").strip()) is same, kind
    work.on_node_sh("echo shared > /dev/shm/podnet-test")
    try:
        assert work.sh("near", "cat /dev/shm/podnet-test").strip() == "shared"
        assert "No such file" in work.sh("far", "cat /dev/shm/podnet-test 2>&1; true")
    finally:
        work.on_node_sh("rm /dev/shm/podnet-test")
    assert work.sh("far", "readlink /proc/self/ns/pid") != work.sh("near", "readlink /proc/self/ns/pid")


def test_groups_of_the_image_stay_out_where_the_pod_wants_its_own_only(work: Workload) -> None:
    work.run("strict", securityContext={"supplementalGroupsPolicy": "Strict", "supplementalGroups": [4000]})
    assert proc_status(work, "strict", "Groups").split() == ["4000"]
    shown = work.status("strict")["user"]["linux"]
    assert (shown["uid"], shown["supplementalGroups"]) == (0, [4000])


def test_a_runtime_class_names_the_nodes_own_runtime_or_none(work: Workload) -> None:
    own = json.loads(work.kubectl("get", "node", work.node, "-o", "json").stdout)["status"]["nodeInfo"]
    handler = own["containerRuntimeVersion"].partition(":")[0]
    names = {"own-runtime": handler, "other-runtime": "kata"}
    try:
        for name, each in names.items():
            body = {
                "apiVersion": "node.k8s.io/v1",
                "kind": "RuntimeClass",
                "metadata": {"name": name},
                "handler": each,
            }
            work.apply({**body, "overhead": {"podFixed": {"cpu": "10m"}}})
        assert work.run("classy", runtimeClassName="own-runtime")["spec"]["overhead"] == {"cpu": "10m"}
        work.apply(work.pod("foreign", runtimeClassName="other-runtime"))
        until(
            lambda: any(r == "FailedCreatePodSandBox" and '"kata"' in m for r, m in work.events("foreign")),
            "an event says why",
        )
        assert work.get("foreign")["status"]["phase"] == "Pending"
    finally:
        work.kubectl("delete", "runtimeclass", *names, "--ignore-not-found")
