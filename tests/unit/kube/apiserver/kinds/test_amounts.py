from typing import Any

import pytest

from kube.apiserver.kinds.amounts import amounts, larger, minus, plus, pod_amounts, shown


def container(restart: str | None = None, **requests: str) -> dict[str, Any]:
    more = {"restartPolicy": restart} if restart else {}
    return {"name": "c", "resources": {"requests": requests}, **more}


@pytest.mark.parametrize(
    ("one", "other", "total"),
    [
        ({"cpu": "500m"}, {"cpu": "1500m"}, {"cpu": "2"}),
        ({"cpu": "100m"}, {"memory": "1Gi"}, {"cpu": "100m", "memory": "1Gi"}),
        ({"memory": "0"}, {"memory": "512Mi"}, {"memory": "512Mi"}),
        ({"memory": "1Gi"}, {"memory": "1G"}, {"memory": "2073741824"}),
        ({"memory": "512Mi"}, {"memory": "512Mi"}, {"memory": "1Gi"}),
    ],
)
def test_sums(one: dict[str, str], other: dict[str, str], total: dict[str, str]) -> None:
    assert shown(plus(amounts(one), amounts(other))) == total


def test_an_increase_is_never_below_zero() -> None:
    assert shown(minus(amounts({"a": "5", "b": "1"}), amounts({"a": "2", "b": "3"}))) == {"a": "3", "b": "0"}


def test_the_larger_of_each() -> None:
    assert shown(larger(amounts({"a": "1", "b": "2"}), amounts({"a": "1500m", "c": "1"}))) == {
        "a": "1500m",
        "b": "2",
        "c": "1",
    }


@pytest.mark.parametrize(
    ("spec", "needed"),
    [
        ({"containers": [container(cpu="100m"), container(cpu="200m")]}, {"cpu": "300m"}),
        ({"containers": [container(cpu="100m")], "initContainers": [container(cpu="1")]}, {"cpu": "1"}),
        (
            {"containers": [container(cpu="100m")], "initContainers": [container("Always", cpu="50m")]},
            {"cpu": "150m"},
        ),
        (
            {
                "containers": [container(cpu="100m")],
                "initContainers": [container("Always", cpu="50m"), container(cpu="200m")],
            },
            {"cpu": "250m"},
        ),
        (
            {
                "containers": [container(cpu="100m")],
                "initContainers": [container(cpu="200m"), container("Always", cpu="150m")],
            },
            {"cpu": "250m"},
        ),
        ({"containers": [container(cpu="100m")], "overhead": {"cpu": "10m"}}, {"cpu": "110m"}),
        (
            {"containers": [container(cpu="100m")], "resources": {"requests": {"cpu": "1"}}},
            {"cpu": "1"},
        ),
        ({"containers": [{"name": "c"}]}, {}),
    ],
)
def test_what_a_pod_needs_at_once(spec: dict[str, Any], needed: dict[str, str]) -> None:
    assert shown(pod_amounts(spec, "requests")) == needed


def test_overhead_comes_on_top_of_limits_there_are() -> None:
    limited = {
        "containers": [{"resources": {"limits": {"cpu": "1"}}}],
        "overhead": {"cpu": "1", "memory": "1"},
    }
    assert shown(pod_amounts(limited, "limits")) == {"cpu": "2"}
