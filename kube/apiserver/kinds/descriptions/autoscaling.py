"""HorizontalPodAutoscalers: type, field, words; "" is the type itself."""

from collections.abc import Mapping

_V2 = "io.k8s.api.autoscaling.v2."

_OF_TYPES: Mapping[str, str] = {
    "containerResource": "For type ContainerResource: cpu or memory of one container of each pod.",
    "external": "For type External: something outside the cluster.",
    "object": "For type Object: something about another object.",
    "pods": "For type Pods: something that each pod has, averaged.",
    "resource": "For type Resource: cpu or memory of each pod.",
    "type": "Which of these it is: ContainerResource, External, Object, Pods or Resource.",
}
_METRIC = "Which metric."
_TARGET = "What it shall be."
_CURRENT = "What it is."
_RESOURCE = "The resource: cpu or memory."

TYPES: Mapping[str, Mapping[str, str]] = {
    _V2 + "HorizontalPodAutoscaler": {
        "": "Sets the replicas of something by what its pods do.",
        "spec": "What is scaled, and by what.",
        "status": "What it saw and did last.",
    },
    _V2 + "HorizontalPodAutoscalerSpec": {
        "": "What is scaled, and by what.",
        "behavior": "How fast, up and down.",
        "maxReplicas": "At most this many.",
        "metrics": "By what; each gives a number of replicas and the largest counts. 80% of cpu by default.",
        "minReplicas": "At least this many; 1 by default.",
        "scaleTargetRef": "What is scaled: anything with a scale subresource.",
    },
    _V2 + "HorizontalPodAutoscalerStatus": {
        "": "What an autoscaler saw and did last.",
        "conditions": "Whether it can scale, does, and is limited.",
        "currentMetrics": "What the metrics were.",
        "currentReplicas": "How many replicas there were.",
        "desiredReplicas": "How many it wants.",
        "lastScaleTime": "When it last changed the number.",
        "observedGeneration": "The generation of the spec that this status knows of.",
    },
    _V2 + "CrossVersionObjectReference": {
        "": "An object of the same namespace.",
        "apiVersion": "Its group and version.",
        "kind": "Its kind.",
        "name": "Its name.",
    },
    _V2 + "HorizontalPodAutoscalerBehavior": {
        "": "How fast the number changes.",
        "scaleDown": "Downwards; by default to the minimum, after 300 seconds without a need.",
        "scaleUp": "Upwards; by default by 4 pods or to the double every 15 seconds, whichever is more.",
    },
    _V2 + "HPAScalingRules": {
        "": "How fast the number changes in one direction.",
        "policies": "Limits of the change.",
        "selectPolicy": "Which limit counts: Max (default), Min, or Disabled for no change at all.",
        "stabilizationWindowSeconds": "For how long past wishes count as well, so that the number does not swing.",
        "tolerance": "By how much a metric may be off before anything changes; 10% by default.",
    },
    _V2 + "HPAScalingPolicy": {
        "": "A limit of the change.",
        "periodSeconds": "In how many seconds.",
        "type": "Pods or Percent.",
        "value": "How much.",
    },
    _V2 + "MetricSpec": {"": "A metric and what it shall be.", **_OF_TYPES},
    _V2 + "MetricStatus": {"": "A metric and what it was.", **_OF_TYPES},
    _V2 + "MetricIdentifier": {
        "": "A metric.",
        "name": "Its name.",
        "selector": "Which of that name, by labels.",
    },
    _V2 + "MetricTarget": {
        "": "What a metric shall be.",
        "averageUtilization": "As a percentage of the requests, averaged over the pods.",
        "averageValue": "As an amount, averaged over the pods.",
        "type": "Utilization, Value or AverageValue.",
        "value": "As an amount.",
    },
    _V2 + "MetricValueStatus": {
        "": "What a metric was.",
        "averageUtilization": "As a percentage of the requests, averaged over the pods.",
        "averageValue": "As an amount, averaged over the pods.",
        "value": "As an amount.",
    },
    _V2 + "ResourceMetricSource": {"": "A resource of each pod.", "name": _RESOURCE, "target": _TARGET},
    _V2 + "ContainerResourceMetricSource": {
        "": "A resource of one container of each pod.",
        "container": "The container.",
        "name": _RESOURCE,
        "target": _TARGET,
    },
    _V2 + "PodsMetricSource": {"": "Something that each pod has.", "metric": _METRIC, "target": _TARGET},
    _V2 + "ObjectMetricSource": {
        "": "Something about another object.",
        "describedObject": "The object.",
        "metric": _METRIC,
        "target": _TARGET,
    },
    _V2 + "ExternalMetricSource": {
        "": "Something outside the cluster.",
        "metric": _METRIC,
        "target": _TARGET,
    },
    _V2 + "ResourceMetricStatus": {"": "A resource of each pod.", "current": _CURRENT, "name": _RESOURCE},
    _V2 + "ContainerResourceMetricStatus": {
        "": "A resource of one container of each pod.",
        "container": "The container.",
        "current": _CURRENT,
        "name": _RESOURCE,
    },
    _V2 + "PodsMetricStatus": {"": "Something that each pod has.", "current": _CURRENT, "metric": _METRIC},
    _V2 + "ObjectMetricStatus": {
        "": "Something about another object.",
        "current": _CURRENT,
        "describedObject": "The object.",
        "metric": _METRIC,
    },
    _V2 + "ExternalMetricStatus": {
        "": "Something outside the cluster.",
        "current": _CURRENT,
        "metric": _METRIC,
    },
}
