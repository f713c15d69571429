"""Pods that this node does not take."""

import pytest

from kube.objects import ObjectMeta, Pod, PodSpec
from kube.objects.containers import Container, ContainerPort
from nodeagent.pods.admission import Room, refusal


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
