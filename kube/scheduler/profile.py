"""What an operator may choose: names served, plugin weights, packing strategy, back-off."""

from __future__ import annotations

from typing import Literal

import msgspec


class ScoreWeights(msgspec.Struct, frozen=True, kw_only=True):
    """kube-scheduler's default weights (1.36, MultiPoint)."""

    taint_toleration: int = 3
    node_affinity: int = 2
    node_resources_fit: int = 1
    balanced_allocation: int = 1
    topology_spread: int = 2
    inter_pod_affinity: int = 2
    image_locality: int = 1


class SchedulerProfile(msgspec.Struct, frozen=True, kw_only=True):
    scheduler_name: str = "default-scheduler"
    weights: ScoreWeights = ScoreWeights()
    fit_strategy: Literal["LeastAllocated", "MostAllocated"] = "LeastAllocated"
    fit_resources: tuple[tuple[str, int], ...] = (("cpu", 1), ("memory", 1))
    hard_pod_affinity_weight: int = 1
    initial_backoff_s: float = 1.0
    max_backoff_s: float = 10.0
    unschedulable_flush_s: float = 300.0
    bindings_in_flight: int = 64

    @classmethod
    def named(cls, name: str) -> SchedulerProfile:
        """`lab`: a pod refused while the nodes still start must not wait a second for them."""
        if name == "lab":
            return cls(initial_backoff_s=0.05, max_backoff_s=2.0, unschedulable_flush_s=30.0)
        return cls()
