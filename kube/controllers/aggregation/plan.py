"""Which rules an aggregated role has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kube.controllers.aggregation.kinds import ClusterRole


def selects(role: ClusterRole, part: ClusterRole) -> bool:
    """Whether the rules of `part` belong into `role`; a role is no part of itself."""
    if role.aggregation_rule is None or role.metadata.name == part.metadata.name:
        return False
    labels = part.metadata.labels
    return any(selector.matches(labels) for selector in role.aggregation_rule.cluster_role_selectors)


def aggregated(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[dict[str, Any]]:
    """The parts' rules, each once, by the parts' names."""
    rules: list[dict[str, Any]] = []
    for part in sorted(roles, key=lambda one: one.metadata.name):
        if selects(role, part):
            rules += [rule for rule in part.rules or () if rule not in rules]
    return rules
