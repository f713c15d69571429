"""The HorizontalPodAutoscaler controller: looks at each autoscaler every 15 seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kube.client import ApiError, NotFound, PatchKind
from kube.controllers.apply import fetch_served_kinds
from kube.controllers.autoscaler.kinds import Autoscaler, PodMetrics, Scale
from kube.controllers.autoscaler.pace import Memory, Rules, remember, rules
from kube.controllers.autoscaler.plan import Load, Outcome, plan
from kube.controllers.autoscaler.usage import Patience
from kube.controllers.clock import timestamp
from kube.controllers.context import Context
from kube.controllers.pods import condition
from kube.objects import NamespacedName, Pod, Resource
from kube.watch import WorkQueue

_MERGE = {"content-type": "application/merge-patch+json"}
_SCALE_KINDS = {  # what needs no discovery
    ("apps", "Deployment"): "deployments",
    ("apps", "StatefulSet"): "statefulsets",
    ("apps", "ReplicaSet"): "replicasets",
    ("", "ReplicationController"): "replicationcontrollers",
}


class _PodList(msgspec.Struct):
    items: tuple[Pod, ...] = ()


class _MetricsList(msgspec.Struct):
    items: tuple[PodMetrics, ...] = ()


class Autoscalers:
    name = "horizontal-pod-autoscaler"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._autoscalers = context.mirror(Autoscaler)
        self._memory: dict[NamespacedName, Memory] = {}
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._autoscalers.subscribe(self._on_autoscaler)

    def _on_autoscaler(self, key: NamespacedName, old: Autoscaler | None, new: Autoscaler | None) -> None:
        if new is None:
            self._memory.pop(key, None)
        elif old is None or old.spec != new.spec:
            self.queue.add(key)

    async def reconcile(self, key: NamespacedName) -> None:
        one = self._autoscalers.objects.get(key)
        if one is None:
            return
        self.queue.add_after(key, self._context.options.autoscaler_period_s)
        try:
            path = await self._scale_path(one)
            scale = await self._scale(path)
        except ApiError as error:
            message = f"the HPA controller was unable to get the target's current scale: {error}"
            await self._write(one, None, None, [("AbleToScale", False, "FailedGetScale", message)], ())
            self._tell(one, "Warning", "FailedGetScale", str(error))
            return
        await self._keep(key, one, path, scale)

    async def _keep(self, key: NamespacedName, one: Autoscaler, path: str, scale: Scale) -> None:
        context, options = self._context, self._context.options
        chosen = tuple(
            rules(
                one,
                up=up,
                downscale_s=options.downscale_stabilization_s,
                tolerance=options.autoscaler_tolerance,
            )
            for up in (True, False)
        )
        memory = self._memory.get(key, Memory())
        current = scale.spec.replicas
        load = await self._load(one.metadata.namespace, scale.status.selector)
        patience = Patience(
            cpu_initialization_s=options.cpu_initialization_s,
            initial_readiness_s=options.initial_readiness_s,
        )
        outcome, memory = plan(one, current, load, (chosen[0], chosen[1]), memory, patience, context.now())
        conditions = [("AbleToScale", True, "SucceededGetScale", _GOT_SCALE), *outcome.conditions]
        if outcome.failure is not None:
            self._tell(one, "Warning", outcome.failure.reason, outcome.failure.message)
        if outcome.replicas != current:
            body = msgspec.json.encode({"spec": {"replicas": outcome.replicas}})
            await context.client.raw("PATCH", path, headers=_MERGE, body=body)
            memory = remember(memory, outcome.replicas - current, context.now(), _longest_period_s(chosen))
            self._tell(
                one, "Normal", "SuccessfulRescale", f"New size: {outcome.replicas}; reason: {outcome.why}"
            )
            text = f"the HPA controller was able to update the target scale to {outcome.replicas}"
            conditions.append(("AbleToScale", True, "SucceededRescale", text))
        self._memory[key] = memory
        await self._write(one, scale, outcome, conditions, outcome.metrics)

    async def _scale_path(self, one: Autoscaler) -> str:
        """Raises NotFound for a kind that the API does not serve."""
        target = one.spec.scale_target_ref
        group, _, version = target.api_version.rpartition("/")
        plural = _SCALE_KINDS.get((group, target.kind))
        if plural is None:
            served = [each.resource for each in await fetch_served_kinds(self._context.client)]
            found = [each for each in served if (each.group, each.kind) == (group, target.kind)]
            if not found:
                raise NotFound(404, "NotFound", f"no matches for kind {target.kind!r} in group {group!r}")
            plural = found[0].plural
        resource = Resource(group, version or "v1", plural, target.kind)
        return resource.path(one.metadata.namespace, target.name, "scale")

    async def _scale(self, path: str) -> Scale:
        reply = await self._context.client.raw("GET", path)
        return msgspec.json.decode(reply.body, type=Scale)

    async def _load(self, namespace: str, selector: str) -> Load:
        """Measurements that nobody serves are none: the plan says what follows."""
        client = self._context.client
        query = {"labelSelector": selector}
        pods = await client.raw("GET", Pod.resource.path(namespace), query=query)
        try:
            measured = await client.raw("GET", PodMetrics.resource.path(namespace), query=query)
            metrics = msgspec.json.decode(measured.body, type=_MetricsList).items
        except ApiError:
            metrics = ()
        return Load(
            pods=msgspec.json.decode(pods.body, type=_PodList).items,
            measured={each.metadata.name: each for each in metrics},
            now=self._context.wall_clock(),
        )

    async def _write(
        self,
        one: Autoscaler,
        scale: Scale | None,
        outcome: Outcome | None,
        conditions: Iterable[tuple[str, bool, str, str]],
        metrics: Iterable[Mapping[str, Any]] | None,
    ) -> None:
        now = timestamp(self._context.wall_clock())
        status: dict[str, Any] = {
            "conditions": _conditions(one, conditions, now),
            "observedGeneration": one.metadata.generation or None,
        }
        if scale is not None and outcome is not None:
            status["currentReplicas"] = scale.status.replicas
            status["desiredReplicas"] = outcome.replicas
            if outcome.replicas != scale.spec.replicas:
                status["lastScaleTime"] = now
            if metrics is not None:
                status["currentMetrics"] = list(metrics) or None
        await self._context.write.patch(one, {"status": status}, subresource="status", kind=PatchKind.MERGE)

    def _tell(self, one: Autoscaler, type_: str, reason: str, message: str) -> None:
        self._context.tell(self.name, one, type_, reason, message)


_GOT_SCALE = "the HPA controller was able to get the target's current scale"


def _longest_period_s(chosen: Iterable[Rules]) -> float:
    return max(policy.period_seconds for each in chosen for policy in each.policies)


def _conditions(
    one: Autoscaler, wanted: Iterable[tuple[str, bool, str, str]], now: str
) -> list[dict[str, Any]]:
    """The later word on a type counts; what did not change keeps its time, what is not mentioned stays."""
    said = {type_: (status, reason, message) for type_, status, reason, message in wanted}
    order = [each.type for each in one.status.conditions]
    found = []
    for type_ in (*order, *(each for each in said if each not in order)):
        before = condition(one.status.conditions, type_)
        if type_ not in said:
            assert before is not None
            found.append(msgspec.to_builtins(before))
            continue
        status, reason, message = said[type_]
        text = str(status)
        same = before is not None and before.status == text
        at = before.last_transition_time if same and before is not None else now
        found.append(
            {"type": type_, "status": text, "lastTransitionTime": at, "reason": reason, "message": message}
        )
    return found
