"""POST pods/NAME/eviction: a delete that asks the disruption budgets first."""

import copy

from kube.apiserver import status
from kube.apiserver.admission import node_restriction
from kube.apiserver.kinds import kind_at
from kube.apiserver.kinds.selectors import LabelSelector, from_object
from kube.apiserver.relay.locations import PODS
from kube.apiserver.requests import bodies
from kube.apiserver.requests.options import delete_options
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import ANONYMOUS, EMPTY_QUERY, Answer, Object, Request, done
from kube.apiserver.state import Api
from kube.apiserver.verbs.delete import delete
from kube.apiserver.verbs.write import rewrite

_POLICY = "policy/v1"
_VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."
_budgets = kind_at("policy", "v1", "poddisruptionbudgets")
assert _budgets is not None
BUDGETS = _budgets


async def evict(api: Api, target: Target, request: Request) -> Answer:
    """POST pods/NAME/eviction: a delete that asks the disruption budgets first (429 when one says no)."""
    eviction = bodies.subresource_of(request, _POLICY, "Eviction")
    options = delete_options(EMPTY_QUERY, eviction.get("deleteOptions"))
    entry = api.get(PODS, target.namespace, target.name)
    if entry is None:
        raise status.not_found(PODS.resource, target.name)
    pod = entry.decode()
    if "Node" in api.settings.authorization_modes:
        node_restriction.check_eviction(PODS, pod, request.user or ANONYMOUS)
    phase = (pod.get("status") or {}).get("phase")
    if phase not in ("Succeeded", "Failed", "Pending") and not pod["metadata"].get("deletionTimestamp"):
        await _ask_budgets(api, target, pod, dry_run=options.dry_run)
        if not options.dry_run:
            await rewrite(api, PODS, target.namespace, target.name, lambda found: _marked(api, found))
    await delete(api, PODS, target.namespace, target.name, options)
    return done(201)


def _marked(api: Api, pod: Object) -> Object:
    """The pod says why it goes."""
    state = pod.setdefault("status", {})
    others = [row for row in state.get("conditions") or () if row.get("type") != "DisruptionTarget"]
    reason = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
        "lastTransitionTime": api.now(),
    }
    state["conditions"] = [*others, reason]
    return pod


async def _ask_budgets(api: Api, target: Target, pod: Object, *, dry_run: bool) -> None:
    """StatusError 429; or takes one of the disruptions that the pod's budget allows."""
    labels = pod["metadata"].get("labels") or {}
    snapshot = api.cache.collection(BUDGETS.storage_key).at(api.cache.revision)
    found = [entry.decode() for entry in snapshot.after("", target.namespace)]
    matching = [budget for budget in found if _selector(budget).matches(labels)]
    if len(matching) > 1:
        why = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise status.StatusError(500, "InternalError", why)
    if matching and (_is_ready(pod) or not _spares_unready(matching[0])):
        await _take_disruption(api, matching[0], target, dry_run=dry_run)


def _selector(budget: Object) -> LabelSelector:
    return from_object((budget.get("spec") or {}).get("selector"))


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(row.get("type") == "Ready" and row.get("status") == "True" for row in conditions)


def _spares_unready(budget: Object) -> bool:
    """A pod that is not ready keeps nothing up: it may go when enough others are, or always (KEP-3017)."""
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    state = budget.get("status") or {}
    desired = int(state.get("desiredHealthy", 0))
    return 0 < desired <= int(state.get("currentHealthy", 0))


async def _take_disruption(api: Api, budget: Object, target: Target, *, dry_run: bool) -> None:
    """One less allowed disruption, written before the pod goes, so that two evictions cannot share one."""
    name = budget["metadata"]["name"]

    def change(found: Object) -> Object:
        state = found.setdefault("status", {})
        if state.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
            message = f"The disruption budget {name} is still being processed by the server."
            cause = {"reason": "DisruptionBudget", "message": message}
            raise status.too_many_requests(_VIOLATED, retry_after_s=10, causes=[cause])
        allowed = state.get("disruptionsAllowed", 0)
        if allowed <= 0:
            cause = {
                "reason": "DisruptionBudget",
                "message": f"The disruption budget {name} needs {state.get('desiredHealthy', 0)} healthy pods "
                f"and has {state.get('currentHealthy', 0)} currently",
            }
            raise status.too_many_requests(_VIOLATED, retry_after_s=0, causes=[cause])
        state["disruptionsAllowed"] = allowed - 1
        state.setdefault("disruptedPods", {})[target.name] = api.now()
        return found

    if dry_run:
        change(copy.deepcopy(budget))
    else:
        await rewrite(api, BUDGETS, target.namespace, name, change)
