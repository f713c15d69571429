"""The disruption controller."""

from __future__ import annotations

from typing import Any

from kube.controllers import members, owners
from kube.controllers.context import Context
from kube.controllers.disruption import plan
from kube.controllers.mirror import Mirror
from kube.controllers.replicaset.kinds import ReplicationController
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.controllers.status import status_patch
from kube.objects import Deployment, NamespacedName, Object, Pod, PodDisruptionBudget, ReplicaSet, key_of
from kube.watch import WorkQueue

_NAMESPACE = "namespace"
_KEPT_ZEROS = frozenset({"disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"})


class DisruptionBudgets:
    name = "disruption-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._budgets = context.mirror(PodDisruptionBudget)
        self._pods = context.mirror(Pod)
        self._sets = context.mirror(ReplicaSet)
        self._deployments = context.mirror(Deployment)
        self._scaled: dict[str, Mirror[Any]] = {
            "ReplicaSet": self._sets,
            "ReplicationController": context.mirror(ReplicationController),
            "StatefulSet": context.mirror(ClaimingStatefulSet),
        }
        self._budgets.add_index(_NAMESPACE, lambda one: (one.metadata.namespace,))
        self._pods.add_index(_NAMESPACE, lambda one: (one.metadata.namespace,))
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._budgets.subscribe(self._on_budget)
        self._pods.subscribe(self._on_pod)

    def _on_budget(
        self, key: NamespacedName, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None
    ) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if not self._budgets.count(_NAMESPACE, key.namespace) or members.facts(old) == members.facts(new):
            return
        for budget in self._budgets.by(_NAMESPACE, key.namespace):
            if any(_means(budget, pod) for pod in (old, new) if pod is not None):
                self.queue.add_after(key_of(budget), self._context.options.endpoint_batch_s)

    async def reconcile(self, key: NamespacedName) -> None:
        budget = self._budgets.objects.get(key)
        if budget is None or budget.metadata.deletion_timestamp is not None:
            return
        pods = [pod for pod in self._pods.by(_NAMESPACE, key.namespace) if _means(budget, pod)]
        expected = self._expected(pods)
        status = plan.status(budget, pods, expected, self._context.wall_clock())
        patch = status_patch(budget.status, status, keep_zero=_KEPT_ZEROS)
        if status.disrupted_pods:
            self.queue.add_after(key, plan.EVICTION_TIMEOUT_S)
        if patch is not None:
            # An eviction that was granted meanwhile must not be forgotten: Conflict, and again.
            version = {"resourceVersion": budget.metadata.resource_version}
            body = {"metadata": version, "status": patch}
            await self._context.write.patch(budget, body, subresource="status")

    def _expected(self, pods: list[Pod]) -> int:
        """The sum of what the pods' controllers want; pods without count themselves."""
        wanted: dict[str, int] = {}
        alone = 0
        for pod in pods:
            owner = self._topmost(pod)
            if owner is None:
                alone += 1
            else:
                wanted[owner.metadata.uid] = owner.spec.replicas
        return sum(wanted.values()) + alone

    def _topmost(self, obj: Object) -> Any:
        ref = owners.controller_of(obj)
        mirror = self._scaled.get(ref.kind) if ref is not None else None
        owner = (
            mirror.get(obj.metadata.namespace, ref.name) if mirror is not None and ref is not None else None
        )
        if isinstance(owner, ReplicaSet):
            above = owners.controller_of(owner)
            deployment = (
                self._deployments.get(obj.metadata.namespace, above.name) if above is not None else None
            )
            return deployment or owner
        return owner


def _means(budget: PodDisruptionBudget, pod: Pod) -> bool:
    selector = budget.spec.selector
    return selector is not None and selector.matches(pod.metadata.labels)
