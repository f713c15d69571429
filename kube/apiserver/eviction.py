"""POST pods/NAME/eviction: a delete that asks the disruption budgets first."""

import copy

from kube.apiserver import bodies, status
from kube.apiserver.delete import delete
from kube.apiserver.kinds import kind_at
from kube.apiserver.kinds.selectors import from_object
from kube.apiserver.locations import PODS
from kube.apiserver.nodes import restriction
from kube.apiserver.options import delete_options
from kube.apiserver.path import Target
from kube.apiserver.request import ANONYMOUS, EMPTY_QUERY, Answer, Object, Request, done
from kube.apiserver.state import Api
from kube.apiserver.write import rewrite

_POLICY = "policy/v1"
_budgets = kind_at("policy", "v1", "poddisruptionbudgets")
assert _budgets is not None
BUDGETS = _budgets


async def evict(api: Api, target: Target, request: Request) -> Answer:
    """POST pods/NAME/eviction: a delete that asks the disruption budgets first (429 when one says no)."""
    eviction, _ = bodies.typed_object(request, _POLICY, "Eviction")
    options = delete_options(EMPTY_QUERY, eviction.get("deleteOptions"))
    entry = api.get(PODS, target.namespace, target.name)
    if entry is None:
        raise status.not_found(PODS.resource, target.name)
    pod = entry.decode()
    if "Node" in api.settings.authorization_modes:
        restriction.check_eviction(PODS, pod, request.user or ANONYMOUS)
    phase = (pod.get("status") or {}).get("phase")
    if phase not in ("Succeeded", "Failed", "Pending") and not pod["metadata"].get("deletionTimestamp"):
        await _ask_budgets(api, target, pod, dry_run=options.dry_run)
    await delete(api, PODS, target.namespace, target.name, options)
    return done(201)


async def _ask_budgets(api: Api, target: Target, pod: Object, *, dry_run: bool) -> None:
    labels = pod["metadata"].get("labels") or {}
    snapshot = api.cache.collection(BUDGETS.storage_key).at(api.cache.revision)
    matching = []
    for entry in snapshot.after("", target.namespace):
        budget = entry.decode()
        if from_object((budget.get("spec") or {}).get("selector")).matches(labels):
            matching.append(budget)
    if len(matching) > 1:
        raise status.StatusError(
            500,
            "InternalError",
            "more than one PodDisruptionBudget selects this pod: eviction cannot tell which to ask",
        )
    if matching:
        await _take_disruption(api, matching[0], target, dry_run=dry_run)


async def _take_disruption(api: Api, budget: Object, target: Target, *, dry_run: bool) -> None:
    """One less allowed disruption, written before the pod goes, so that two evictions cannot share one."""
    name = budget["metadata"]["name"]

    def change(found: Object) -> Object:
        state = found.setdefault("status", {})
        allowed = state.get("disruptionsAllowed", 0)
        if allowed <= 0:
            cause = {
                "reason": "DisruptionBudget",
                "message": f"The disruption budget {name} needs {state.get('desiredHealthy', 0)} healthy pods "
                f"and has {state.get('currentHealthy', 0)} currently",
            }
            why = "Cannot evict pod as it would violate the pod's disruption budget."
            raise status.too_many_requests(why, retry_after_s=0, causes=[cause])
        state["disruptionsAllowed"] = allowed - 1
        state.setdefault("disruptedPods", {})[target.name] = api.now()
        return found

    if dry_run:
        change(copy.deepcopy(budget))
    else:
        await rewrite(api, BUDGETS, target.namespace, name, change)
