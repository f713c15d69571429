"""GET, PUT and PATCH of …/scale: the replicas of what has them, as autoscaling/v1 Scale."""

from typing import Any

from kube.apiserver import status
from kube.apiserver.kinds import Kind, patch, schema
from kube.apiserver.representation import conversion
from kube.apiserver.requests import bodies
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import Answer, Object, Request, json_answer
from kube.apiserver.state import Api
from kube.apiserver.verbs.write import update, write_of


def scale_of(kind: Kind, obj: Object) -> Object:
    """The Scale that shows obj. StatusError 500 where a custom resource does not say its replicas."""
    metadata = obj["metadata"]
    spec, state = obj.get("spec") or {}, obj.get("status") or {}
    shown: Object = {"replicas": state.get("replicas", 0)}
    selector, replicas = _selector_text(spec.get("selector")), spec.get("replicas")
    paths = kind.custom.scale if kind.custom is not None else None
    if paths is not None:
        replicas, shown["replicas"] = paths.replicas(obj), paths.status_replicas(obj)
        selector = paths.selector_text(obj)
    if selector:
        shown["selector"] = selector
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def _selector_text(selector: Any) -> str:
    """As a query would have it; a ReplicationController's selector is a plain map."""
    if not isinstance(selector, dict):
        return ""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for row in selector.get("matchExpressions") or ():
        key, values = row["key"], ",".join(sorted(row.get("values") or ()))
        match row["operator"]:
            case "In":
                terms.append(f"{key} in ({values})")
            case "NotIn":
                terms.append(f"{key} notin ({values})")
            case "Exists":
                terms.append(key)
            case _:
                terms.append(f"!{key}")
    return ",".join(sorted(terms))


async def scale(api: Api, kind: Kind, target: Target, request: Request) -> Answer:
    """GET, PUT and PATCH of …/scale."""
    if request.method == "GET":
        entry = api.get(kind, target.namespace, target.name)
        if entry is None:
            raise status.not_found(kind.resource, target.name)
        return json_answer(scale_of(kind, conversion.decoded(kind, entry)))
    write = write_of(api, kind, target.namespace, request)._replace(owned_through="scale")
    if request.method == "PUT":
        body = bodies.subresource_of(request, "autoscaling/v1", "Scale")
    else:
        body = None
        asked = (
            bodies.parse_yaml(request.body)
            if "yaml" in bodies.media_type(request)
            else bodies.parse_json(request.body)
        )

    def change(obj: Object) -> Object:
        wanted = body or _patched_scale(kind, scale_of(kind, obj), bodies.media_type(request), asked)
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            error = status.invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
            raise status.invalid(status.GroupName("autoscaling", "Scale"), target.name, [error])
        version = (wanted.get("metadata") or {}).get("resourceVersion")
        if version:
            obj["metadata"]["resourceVersion"] = version
        if kind.custom is not None and kind.custom.scale is not None:
            kind.custom.scale.set_replicas(obj, replicas)
        else:
            obj.setdefault("spec", {})["replicas"] = replicas
        return obj

    written = await update(write, target.name, change)
    return json_answer(scale_of(kind, conversion.decoded(kind, written.entry)))


def _patched_scale(kind: Kind, scale: Object, media: str, asked: Any) -> Object:
    """Scale has no lists, so a strategic or apply patch of it merges as a merge patch does."""
    if media != patch.JSON_PATCH:
        media = patch.MERGE_PATCH
    patched = patch.apply(kind, scale, media, asked)
    schema.read("io.k8s.api.autoscaling.v1.Scale", patched)
    return patched
