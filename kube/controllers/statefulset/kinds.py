"""StatefulSet with what its controller alone reads, and the claims that it makes."""

from __future__ import annotations

from typing import Any, ClassVar

from kube.objects import Object, Resource, StatefulSet, StatefulSetSpec


class ClaimingSpec(StatefulSetSpec):
    volume_claim_templates: tuple[dict[str, Any], ...] = ()


class ClaimingStatefulSet(StatefulSet):
    spec: ClaimingSpec = ClaimingSpec()


class PersistentVolumeClaim(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
