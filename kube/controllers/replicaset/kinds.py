"""The two kinds that keep a number of pods: ReplicaSet, and its elder, ReplicationController (core/v1)."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import msgspec

from kube.objects import LabelSelector, Object, ReplicaSet, ReplicaSetStatus, Resource, Value


class ReplicationControllerSpec(Value):
    selector: dict[str, str] = msgspec.field(default_factory=dict)
    template: dict[str, Any] = msgspec.field(default_factory=dict)
    replicas: int = 1
    min_ready_seconds: int = 0


class ReplicationController(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "replicationcontrollers", "ReplicationController")
    spec: ReplicationControllerSpec = ReplicationControllerSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


Replicating: TypeAlias = ReplicaSet | ReplicationController


def selector_of(one: Replicating) -> LabelSelector:
    if isinstance(one, ReplicationController):
        return LabelSelector(match_labels=one.spec.selector)
    return one.spec.selector
