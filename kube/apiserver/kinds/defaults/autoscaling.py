"""Defaults of HorizontalPodAutoscaler, version v2."""

from typing import Any

Object = dict[str, Any]


def _policies(*rows: tuple[str, int]) -> list[Object]:
    return [{"type": kind, "value": value, "periodSeconds": 15} for kind, value in rows]


def default_autoscaler(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if obj.get("apiVersion") == "autoscaling/v1":
        return
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if behavior is None:
        return
    up = behavior.setdefault("scaleUp", {})
    up.setdefault("stabilizationWindowSeconds", 0)
    up.setdefault("selectPolicy", "Max")
    up.setdefault("policies", _policies(("Pods", 4), ("Percent", 100)))
    down = behavior.setdefault("scaleDown", {})
    down.setdefault("selectPolicy", "Max")
    down.setdefault("policies", _policies(("Percent", 100)))
