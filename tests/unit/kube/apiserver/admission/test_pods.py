from typing import Any

from kube.apiserver.admission.pods import take_class

CLASS: dict[str, Any] = {
    "overhead": {"podFixed": {"cpu": "10m"}},
    "scheduling": {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]},
}


def test_a_pod_takes_overhead_and_wishes_of_its_runtime_class() -> None:
    spec: dict[str, Any] = {"nodeSelector": {"disk": "fast"}}
    assert take_class(spec, CLASS) == ""
    assert spec == {
        "overhead": {"cpu": "10m"},
        "nodeSelector": {"disk": "fast", "vm": "yes"},
        "tolerations": [{"key": "vm", "operator": "Exists"}],
    }
    before = dict(spec)
    assert take_class(spec, CLASS) == ""
    assert spec == before


def test_what_contradicts_the_class_is_rejected() -> None:
    assert "Overhead" in take_class({"overhead": {"cpu": "1"}}, CLASS)
    assert "Overhead" in take_class({"overhead": {"cpu": "1"}}, {})
    assert "conflict" in take_class({"nodeSelector": {"vm": "no"}}, CLASS)
    assert take_class({}, {}) == ""
