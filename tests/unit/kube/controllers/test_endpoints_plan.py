"""The Endpoints object of a Service."""

from __future__ import annotations

from kube.controllers.endpoints import plan
from tests.unit.kube.controllers.builders import pod, service

A = {"app": "a"}


def shown(*args: object, **spec: object) -> list[tuple[list[str], list[str]]]:
    pods = list(args)
    found = plan.subsets(service(**spec), pods)  # type: ignore[arg-type]
    return [([one.ip for one in sub.addresses], [one.ip for one in sub.not_ready_addresses]) for sub in found]


def test_ready_and_not_ready_are_apart_and_terminating_pods_are_out() -> None:
    pods = [
        pod("a", ready=True, ips=("10.244.0.2",), labels=A),
        pod("b", ready=False, ips=("10.244.0.1",), labels=A),
        pod("c", ready=True, ips=("10.244.0.3",), labels=A, terminating=True),
        pod("d", phase="Failed", ips=("10.244.0.4",), labels=A),
    ]
    assert shown(*pods) == [(["10.244.0.2"], ["10.244.0.1"])]
    assert shown(*pods, publishNotReadyAddresses=True) == [(["10.244.0.1", "10.244.0.2", "10.244.0.3"], [])]


def test_only_the_first_family_is_shown() -> None:
    both = pod("a", ready=True, ips=("10.244.0.2", "fd00::2"), labels=A)
    assert shown(both, ipFamilies=["IPv6", "IPv4"]) == [(["fd00::2"], [])]


def test_a_second_look_writes_nothing() -> None:
    one = service()
    wanted = plan.subsets(one, [pod("a", ready=True, ips=("10.244.0.2",), labels=A)])
    body = plan.body(one, None, wanted)
    assert body is not None
    import msgspec

    from kube.objects import Endpoints

    stored = msgspec.convert(body, Endpoints)
    assert plan.body(one, stored, wanted) is None


def test_more_than_a_thousand_are_cut_and_said() -> None:
    pods = [
        pod(f"p{n}", ready=n % 2 == 0, ips=(f"10.244.{n // 250}.{n % 250}",), labels=A) for n in range(1200)
    ]
    body = plan.body(service(), None, plan.subsets(service(), pods))
    assert body is not None
    (subset,) = body["subsets"]
    assert (len(subset["addresses"]), len(subset["notReadyAddresses"])) == (600, 400)
    assert body["metadata"]["annotations"] == {"endpoints.kubernetes.io/over-capacity": "truncated"}
