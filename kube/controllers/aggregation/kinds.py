"""ClusterRole (rbac.authorization.k8s.io/v1), as far as aggregation goes."""

from __future__ import annotations

from typing import Any, ClassVar

from kube.objects import LabelSelector, Object, Resource
from kube.objects.value import Value


class AggregationRule(Value):
    cluster_role_selectors: tuple[LabelSelector, ...] = ()


class ClusterRole(Object):
    resource: ClassVar[Resource] = Resource(
        "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False
    )
    aggregation_rule: AggregationRule | None = None
    rules: tuple[dict[str, Any], ...] | None = None
