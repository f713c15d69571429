"""The DaemonSet controller."""

from __future__ import annotations

from kube.client import Forbidden
from kube.controllers import owners
from kube.controllers.apply import all_at_once
from kube.controllers.claims import claims
from kube.controllers.context import Context
from kube.controllers.daemonset import plan
from kube.controllers.daemonset.template import Fitness, fitness, node_of, pod_body, wishes
from kube.controllers.history.apply import History
from kube.controllers.history.plan import HASH_LABEL
from kube.controllers.status import status_patch
from kube.objects import DaemonSet, NamespacedName, Node, Pod, key_of
from kube.watch import WorkQueue

_OWNED = "controlled by"
_ORPHANS = "orphans in"
_BACKOFF_S, _BACKOFF_MAX_S = 1.0, 900.0
_KEPT_ZEROS = frozenset(
    {"currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"}
)


class DaemonSets:
    name = "daemonset-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sets = context.mirror(DaemonSet)
        self._pods = context.mirror(Pod)
        self._nodes = context.mirror(Node)
        self._pods.add_index(_OWNED, owners.controlled_by)
        self._pods.add_index(_ORPHANS, owners.orphan_in)
        self._sets.add_index("namespace", lambda one: (one.metadata.namespace,))
        self._sets.add_index("uid", lambda one: (one.metadata.uid,))
        self._history = History(context)
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}  # (uid, node) → count, last at
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._sets.subscribe(self._on_set)
        self._pods.subscribe(self._on_pod)
        self._nodes.subscribe(self._on_node)

    def _on_set(self, key: NamespacedName, old: DaemonSet | None, new: DaemonSet | None) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        for one in owners.concerned(self._sets, old, new, _selects):
            self.queue.add(key_of(one))

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None:
            same = old.metadata.labels == new.metadata.labels and old.spec.taints == new.spec.taints
            if same and old.spec.unschedulable == new.spec.unschedulable:
                return
        for one in self._sets.objects:
            self.queue.add(one)

    async def reconcile(self, key: NamespacedName) -> None:
        daemon_set = self._sets.objects.get(key)
        if daemon_set is None:
            return
        wanted = wishes(daemon_set)
        fits = {name.name: fitness(wanted, node) for name, node in self._nodes.objects.items()}
        revision = None
        if daemon_set.metadata.deletion_timestamp is None:
            # Collisions of 32-bit hashes between the few templates of one set are left to chance.
            revision = await self._history.record(daemon_set, daemon_set.spec.template, None)
        digest = revision.digest if revision is not None else ""
        pods = self._pods.by(_OWNED, daemon_set.metadata.uid)
        if revision is not None:
            orphans = self._pods.by(_ORPHANS, daemon_set.metadata.namespace)
            selector, uid = daemon_set.spec.selector, daemon_set.metadata.uid
            claimed = claims(uid, selector, [*pods, *orphans], may_adopt=True)
            pods = await self._context.write.claim(daemon_set, claimed)
            await self._carry_out(daemon_set, fits, pods, digest)
        await self._write_status(daemon_set, fits, digest)
        used = {pod.metadata.labels.get(HASH_LABEL, "") for pod in pods} | {digest}
        await self._history.forget(daemon_set, used, daemon_set.spec.revision_history_limit)

    async def _carry_out(
        self, daemon_set: DaemonSet, fits: dict[str, Fitness], pods: list[Pod], digest: str
    ) -> None:
        context = self._context
        todo = plan.plan(daemon_set, fits, pods, digest, context.wall_clock())

        async def create(node: str) -> None:
            pod = await context.write.create(
                Pod, daemon_set.metadata.namespace, pod_body(daemon_set, node, digest)
            )
            message = f"Created pod: {pod.metadata.name}"
            context.tell(self.name, daemon_set, "Normal", "SuccessfulCreate", message)

        async def delete(pod: Pod) -> None:
            await context.write.delete(pod)
            message = f"Deleted pod: {pod.metadata.name}"
            context.tell(self.name, daemon_set, "Normal", "SuccessfulDelete", message)

        gone = [*todo.delete, *(pod for pod in todo.failed if self._may_retry(daemon_set, pod))]
        failures = await all_at_once([*map(delete, gone), *map(create, todo.create)])
        for failure in failures:
            if not (isinstance(failure, Forbidden) and "being terminated" in failure.message):
                context.tell(self.name, daemon_set, "Warning", "FailedCreate", f"Error creating: {failure}")
                raise failure

    def _may_retry(self, daemon_set: DaemonSet, pod: Pod) -> bool:
        """Failed pods are replaced after 1 s, 2 s, … up to 15 min a node."""
        name = (daemon_set.metadata.uid, node_of(pod))
        now = self._context.now()
        count, last_at = self._failures.get(name, (0, float("-inf")))
        wait_s = last_at + min(_BACKOFF_S * 2.0**count, _BACKOFF_MAX_S) - now
        if wait_s > 0:
            self.queue.add_after(key_of(daemon_set), wait_s)
            return False
        self._failures[name] = (count + 1 if now - last_at < 2 * _BACKOFF_MAX_S else 0, now)
        return True

    async def _write_status(self, daemon_set: DaemonSet, fits: dict[str, Fitness], digest: str) -> None:
        current = self._sets.objects.get(key_of(daemon_set))
        if current is None or current.metadata.uid != daemon_set.metadata.uid:
            return
        pods = self._pods.by(_OWNED, daemon_set.metadata.uid)
        status = plan.status(daemon_set, fits, pods, digest, self._context.wall_clock())
        patch = status_patch(current.status, status, keep_zero=_KEPT_ZEROS)
        if patch is not None:
            await self._context.write.patch_status(current, patch)


def _selects(one: DaemonSet, pod: Pod) -> bool:
    return one.spec.selector.matches(pod.metadata.labels)
