from typing import Any

import pytest

from kube.apiserver.admission.limit_ranges import ANNOTATION, fill, violations


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": list(containers), **spec},
        "status": {"qosClass": "BestEffort"},
    }


def container(
    name: str = "c", requests: dict[str, str] | None = None, limits: dict[str, str] | None = None
) -> dict[str, Any]:
    resources = {"requests": requests, "limits": limits}
    return {"name": name, "resources": {key: value for key, value in resources.items() if value}}


DEFAULTS = {
    "type": "Container",
    "default": {"cpu": "500m", "memory": "512Mi"},
    "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
}


def test_what_a_container_does_not_say_is_filled_in() -> None:
    obj = pod(container("a"), container("b", {"cpu": "1"}, {"cpu": "2"}), initContainers=[container("i")])
    fill(obj, [DEFAULTS, {"type": "Pod", "default": {"cpu": "9"}}])
    assert [row["resources"] for row in obj["spec"]["containers"]] == [
        {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"cpu": "500m", "memory": "512Mi"},
        },
        {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}},
    ]
    assert obj["metadata"]["annotations"][ANNOTATION] == (
        "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a; "
        "memory request for container b; memory limit for container b; "
        "cpu, memory request for init container i; cpu, memory limit for init container i"
    )
    assert obj["status"]["qosClass"] == "Burstable"


def test_nothing_to_fill_in_leaves_no_trace() -> None:
    full = container("a", {"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"})
    obj = pod(full)
    fill(obj, [DEFAULTS])
    assert "annotations" not in obj["metadata"]
    assert obj["spec"]["containers"] == [full]


@pytest.mark.parametrize(
    ("item", "requests", "limits", "fault"),
    [
        ({"min": {"cpu": "100m"}}, {"cpu": "100m"}, {}, None),
        (
            {"min": {"cpu": "100m"}},
            {"cpu": "50m"},
            {},
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        (
            {"min": {"cpu": "100m"}},
            {},
            {},
            "minimum cpu usage per Container is 100m.  No request is specified",
        ),
        (
            {"max": {"memory": "1Gi"}},
            {"memory": "1Gi"},
            {"memory": "2Gi"},
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            {"max": {"memory": "1Gi"}},
            {"memory": "1Gi"},
            {},
            "maximum memory usage per Container is 1Gi.  No limit is specified",
        ),
        ({"max": {"memory": "1Gi"}}, {"memory": "1Gi"}, {"memory": "1Gi"}, None),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, {"cpu": "500m"}, {"cpu": "1"}, None),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"cpu": "100m"},
            {"cpu": "1"},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 10.000000",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "1500m"}},
            {},
            {"cpu": "1"},
            "cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0",
        ),
    ],
)
def test_bounds_of_a_container(
    item: dict[str, Any], requests: dict[str, str], limits: dict[str, str], fault: str | None
) -> None:
    found = list(violations("pods", pod(container("c", requests, limits)), [{"type": "Container", **item}]))
    assert found == ([fault] if fault else [])


def test_bounds_of_a_pod_are_of_the_sum() -> None:
    obj = pod(container("a", {"cpu": "1"}, {"cpu": "1"}), container("b", {"cpu": "1"}, {"cpu": "1"}))
    item = {"type": "Pod", "max": {"cpu": "1500m"}}
    assert list(violations("pods", obj, [item])) == ["maximum cpu usage per Pod is 1500m, but limit is 2"]


@pytest.mark.parametrize(
    ("storage", "fault"),
    [
        ("2Gi", None),
        ("512Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi"),
        ("20Gi", "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi"),
    ],
)
def test_bounds_of_a_claim(storage: str, fault: str | None) -> None:
    claim = {"metadata": {"name": "v"}, "spec": {"resources": {"requests": {"storage": storage}}}}
    item = {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "10Gi"}}
    assert list(violations("persistentvolumeclaims", claim, [item])) == ([fault] if fault else [])
