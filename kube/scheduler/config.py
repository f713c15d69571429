"""A SchedulerProfile from KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), as kube-scheduler's --config has it. Pure.

One profile; of its plugins the weights of scores and the arguments of NodeResourcesFit and InterPodAffinity. Anything
else that would change a decision is an error, not silently something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kube.scheduler.profile import SchedulerProfile, ScoreWeights

API_VERSION: Final = "kubescheduler.config.k8s.io/v1"
_WEIGHTS: Final = {
    "TaintToleration": "taint_toleration",
    "NodeAffinity": "node_affinity",
    "NodeResourcesFit": "node_resources_fit",
    "NodeResourcesBalancedAllocation": "balanced_allocation",
    "PodTopologySpread": "topology_spread",
    "InterPodAffinity": "inter_pod_affinity",
    "ImageLocality": "image_locality",
}
_STRATEGIES: Final = ("LeastAllocated", "MostAllocated")
# What says how the program runs, not what it decides.
_RUNNING: Final = frozenset(
    {"apiVersion", "kind", "clientConnection", "leaderElection", "parallelism", "enableProfiling"}
)
_KNOWN: Final = _RUNNING | {"profiles", "podInitialBackoffSeconds", "podMaxBackoffSeconds"}


class ConfigError(ValueError):
    """What in the file is not understood."""


def parse_config(document: Any, before: SchedulerProfile) -> SchedulerProfile:
    """`before` with what the document says. Raises ConfigError."""
    if not isinstance(document, dict) or document.get("kind") != "KubeSchedulerConfiguration":
        raise ConfigError("kind must be KubeSchedulerConfiguration")
    if document.get("apiVersion") != API_VERSION:
        raise ConfigError(f"apiVersion must be {API_VERSION}")
    _only(document, _KNOWN, "")
    found: dict[str, Any] = {}
    for field, ours in (
        ("podInitialBackoffSeconds", "initial_backoff_s"),
        ("podMaxBackoffSeconds", "max_backoff_s"),
    ):
        if field in document:
            found[ours] = float(document[field])
    profiles = document.get("profiles") or [{}]
    if len(profiles) > 1:
        raise ConfigError("profiles: one can be served, run a kcore scheduler for each other one")
    profile = profiles[0]
    _only(profile, {"schedulerName", "plugins", "pluginConfig"}, "profiles[0].")
    if "schedulerName" in profile:
        found["scheduler_name"] = profile["schedulerName"]
    found["weights"] = _weights(profile.get("plugins") or {}, before.weights)
    for entry in profile.get("pluginConfig") or ():
        found |= _arguments(entry["name"], entry.get("args") or {})
    return msgspec.structs.replace(before, **found)


def _only(given: Mapping[str, Any], known: Any, where: str) -> None:
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise ConfigError(f"{where}{unknown[0]} is not supported")


def _weights(plugins: Mapping[str, Any], before: ScoreWeights) -> ScoreWeights:
    """Scores enabled with a weight, or disabled; filters are always on."""
    _only(plugins, {"score", "multiPoint"}, "plugins.")
    found: dict[str, int] = {}
    for point, sets in plugins.items():
        for entry in sets.get("disabled") or ():
            names = _WEIGHTS if entry["name"] == "*" else (entry["name"],)
            found |= {_field(name, point): 0 for name in names}
        for entry in sets.get("enabled") or ():
            found[_field(entry["name"], point)] = int(entry.get("weight") or 1)
    return msgspec.structs.replace(before, **found)


def _field(plugin: str, point: str) -> str:
    if plugin not in _WEIGHTS:
        raise ConfigError(
            f"plugins.{point}: {plugin} scores nothing here; the scores are {', '.join(_WEIGHTS)}"
        )
    return _WEIGHTS[plugin]


def _arguments(plugin: str, given: Mapping[str, Any]) -> dict[str, Any]:
    args = {name: value for name, value in given.items() if name not in ("apiVersion", "kind")}
    if plugin == "InterPodAffinity":
        _only(args, {"hardPodAffinityWeight"}, "InterPodAffinity: ")
        return {"hard_pod_affinity_weight": int(args.get("hardPodAffinityWeight", 1))}
    if plugin == "NodeResourcesFit":
        _only(args, {"scoringStrategy"}, "NodeResourcesFit: ")
        strategy = args.get("scoringStrategy") or {}
        kind = strategy.get("type", "LeastAllocated")
        if kind not in _STRATEGIES:
            raise ConfigError(f"NodeResourcesFit: scoringStrategy {kind}: one of {', '.join(_STRATEGIES)}")
        resources = strategy.get("resources") or ({"name": "cpu"}, {"name": "memory"})
        listed = tuple((one["name"], int(one.get("weight") or 1)) for one in resources)
        return {"fit_strategy": kind, "fit_resources": listed}
    raise ConfigError(f"pluginConfig: arguments of {plugin} are not supported")
