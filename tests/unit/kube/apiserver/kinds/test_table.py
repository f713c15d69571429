from typing import Any

import pytest

from kube.apiserver.kinds import KINDS, Kind, kind_at, table
from kube.apiserver.kinds.table.format import first_few, human_duration, selector

CREATED = "2026-01-01T00:00:00Z"
NOW = 1767225600.0 + 222  # 3m42s later


def kind(group: str, plural: str, version: str = "v1") -> Kind:
    found = kind_at(group, version, plural)
    assert found is not None
    return found


def row(group: str, plural: str, obj: dict[str, Any]) -> list[Any]:
    of = kind(group, plural)
    obj.setdefault("metadata", {}).setdefault("name", "x")
    obj["metadata"].setdefault("creationTimestamp", CREATED)
    obj.setdefault("kind", of.kind)
    return table.row(of, obj, NOW)


@pytest.mark.parametrize(
    "of", [kind for kind in KINDS if kind.stored], ids=lambda of: f"{of.key}/{of.version}"
)
def test_every_kind_has_as_many_cells_as_columns(of: Kind) -> None:
    bare = {"kind": of.kind, "metadata": {"name": "x"}}
    cells = table.row(of, bare, NOW)
    assert len(cells) == len(table.columns(of))
    assert cells[table.columns(of).index(next(c for c in table.columns(of) if c["name"] == "Name"))] == "x"
    assert of.storage_key in table.ROWS


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-0.5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (222, "3m42s"),
        (599, "9m59s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (28_799, "7h59m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (94_694_400, "3y1d"),
        (300_000_000, "9y"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def container(
    state: dict[str, Any], *, ready: bool = False, restarts: int = 0, **more: Any
) -> dict[str, Any]:
    return {"name": "c", "state": state, "ready": ready, "restartCount": restarts, **more}


def pod(
    *statuses: dict[str, Any], init: tuple[dict[str, Any], ...] = (), phase: str = "Running", **status: Any
) -> dict[str, Any]:
    return {
        "spec": {
            "containers": [{"name": "c"}] * max(len(statuses), 1),
            "initContainers": [{"name": item["name"]} for item in init],
        },
        "status": {
            "phase": phase,
            "containerStatuses": list(statuses),
            "initContainerStatuses": list(init),
            **status,
        },
    }


RUNNING = {"running": {"startedAt": CREATED}}
WAITING = {"waiting": {"reason": "PodInitializing"}}


@pytest.mark.parametrize(
    ("obj", "ready", "status", "restarts"),
    [
        (pod(phase="Pending"), "0/1", "Pending", "0"),
        (pod(container(RUNNING, ready=True)), "1/1", "Running", "0"),
        (pod(container(RUNNING)), "0/1", "Running", "0"),
        (
            pod(container({"waiting": {"reason": "ContainerCreating"}}), phase="Pending"),
            "0/1",
            "ContainerCreating",
            "0",
        ),
        (
            pod(container({"waiting": {"reason": "ImagePullBackOff"}}), phase="Pending"),
            "0/1",
            "ImagePullBackOff",
            "0",
        ),
        (
            pod(
                container(
                    {"waiting": {"reason": "CrashLoopBackOff"}},
                    restarts=3,
                    lastState={"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:03:00Z"}},
                )
            ),
            "0/1",
            "CrashLoopBackOff",
            "3 (42s ago)",
        ),
        (
            pod(container({"terminated": {"exitCode": 0, "reason": "Completed"}}), phase="Succeeded"),
            "0/1",
            "Completed",
            "0",
        ),
        (pod(container({"terminated": {"exitCode": 3}}), phase="Failed"), "0/1", "ExitCode:3", "0"),
        (
            pod(container({"terminated": {"signal": 9, "exitCode": 137}}), phase="Failed"),
            "0/1",
            "Signal:9",
            "0",
        ),
        (pod(phase="Failed", reason="Evicted"), "0/1", "Evicted", "0"),
        (
            pod(container(WAITING), init=(container(RUNNING, name="i"),), phase="Pending"),
            "0/1",
            "Init:0/1",
            "0",
        ),
        (
            pod(
                container(WAITING),
                init=({**container({"terminated": {"exitCode": 1, "reason": "Error"}}), "name": "i"},),
                phase="Pending",
            ),
            "0/1",
            "Init:Error",
            "0",
        ),
        (
            pod(
                container(WAITING),
                init=({**container({"waiting": {"reason": "CrashLoopBackOff"}}, restarts=2), "name": "i"},),
                phase="Pending",
            ),
            "0/1",
            "Init:CrashLoopBackOff",
            "2",
        ),
        (
            pod(
                container(WAITING),
                init=({**container({"terminated": {"exitCode": 0}}), "name": "i"},),
                phase="Pending",
            ),
            "0/1",
            "PodInitializing",
            "0",
        ),
        (
            pod(
                container({"terminated": {"exitCode": 0, "reason": "Completed"}}),
                container(RUNNING, ready=True),
                conditions=[{"type": "Ready", "status": "True"}],
            ),
            "1/2",
            "Running",
            "0",
        ),
        (
            pod(
                phase="Pending",
                conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            ),
            "0/1",
            "SchedulingGated",
            "0",
        ),
    ],
)
def test_pods(obj: dict[str, Any], ready: str, status: str, restarts: str) -> None:
    assert row("", "pods", obj)[1:4] == [ready, status, restarts]


@pytest.mark.parametrize(
    ("phase", "reason", "status"),
    [("Running", "", "Terminating"), ("Running", "NodeLost", "Unknown"), ("Succeeded", "", "Succeeded")],
)
def test_pods_under_deletion(phase: str, reason: str, status: str) -> None:
    obj = pod(phase=phase, reason=reason)
    obj["metadata"] = {"deletionTimestamp": CREATED}
    assert row("", "pods", obj)[2] == status


def test_sidecars_count_as_containers() -> None:
    obj = pod(container(RUNNING, ready=True), init=(container(RUNNING, ready=True, started=True, name="s"),))
    obj["spec"]["initContainers"] = [{"name": "s", "restartPolicy": "Always"}]
    assert row("", "pods", obj)[1:3] == ["2/2", "Running"]


def test_the_wide_columns_of_pods() -> None:
    obj = pod(container(RUNNING, ready=True), podIPs=[{"ip": "10.0.0.1"}])
    obj["spec"] |= {"nodeName": "n1", "readinessGates": [{"conditionType": "g"}]}
    assert row("", "pods", obj)[4:] == ["3m42s", "10.0.0.1", "n1", "<none>", "0/1"]


SERVICE = {"type": "ClusterIP", "clusterIPs": ["10.96.0.1"], "ports": [{"port": 80, "protocol": "TCP"}]}


@pytest.mark.parametrize(
    ("group", "plural", "obj", "cells"),
    [
        ("", "namespaces", {"status": {"phase": "Active"}}, ["x", "Active", "3m42s"]),
        (
            "", "nodes",
            {
                "metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
                "spec": {"unschedulable": True},
                "status": {
                    "conditions": [{"type": "Ready", "status": "False"}],
                    "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                    "nodeInfo": {"kubeletVersion": "v1", "osImage": "Debian"},
                },
            },
            ["x", "NotReady,SchedulingDisabled", "control-plane", "3m42s", "v1", "10.0.0.1", "<none>", "Debian", "<unknown>", "<unknown>"],
        ),
        ("", "services", {"spec": SERVICE}, ["x", "ClusterIP", "10.96.0.1", "<none>", "80/TCP", "3m42s", "<none>"]),
        (
            "", "services",
            {"spec": {**SERVICE, "type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}], "selector": {"b": "1", "a": "2"}}},
            ["x", "NodePort", "10.96.0.1", "<none>", "80:30000/TCP", "3m42s", "a=2,b=1"],
        ),
        ("", "services", {"spec": {**SERVICE, "type": "LoadBalancer"}}, ["x", "LoadBalancer", "10.96.0.1", "<pending>", "80/TCP", "3m42s", "<none>"]),
        (
            "", "services",
            {"spec": {"type": "ExternalName", "externalName": "a.b"}},
            ["x", "ExternalName", "<none>", "a.b", "<none>", "3m42s", "<none>"],
        ),
        (
            "", "endpoints",
            {"subsets": [{"addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 81}]}]},
            ["x", "10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more...", "3m42s"],
        ),
        ("", "endpoints", {}, ["x", "<none>", "3m42s"]),
        (
            "discovery.k8s.io", "endpointslices",
            {"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}]},
            ["x", "IPv4", "80", "10.0.0.1,10.0.0.2", "3m42s"],
        ),
        ("networking.k8s.io", "servicecidrs", {"spec": {"cidrs": ["a", "b"]}}, ["x", "a,b", "3m42s"]),
        (
            "networking.k8s.io", "ipaddresses",
            {"spec": {"parentRef": {"group": "", "resource": "services", "namespace": "default", "name": "s"}}},
            ["x", "services/default/s"],
        ),
        ("", "configmaps", {"data": {"a": "b"}, "binaryData": {"c": "d"}}, ["x", 2, "3m42s"]),
        ("", "secrets", {"type": "Opaque", "data": {"a": "b"}}, ["x", "Opaque", 1, "3m42s"]),
        (
            "", "events",
            {
                "type": "Normal", "reason": "Started", "message": " m ", "count": 3, "firstTimestamp": CREATED,
                "lastTimestamp": "2026-01-01T00:03:32Z", "involvedObject": {"kind": "Pod", "name": "p"},
                "source": {"component": "knode", "host": "n"},
            },
            ["10s", "Normal", "Started", "pod/p", "", "knode, n", "m", "3m42s", 3, "x"],
        ),
        ("coordination.k8s.io", "leases", {"spec": {"holderIdentity": "h"}}, ["x", "h", "3m42s"]),
        (
            "apps", "deployments",
            {
                "spec": {
                    "replicas": 3,
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]}},
                },
                "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1},
            },
            ["x", "2/3", 3, 1, "3m42s", "c,d", "i,j", "a=b"],
        ),
        ("apps", "replicasets", {"spec": {"replicas": 2}, "status": {"replicas": 1}}, ["x", 2, 1, 0, "3m42s", "", "", "<none>"]),
        (
            "networking.k8s.io", "ingresses",
            {"spec": {"rules": [{"host": "a.com"}, {}], "tls": [{}]}, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}},
            ["x", "<none>", "a.com", "1.2.3.4", "80, 443", "3m42s"],
        ),
        (
            "networking.k8s.io", "ingressclasses",
            {"spec": {"controller": "a/b", "parameters": {"kind": "K", "apiGroup": "g", "name": "n"}}},
            ["x", "a/b", "K.g/n", "3m42s"],
        ),
        (
            "batch", "jobs",
            {"spec": {"completions": 3}, "status": {"succeeded": 1, "startTime": CREATED}},
            ["x", "Running", "1/3", "3m42s", "3m42s", "", "", "<none>"],
        ),
        ("batch", "cronjobs", {"spec": {"schedule": "* * * * *"}}, ["x", "* * * * *", "<none>", "False", 0, "<none>", "3m42s", "", "", "<none>"]),
        ("apps", "statefulsets", {"spec": {"replicas": 1}}, ["x", "0/1", "3m42s", "", ""]),
    ],
)  # fmt: skip
def test_rows(group: str, plural: str, obj: dict[str, Any], cells: list[Any]) -> None:
    assert row(group, plural, obj) == cells


def test_events_of_the_new_group_are_printed_from_the_stored_form() -> None:
    of = kind("events.k8s.io", "events")
    stored = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "eventTime": CREATED}
    cells = table.row(of, stored, NOW)
    assert cells[0] == "3m42s"
    assert cells[3] == "pod/p"
    assert cells[8] == 1


def test_a_table_holds_what_the_client_asked_to_include() -> None:
    obj = {"metadata": {"name": "a"}, "data": {"k": "v"}}
    of = kind("", "configmaps")
    whole = table.table(of, [obj], NOW, metadata={"resourceVersion": "5"}, include="Object")
    assert whole["metadata"] == {"resourceVersion": "5"}
    assert whole["rows"][0]["object"] == obj
    assert table.table(of, [obj], NOW)["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert table.table(of, [obj], NOW, include="None")["rows"][0]["object"] is None


def test_selectors_are_printed_in_order() -> None:
    value = {
        "matchLabels": {"b": "1"},
        "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["y", "x"]},
            {"key": "c", "operator": "Exists"},
        ],
    }
    assert selector(value) == "a in (x,y),b=1,c"


def test_lists_are_cut_short() -> None:
    assert first_few(["a", "b", "c", "d", "e"], 5) == "a,b,c + 2 more..."
