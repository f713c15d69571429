"""How many replicas: from use, and not faster than allowed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.controllers.autoscaler.kinds import Autoscaler, Metric, PodMetrics
from kube.controllers.autoscaler.pace import Memory, Moment, pace, remember, rules
from kube.controllers.autoscaler.plan import Load, plan
from kube.controllers.autoscaler.usage import NoProposal, Patience, Proposal, propose
from kube.objects import Pod
from tests.unit.kube.controllers.builders import NOW, make, pod

TOLERANCE = (0.1, 0.1)
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
}


def metric(**body: Any) -> Metric:
    return msgspec.convert(body or CPU, Metric)


def autoscaler(**spec: Any) -> Autoscaler:
    return make(Autoscaler, "web", spec={"minReplicas": 1, "maxReplicas": 10, "metrics": [CPU], **spec})


def a_pod(
    name: str, *, request: str = "100m", ready: bool = True, phase: str = "Running", old: bool = True
) -> Pod:
    resources = {"requests": {"cpu": request}} if request else {}
    since = "2027-01-15T07:00:00Z" if old else "2027-01-15T07:59:50Z"
    found = pod(name, ready=ready, since=since, phase=phase)
    body = msgspec.to_builtins(found)
    body["spec"] = {"containers": [{"name": "c", "resources": resources}]}
    body["status"]["startTime"] = since
    return msgspec.convert(body, Pod)


def used(*pairs: tuple[str, str]) -> dict[str, PodMetrics]:
    return {
        name: make(
            PodMetrics,
            name,
            timestamp="2027-01-15T08:00:00Z",
            containers=[{"name": "c", "usage": {"cpu": cpu}}],
        )
        for name, cpu in pairs
    }


def replicas(pods: list[Pod], measured: dict[str, PodMetrics], current: int, of: Metric | None = None) -> int:
    found = propose(of or metric(), current, pods, measured, NOW, TOLERANCE, Patience())
    assert isinstance(found, Proposal), found
    return found.replicas


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [("100m", 4), ("50m", 2), ("54m", 2), ("46m", 2), ("56m", 3), ("25m", 1), ("1", 40)],
)
def test_use_in_proportion_to_the_target(cpu: str, expected: int) -> None:
    pods = [a_pod("a"), a_pod("b")]
    assert replicas(pods, used(("a", cpu), ("b", cpu)), 2) == expected


def test_what_is_not_known_speaks_against_the_change() -> None:
    pods = [a_pod("a"), a_pod("b")]
    assert replicas(pods, used(("a", "150m")), 2) == 3  # 300% of the target, halved by a silent pod
    assert replicas(pods, used(("a", "10m")), 2) == 2  # the silent one may use all it asked for
    young = a_pod("b", ready=False, old=False)
    assert replicas([pods[0], young], used(("a", "150m"), ("b", "900m")), 2) == 3
    pending = a_pod("b", phase="Pending")
    assert replicas([pods[0], pending], used(("a", "10m")), 2) == 1


def test_an_average_value_needs_no_requests() -> None:
    target = {"type": "AverageValue", "averageValue": "50m"}
    of = metric(type="Resource", resource={"name": "cpu", "target": target})
    assert replicas([a_pod("a", request="")], used(("a", "150m")), 1, of) == 3


@pytest.mark.parametrize(
    ("pods", "measured", "of", "why"),
    [
        ([a_pod("a", request="")], used(("a", "1")), None, "missing request for cpu in container c of Pod a"),
        ([a_pod("a")], {}, None, "did not receive metrics"),
        ([a_pod("a")], used(("a", "1")), {"type": "External"}, "no API serves metrics of type External"),
    ],
)
def test_what_cannot_be_computed_says_why(pods: list[Pod], measured: Any, of: Any, why: str) -> None:
    found = propose(metric(**(of or CPU)), 1, pods, measured, NOW, TOLERANCE, Patience())
    assert isinstance(found, NoProposal)
    assert why in found.message


def both(one: Autoscaler) -> tuple[Any, Any]:
    up = rules(one, up=True, downscale_s=300, tolerance=0.1)
    return up, rules(one, up=False, downscale_s=300, tolerance=0.1)


def test_up_at_once_but_not_more_than_double_or_four() -> None:
    up, down = both(autoscaler(maxReplicas=100))
    assert pace(1, 50, (1, 100), up, down, Memory(), 0)[0].replicas == 5
    assert pace(10, 50, (1, 100), up, down, Memory(), 0)[0].replicas == 20
    memory = remember(Memory(), 4, 0, 15)
    paced = pace(5, 50, (1, 100), up, down, memory, 10)[0]
    assert (paced.replicas, paced.limited[1]) == (5, "ScaleUpLimit")
    assert pace(5, 50, (1, 100), up, down, memory, 16)[0].replicas == 10


def test_down_only_to_the_highest_recommendation_of_the_window() -> None:
    up, down = both(autoscaler())
    memory = Memory(recommended=(Moment(0, 8), Moment(200, 6)))
    paced, after = pace(8, 2, (1, 10), up, down, memory, 250)
    assert (paced.replicas, paced.able[0]) == (8, "ScaleDownStabilized")
    paced, after = pace(8, 2, (1, 10), up, down, after, 301)
    assert paced.replicas == 6
    assert pace(6, 2, (1, 10), up, down, after, 900)[0].replicas == 2


def test_behavior_may_forbid_or_slow_down() -> None:
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    down = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": policies}
    one = autoscaler(behavior={"scaleDown": down, "scaleUp": {"selectPolicy": "Disabled"}})
    chosen = both(one)
    assert pace(8, 2, (1, 10), *chosen, Memory(), 0)[0].replicas == 7
    assert pace(2, 8, (1, 10), *chosen, Memory(), 0)[0].replicas == 2


@given(
    st.integers(1, 20),
    st.integers(0, 60),
    st.lists(st.tuples(st.floats(-400, 0), st.integers(1, 30)), max_size=5),
)
def test_the_bounds_always_hold(current: int, desired: int, past: list[tuple[float, int]]) -> None:
    up, down = both(autoscaler())
    memory = Memory(recommended=tuple(Moment(at, count) for at, count in sorted(past)))
    bounds = (2, 12)
    paced, _ = pace(min(max(current, 2), 12), desired, bounds, up, down, memory, 0)
    assert bounds[0] <= paced.replicas <= bounds[1]


def load(*pairs: tuple[str, str]) -> Load:
    return Load(pods=[a_pod(name) for name, _ in pairs], measured=used(*pairs), now=NOW)


def test_a_scale_outside_the_bounds_is_brought_inside_without_asking() -> None:
    one = autoscaler(minReplicas=2, maxReplicas=4)
    for current, expected in ((1, 2), (9, 4)):
        outcome, _ = plan(one, current, load(), both(one), Memory(), Patience(), 0)
        assert outcome.replicas == expected
        assert "Spec.M" in outcome.why


def test_nothing_scales_from_zero() -> None:
    one = autoscaler()
    outcome, _ = plan(one, 0, load(), both(one), Memory(), Patience(), 0)
    assert outcome.replicas == 0
    assert outcome.conditions[0][2] == "ScalingDisabled"


def test_a_broken_metric_keeps_from_scaling_down_not_up() -> None:
    one = autoscaler(metrics=[CPU, {"type": "External"}])
    outcome, _ = plan(one, 2, load(("a", "1m"), ("b", "1m")), both(one), Memory(), Patience(), 0)
    assert outcome.replicas == 2
    assert outcome.failure is not None
    outcome, _ = plan(one, 2, load(("a", "90m"), ("b", "90m")), both(one), Memory(), Patience(), 0)
    assert outcome.replicas == 4
    assert outcome.why == "cpu resource utilization (percentage of request) above target"
