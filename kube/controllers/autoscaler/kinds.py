"""HorizontalPodAutoscaler (autoscaling/v2) and PodMetrics (metrics.k8s.io/v1beta1), as far as scaling needs them."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kube.objects import Condition, Object, Resource
from kube.objects.value import Value


class MetricTarget(Value):
    type: str = "Utilization"  # Utilization, AverageValue, Value
    average_utilization: int | None = None  # percent of the request
    average_value: str | None = None


class ResourceMetric(Value):
    name: str = "cpu"
    container: str = ""  # of a ContainerResource
    target: MetricTarget = MetricTarget()


class Metric(Value):
    type: str
    resource: ResourceMetric | None = None
    container_resource: ResourceMetric | None = None


class ScalingPolicy(Value):
    type: str  # Pods, Percent
    value: int
    period_seconds: int = 15


class ScalingRules(Value):
    stabilization_window_seconds: int | None = None
    select_policy: str | None = None  # Max, Min, Disabled
    policies: tuple[ScalingPolicy, ...] = ()
    tolerance: str | None = None  # quantity: 100m is a tenth


class Behavior(Value):
    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None


class TargetReference(Value):
    kind: str = ""
    name: str = ""
    api_version: str = ""


class AutoscalerSpec(Value):
    scale_target_ref: TargetReference = TargetReference()
    min_replicas: int | None = None
    max_replicas: int = 1
    metrics: tuple[Metric, ...] = ()
    behavior: Behavior | None = None


class AutoscalerStatus(Value):
    conditions: tuple[Condition, ...] = ()


class Autoscaler(Object):
    resource: ClassVar[Resource] = Resource(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
    )
    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerStatus = AutoscalerStatus()


class ContainerMetrics(Value):
    name: str
    usage: dict[str, str] = msgspec.field(default_factory=dict)


class PodMetrics(Object):
    resource: ClassVar[Resource] = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
    timestamp: str = ""
    containers: tuple[ContainerMetrics, ...] = ()


class ScaleSpec(Value):
    replicas: int = 0


class ScaleStatus(Value):
    replicas: int = 0
    selector: str = ""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Of any kind that has the subresource."""

    spec: ScaleSpec = ScaleSpec()
    status: ScaleStatus = ScaleStatus()
