"""Requests and limits as the kernel gets them."""

import pytest

from nodeagent.cgroups.plan import Limits
from nodeagent.pods.resources import (
    changed,
    container_limits,
    needs_restart,
    oom_score,
    pod_limits,
    qos_class,
)

FULL = {"cpu": "1", "memory": "64Mi"}


def main(resources=None, name="main", **fields):
    return {"name": name, "image": "i", "resources": resources or {}, **fields}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, Limits(cpu_shares=2)),
        ({"requests": {"cpu": "500m"}}, Limits(cpu_shares=512)),
        ({"limits": FULL}, Limits(64 << 20, 1024, 100_000)),
        ({"limits": {"cpu": "1m"}}, Limits(cpu_shares=2, cpu_quota_us=1000)),
    ],
)
def test_resources_become_cgroup_values(pod, resources, expected):
    container = pod(containers=[main(resources)]).spec.containers[0]
    assert container_limits(container.resources) == expected


def test_a_pod_is_limited_where_each_of_its_containers_is(pod):
    both = [main({"requests": FULL, "limits": FULL}, name) for name in "ab"]
    assert pod_limits(pod(containers=both), 7) == Limits(128 << 20, 2048, 200_000, pids_max=7)
    one = [both[0], main(name="c")]
    assert pod_limits(pod(containers=one), None) == Limits(None, 1024, None)


def test_a_pod_that_names_its_own_resources_has_those(pod):
    whole = pod(containers=[main()], resources={"requests": FULL, "limits": FULL})
    assert pod_limits(whole, None) == Limits(64 << 20, 1024, 100_000)
    assert qos_class(whole) == "Guaranteed"


def test_init_containers_need_room_of_their_own(pod):
    small, large = {"limits": {"memory": "1Mi", "cpu": "1m"}}, {"limits": {"memory": "9Mi", "cpu": "900m"}}
    made = pod(containers=[main(small)], initContainers=[main(large, "init")])
    assert pod_limits(made, None).memory_bytes == 9 << 20


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"limits": {"nvidia.com/gpu": "1"}}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": FULL, "requests": {"cpu": "500m", "memory": "64Mi"}}, "Burstable"),
        ({"limits": FULL, "requests": {"cpu": "1000m", "memory": "64Mi"}}, "Guaranteed"),
    ],
)
def test_quality_of_service(pod, resources, expected):
    assert qos_class(pod(containers=[main(resources)])) == expected


def test_the_oom_score_follows_the_quality_of_service(pod):
    def score(**resources):
        made = pod(containers=[main(resources)])
        return oom_score(made, made.spec.containers[0], 1000 << 20)

    assert score() == 1000
    assert score(requests={"memory": "100Mi"}) == 900
    assert score(requests={"cpu": "1"}) == 999
    assert score(requests=FULL, limits=FULL) == -997


def test_a_sidecar_is_killed_no_sooner_than_those_it_serves(pod):
    made = pod(
        containers=[main({"requests": {"memory": "500Mi"}})],
        initContainers=[main({"requests": {"memory": "1Mi"}}, "side", restartPolicy="Always")],
    )
    assert oom_score(made, made.spec.init_containers[0], 1000 << 20) == 500


def test_a_resize_restarts_only_what_asked_for_it(pod):
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    made = pod(containers=[main({"limits": FULL}, resizePolicy=policy)]).spec.containers[0]
    cpu = pod(containers=[main({"limits": {**FULL, "cpu": "2"}})]).spec.containers[0].resources
    memory = pod(containers=[main({"limits": {**FULL, "memory": "1Gi"}})]).spec.containers[0].resources
    same = (
        pod(containers=[main({"limits": {"cpu": "1000m", "memory": "65536Ki"}})]).spec.containers[0].resources
    )
    assert (changed(cpu, made.resources), needs_restart(made, cpu)) == ({"cpu"}, False)
    assert (changed(memory, made.resources), needs_restart(made, memory)) == ({"memory"}, True)
    assert changed(same, made.resources) == frozenset()
