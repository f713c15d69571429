"""Pods that this node does not take."""

import msgspec
import pytest

from kube.objects import ObjectMeta, Pod, PodSpec
from kube.objects.containers import Container, ContainerPort
from nodeagent.pods.admission import Room, refusal, resize_refusal


def pod(*ports: tuple[str, str, int]) -> Pod:
    declared = tuple(
        ContainerPort(container_port=80, host_ip=ip, protocol=protocol, host_port=port)
        for ip, protocol, port in ports
    )
    return Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(containers=(Container(name="c", ports=declared),)))


@pytest.mark.parametrize(
    ("new", "present", "taken"),
    [
        (("", "TCP", 80), ("", "TCP", 80), True),
        (("", "TCP", 80), ("10.0.0.1", "TCP", 80), True),
        (("10.0.0.1", "TCP", 80), ("0.0.0.0", "TCP", 80), True),
        (("10.0.0.1", "TCP", 80), ("10.0.0.2", "TCP", 80), False),
        (("", "TCP", 80), ("", "UDP", 80), False),
        (("", "TCP", 80), ("", "TCP", 81), False),
        (("", "TCP", 0), ("", "TCP", 0), False),
    ],
)
def test_a_host_port_belongs_to_one_pod(
    new: tuple[str, str, int], present: tuple[str, str, int], *, taken: bool
) -> None:
    found = refusal(pod(new), Room(), [pod(), pod(present)])
    assert (found is not None) == taken
    if found is not None:
        assert found.reason == "NodePorts"


def plain(**spec: object) -> Pod:
    body = {"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": [{"name": "c"}], **spec}}
    return msgspec.convert(body, Pod)


def asking(cpu: str) -> Pod:
    return plain(containers=[{"name": "c", "resources": {"requests": {"cpu": cpu}}}])


ROOM = Room("n1", {"disk": "fast"}, {"cpu": 1000, "memory": 1 << 30, "pods": 2})


@pytest.mark.parametrize(
    ("new", "present", "reason"),
    [
        (asking("900m"), [], ""),
        (asking("900m"), [asking("200m")], "OutOfcpu"),
        (plain(), [plain(), plain()], "OutOfpods"),
        (plain(nodeSelector={"disk": "fast"}), [], ""),
        (plain(nodeSelector={"disk": "slow"}), [], "NodeAffinity"),
        (plain(os={"name": "windows"}), [], "PodOSNotSupported"),
        (plain(securityContext={"sysctls": [{"name": "net/ipv4/tcp_syncookies", "value": "0"}]}), [], ""),
        (
            plain(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "0"}]}),
            [],
            "SysctlForbidden",
        ),
        (
            plain(
                hostNetwork=True,
                securityContext={"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "0"}]},
            ),
            [],
            "SysctlForbidden",
        ),
        (plain(securityContext={"appArmorProfile": {"type": "RuntimeDefault"}}), [], "AppArmor"),
        (plain(securityContext={"appArmorProfile": {"type": "Unconfined"}}), [], ""),
    ],
)
def test_what_the_node_cannot_give_is_refused(new: Pod, present: list[Pod], reason: str) -> None:
    found = refusal(new, ROOM, present)
    assert (found.reason if found else "") == reason


def test_unsafe_sysctls_may_be_allowed_by_name_or_prefix() -> None:
    wanted = plain(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "0"}]})
    assert refusal(wanted, ROOM._replace(unsafe_sysctls=("kernel.msg*",)), []) is None
    assert refusal(wanted, ROOM._replace(unsafe_sysctls=("kernel.msg",)), []) is not None


def test_under_pressure_only_who_asked_for_memory_comes() -> None:
    short = ROOM._replace(pressure=frozenset({"MemoryPressure"}))
    full = ROOM._replace(pressure=frozenset({"DiskPressure"}))
    assert refusal(asking("1m"), short, []) is None
    assert (refusal(plain(), short, []) or pytest.fail("taken")).reason == "Evicted"
    assert (refusal(asking("1m"), full, []) or pytest.fail("taken")).reason == "Evicted"
    assert refusal(plain(priority=2_000_001_000), full, []) is None


def test_a_resize_is_never_possible_or_not_now() -> None:
    other = msgspec.structs.replace(asking("600m"), metadata=ObjectMeta(name="o", uid="other"))
    assert resize_refusal(asking("400m"), ROOM, [other]) is None
    assert (resize_refusal(asking("2"), ROOM, [other]) or pytest.fail("taken")).reason == "Infeasible"
    assert (resize_refusal(asking("500m"), ROOM, [other]) or pytest.fail("taken")).reason == "Deferred"
