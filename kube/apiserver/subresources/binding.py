"""POST pods/NAME/binding: the scheduler's decision."""

from kube.apiserver import status
from kube.apiserver.relay.locations import PODS
from kube.apiserver.requests import bodies
from kube.apiserver.requests.options import dry_run_of
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import Answer, Object, Request, done
from kube.apiserver.state import Api
from kube.apiserver.verbs.write import rewrite


async def bind(api: Api, target: Target, request: Request) -> Answer:
    """POST pods/NAME/binding: the scheduler's decision. 409 when the pod has a node already."""
    binding = bodies.subresource_of(request, "v1", "Binding")
    metadata, node = binding.get("metadata") or {}, (binding.get("target") or {}).get("name")
    name = target.name or metadata.get("name", "")
    if not node:
        error = status.required("target.name")
        raise status.invalid(status.GroupName("", "Binding"), name, [error])
    if (binding["target"].get("kind") or "Node") not in ("Node", "Minion"):
        error = status.not_supported("target.kind", binding["target"]["kind"], ("Node", "<empty>"))
        raise status.invalid(status.GroupName("", "Binding"), name, [error])

    def change(pod: Object) -> Object:
        found = pod["metadata"]
        if metadata.get("uid") and metadata["uid"] != found["uid"]:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {found['uid']}"
            raise status.conflict(PODS.resource, name, why)
        if found.get("deletionTimestamp"):
            raise status.conflict(
                PODS.resource, name, f"pod {name} is being deleted, cannot be assigned to a host"
            )
        if pod["spec"].get("nodeName"):
            why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
            raise status.conflict(PODS.resource, name, why)
        if pod["spec"].get("schedulingGates"):
            raise status.conflict(PODS.resource, name, f"pod {name} has non-empty .spec.schedulingGates")
        pod["spec"]["nodeName"] = node
        for field in ("annotations", "labels"):
            if metadata.get(field):
                found[field] = {**(found.get(field) or {}), **metadata[field]}
        _set_condition(pod, "PodScheduled", "True", api.now())
        return pod

    if not dry_run_of(request.query.all("dryRun"), []):
        await rewrite(api, PODS, target.namespace, name, change)
    return done(201)


def _set_condition(pod: Object, kind: str, value: str, now: str) -> None:
    state = pod.setdefault("status", {})
    conditions = [row for row in state.get("conditions") or () if row.get("type") != kind]
    state["conditions"] = [
        *conditions,
        {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": now},
    ]
