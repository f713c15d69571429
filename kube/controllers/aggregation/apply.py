"""The controller that writes the rules of aggregated ClusterRoles."""

from __future__ import annotations

from kube.controllers.aggregation.kinds import ClusterRole
from kube.controllers.aggregation.plan import aggregated, selects
from kube.controllers.context import Context
from kube.objects import NamespacedName
from kube.watch import WorkQueue


class AggregatedRoles:
    """Keyed by the aggregated role's name."""

    name = "clusterrole-aggregation-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._roles = context.mirror(ClusterRole)
        self._aggregated: set[str] = set()
        self.queue: WorkQueue[str] = WorkQueue()
        self._roles.subscribe(self._on_role)

    def _on_role(self, key: NamespacedName, old: ClusterRole | None, new: ClusterRole | None) -> None:
        if new is not None and new.aggregation_rule is not None:
            self._aggregated.add(key.name)
            self.queue.add(key.name)
        else:
            self._aggregated.discard(key.name)
        for name in self._aggregated:
            role = self._roles.get("", name)
            if role is not None and any(selects(role, part) for part in (old, new) if part is not None):
                self.queue.add(name)

    async def reconcile(self, key: str) -> None:
        role = self._roles.get("", key)
        if role is None or role.aggregation_rule is None:
            return
        rules = aggregated(role, self._roles.objects.values())
        if rules != list(role.rules or ()):
            await self._context.write.patch(role, {"rules": rules})
