"""What a container finds around it, as the kernel tells it: volumes, users, limits, names."""

from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "surroundings") as workload:
        workload.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "cfg"},
                "data": {"a.txt": "one", "KEY": "val"},
            },
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sec"}, "data": {"pw": "czNjcmV0"}},
        )
        yield workload


def mounted(name: str, path: str, **more: object) -> dict[str, object]:
    return {"name": name, "mountPath": path, **more}


# --- volumes


def test_volumes_of_every_kind(work: Workload) -> None:
    downward = {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}
    sources = [
        {"secret": {"name": "sec", "items": [{"key": "pw", "path": "deep/pw", "mode": 0o400}]}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    volumes = [
        {"name": "cfg", "configMap": {"name": "cfg"}},
        {"name": "sec", "secret": {"secretName": "sec", "defaultMode": 0o400}},
        {"name": "down", "downwardAPI": downward},
        {"name": "all", "projected": {"sources": sources}},
        {"name": "disk", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": "/etc", "type": "Directory"}},
    ]
    mounts = [
        mounted("cfg", "/cfg"),
        mounted("cfg", "/one/file", subPath="a.txt"),
        mounted("sec", "/sec"),
        mounted("down", "/down"),
        mounted("all", "/all"),
        mounted("disk", "/disk"),
        mounted("disk", "/sub", subPathExpr="$(POD)/x"),
        mounted("memory", "/memory"),
        mounted("host", "/host", readOnly=True),
    ]
    env = [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    pod = work.pod("volumes", {"volumeMounts": mounts, "env": env}, volumes=volumes)
    pod["metadata"]["labels"] = {"app": "x"}
    work.apply(pod)
    work.ready("volumes")
    assert work.sh(
        "volumes", "cat /cfg/a.txt /one/file; cat /sec/pw; cat /down/labels; cat /all/deep/pw /all/name"
    ) == ('oneones3cretapp="x"s3cretvolumes')
    assert work.sh("volumes", "stat -Lc %a /sec/pw /all/deep/pw /cfg/a.txt /disk").split() == [
        "400",
        "400",
        "644",
        "777",
    ]
    assert work.sh("volumes", "echo hi > /sub/f; cat /disk/volumes/x/f") == "hi\n"
    assert "size=1024k" in work.sh("volumes", "grep ' /memory ' /proc/mounts")
    assert (
        work.sh("volumes", "touch /host/x 2>&1 || touch /cfg/x 2>&1; true").count("Read-only file system")
        == 2
    )
    assert work.sh("volumes", "cat /host/hostname /proc/sys/kernel/hostname").split()[1] == "volumes"


def test_a_changed_config_map_arrives_in_its_volume_whole(work: Workload) -> None:
    work.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "moving"},
            "data": {"a": "1", "b": "1"},
        }
    )
    work.run(
        "moving",
        {"volumeMounts": [mounted("v", "/v")]},
        volumes=[{"name": "v", "configMap": {"name": "moving"}}],
    )
    work.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "moving"},
            "data": {"a": "2", "c": "2"},
        }
    )
    until(lambda: work.sh("moving", "cd /v; cat *", check=False) == "22", "the new content is there")
    assert work.sh("moving", "ls /v").split() == ["a", "c"]


def test_a_missing_config_map_keeps_the_pod_waiting_until_it_comes(work: Workload) -> None:
    work.apply(
        work.pod(
            "early",
            {"volumeMounts": [mounted("v", "/v")]},
            volumes=[{"name": "v", "configMap": {"name": "later"}}],
        )
    )
    until(
        lambda: any(
            r == "FailedMount" and 'configmap "later" not found' in m for r, m in work.events("early")
        ),
        "it says so",
    )
    work.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}, "data": {"k": "v"}})
    work.ready("early")


def test_environment_from_every_source(work: Workload) -> None:
    env = [
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "pw"}}},
        {"name": "TEXT", "value": "$(PW)-$(KEY)-$$(KEY)"},
        {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]
    given = {
        "env": env,
        "envFrom": [{"configMapRef": {"name": "cfg"}}],
        "resources": {"limits": {"memory": "32Mi"}},
    }
    pod = work.run("env", given)
    values = dict(line.split("=", 1) for line in work.sh("env", "env").splitlines())
    assert (values["IP"], values["NODE"]) == (pod["status"]["podIP"], work.node)
    assert (values["TEXT"], values["MEM"], values["HOSTNAME"]) == ("s3cret-val-$(KEY)", "32", "env")
    assert values["KUBERNETES_SERVICE_PORT"] == "443"


def test_a_missing_key_is_a_configuration_error_until_it_is_there(work: Workload) -> None:
    work.apply(work.pod("nokey", {"envFrom": [{"secretRef": {"name": "nosecret"}}]}))
    until(
        lambda: (
            work.status("nokey").get("state", {}).get("waiting", {}).get("reason")
            == "CreateContainerConfigError"
        ),
        "it waits",
    )
    assert work.status("nokey")["state"]["waiting"]["message"] == 'secret "nosecret" not found'
    work.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nosecret"}, "data": {}})
    work.ready("nokey")


# --- names


def test_names_inside_a_pod(work: Workload) -> None:
    aliases = [{"ip": "192.0.2.9", "hostnames": ["db.example"]}]
    config = {"searches": ["extra.example"], "options": [{"name": "ndots", "value": "3"}]}
    pod = work.run("names", hostname="web-0", subdomain="web", hostAliases=aliases, dnsConfig=config)
    assert work.sh("names", "hostname; cat /etc/hostname").split() == ["web-0", "web-0"]
    hosts = work.sh("names", "cat /etc/hosts")
    assert f"{pod['status']['podIP']}\tweb-0.web.{work.namespace}.svc.cluster.local\tweb-0\n" in hosts
    assert "192.0.2.9\tdb.example\n" in hosts
    resolv = work.sh("names", "cat /etc/resolv.conf")
    assert resolv.startswith(f"search {work.namespace}.svc.cluster.local svc.cluster.local cluster.local ")
    assert "extra.example" in resolv
    assert "options ndots:3" in resolv


# --- namespaces, users, capabilities


def test_a_pod_has_namespaces_of_its_own_and_its_containers_share_them(work: Workload) -> None:
    second = {
        "name": "second",
        "image": "podnet/toolbox",
        "command": ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"],
    }
    main = {"name": "main", "image": "podnet/toolbox"}
    work.run("shared", containers=[main, second])
    kinds = ("net", "ipc", "uts", "pid", "mnt")
    script = "for k in " + " ".join(kinds) + "; do readlink /proc/self/ns/$k; done"
    one, two = (work.sh("shared", script, container=name).split() for name in ("main", "second"))
    host = work.on_node_sh(script).split()
    assert one[:3] == two[:3]
    assert not set(one[3:]) & set(two[3:])
    assert not set(one) & set(host)


def test_the_hosts_namespaces_on_request(work: Workload) -> None:
    pod = work.run(
        "hosts", {"env": [{"name": "PORT", "value": "18080"}]}, hostNetwork=True, hostPID=True, hostIPC=True
    )
    script = "for k in net pid ipc; do readlink /proc/self/ns/$k; done"
    assert work.sh("hosts", script) == work.on_node_sh(script)
    assert pod["status"]["podIP"] == pod["status"]["hostIP"]
    assert work.sh("hosts", "hostname").strip() == work.node


def test_processes_may_be_shared(work: Workload) -> None:
    second = {
        "name": "second",
        "image": "podnet/toolbox",
        "command": ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"],
    }
    main = {"name": "main", "image": "podnet/toolbox"}
    work.run("pids", containers=[main, second], shareProcessNamespace=True)
    seen = work.sh("pids", "ps", container="second")
    assert "libexec/podnet/serve" in seen
    assert "while true" in seen


def capabilities(status: str) -> set[int]:
    mask = int(next(line for line in status.splitlines() if line.startswith("CapBnd")).split()[1], 16)
    return {bit for bit in range(64) if mask >> bit & 1}


def test_users_groups_and_privileges_in_the_kernel(work: Workload) -> None:
    context = {
        "runAsUser": 1000,
        "runAsGroup": 2000,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
    }
    whole = {"fsGroup": 3000, "supplementalGroups": [4000]}
    work.run(
        "user",
        {"securityContext": context, "volumeMounts": [mounted("d", "/d")]},
        securityContext=whole,
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    assert work.sh("user", "id -u; id -g; id -G").split() == ["1000", "2000", "2000", "3000", "4000"]
    status = work.sh("user", "cat /proc/1/status")
    assert capabilities(status) == {12}  # CAP_NET_ADMIN
    assert "NoNewPrivs:\t1" in status
    assert "Read-only file system" in work.sh("user", "touch /x 2>&1; true")
    assert work.sh("user", "touch /d/x; stat -c %g /d/x").strip() == "3000"


def test_default_and_privileged_containers_differ_in_what_the_kernel_lets_them(work: Workload) -> None:
    work.run("plain")
    work.run("mighty", {"securityContext": {"privileged": True}})
    plain, mighty = (work.sh(name, "cat /proc/1/status") for name in ("plain", "mighty"))
    assert 21 not in capabilities(plain)  # CAP_SYS_ADMIN
    assert 21 in capabilities(mighty)
    assert "Read-only" in work.sh("plain", "(echo 1 > /proc/sys/vm/swappiness) 2>&1; true")
    assert "ok" in work.sh("mighty", "mkdir /m && mount -t tmpfs x /m && echo ok")


def test_running_as_root_can_be_forbidden(work: Workload) -> None:
    work.apply(work.pod("noroot", securityContext={"runAsNonRoot": True}))
    until(
        lambda: (
            work.status("noroot").get("state", {}).get("waiting", {}).get("reason")
            == "CreateContainerConfigError"
        ),
        "it waits",
    )


def test_sysctls_of_the_pod(work: Workload) -> None:
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]
    work.run("sysctl", securityContext={"sysctls": sysctls})
    assert work.sh("sysctl", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start").strip() == "80"


# --- limits


def test_limits_are_in_the_cgroup_and_memory_beyond_them_kills(work: Workload, missing) -> None:
    if not work.on_node_sh("ls -d /sys/fs/cgroup/memory/podnet 2>/dev/null", check=False):
        missing("a memory cgroup (v1)")
    eat = "trap 'exit 0' TERM; while [ ! -e /tmp/go ]; do sleep 0.1; done; x=a; while true; do x=$x$x; done"
    limits = {"limits": {"memory": "32Mi", "cpu": "500m"}}
    pod = work.run("limits", {"command": ["sh", "-c", eat], "resources": limits})
    inside = f"/sys/fs/cgroup/*/podnet/*/pod{pod['metadata']['uid']}/*"
    assert work.on_node_sh(f"cat {inside}/memory.limit_in_bytes").strip() == str(32 << 20)
    assert work.on_node_sh(f"cat {inside}/cpu.cfs_quota_us {inside}/cpu.shares").split() == ["50000", "512"]
    work.sh("limits", "touch /tmp/go")
    last = until(lambda: work.status("limits").get("lastState", {}).get("terminated"), "it was killed")
    assert (last["reason"], last["exitCode"]) == ("OOMKilled", 137)
