"""StatefulSet with what its controller alone reads."""

from __future__ import annotations

from typing import Any

from kube.objects import StatefulSet, StatefulSetSpec
from kube.objects.value import Value


class ClaimRetention(Value):
    """persistentVolumeClaimRetentionPolicy: Retain or Delete (KEP-1847)."""

    when_deleted: str = "Retain"
    when_scaled: str = "Retain"


class ClaimingSpec(StatefulSetSpec):
    volume_claim_templates: tuple[dict[str, Any], ...] = ()
    persistent_volume_claim_retention_policy: ClaimRetention = ClaimRetention()


class ClaimingStatefulSet(StatefulSet):
    spec: ClaimingSpec = ClaimingSpec()
