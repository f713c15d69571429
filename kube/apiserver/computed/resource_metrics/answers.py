"""GET and LIST of NodeMetrics and PodMetrics."""

from collections.abc import Iterable, Iterator

import msgspec

from kube.apiserver import status
from kube.apiserver.computed.resource_metrics.summaries import Place, Summary, Use
from kube.apiserver.kinds import Kind, resource_metrics
from kube.apiserver.relay.locations import NODES, PODS, node_address
from kube.apiserver.representation.views import ListMeta, negotiate
from kube.apiserver.requests.call import Call
from kube.apiserver.requests.options import list_options
from kube.apiserver.requests.request import JSON, Answer, Object
from kube.apiserver.requests.selection import ObjectSelection
from kube.apiserver.state import Api
from kube.apiserver.verbs.read import selected
from kube.store.entries import Entry
from kube.store.watchers import View

_WINDOW = "10s"  # about what the node agents' rates are taken over


async def answer(api: Api, call: Call) -> Answer:
    """StatusError 404, 405, and 503 where no node agent can be asked."""
    if call.verb not in call.kind.verbs:
        raise status.method_not_allowed(call.kind.resource, call.verb)
    if api.summaries is None:
        raise status.service_unavailable("this server has no way to the node agents")
    shown = negotiate(call.kind, call.request.headers.get("accept", ""), call.request.query, api.clock())
    found = [_entry(api, call.kind, obj) for obj in await _objects(api, call)]
    if call.verb == "list":
        return Answer(200, shown.list(shown.rows(found), ListMeta(api.cache.revision)), JSON)
    if not found:
        raise status.not_found(call.kind.resource, call.target.name)
    return Answer(200, shown.object(View(found[0])), JSON)


async def _objects(api: Api, call: Call) -> list[Object]:
    assert api.summaries is not None
    about = NODES if call.kind == resource_metrics.NODES else PODS
    options = list_options(about, call.request.query, watch=False)
    selection = ObjectSelection(call.target.namespace, call.target.name, options.labels, options.fields)
    snapshot = api.cache.collection(about.storage_key).at(api.cache.revision)
    objects = [entry.decode() for entry in selected(snapshot, selection)]
    names = {_node_of(about, obj) for obj in objects}
    summaries = await api.summaries.of(_places(api, names))
    make = node_metrics if about is NODES else pod_metrics
    made = (make(obj, summaries.get(_node_of(about, obj)), api.now()) for obj in objects)
    return [obj for obj in made if obj is not None]


def _node_of(kind: Kind, obj: Object) -> str:
    return str(obj["metadata"]["name"] if kind is NODES else (obj.get("spec") or {}).get("nodeName") or "")


def _places(api: Api, names: Iterable[str]) -> Iterator[Place]:
    for name in names:
        entry = api.get(NODES, "", name) if name else None
        if entry is not None:
            host, port = node_address(api, entry.decode())
            if host:
                yield Place(name, host, port)


def node_metrics(node: Object, summary: Summary | None, now: str) -> Object | None:
    """None when the node did not answer."""
    if summary is None or summary.node.cpu_nano is None:
        return None
    return {**_head(resource_metrics.NODES, node, now), "usage": _usage(summary.node)}


def pod_metrics(pod: Object, summary: Summary | None, now: str) -> Object | None:
    """None for a pod that does not run, or whose node does not know it yet."""
    used = summary.pods.get(pod["metadata"].get("uid", "")) if summary is not None else None
    if not used or (pod.get("status") or {}).get("phase") != "Running":
        return None
    containers = [{"name": name, "usage": _usage(use)} for name, use in sorted(used.items())]
    return {**_head(resource_metrics.PODS, pod, now), "containers": containers}


def _head(kind: Kind, about: Object, now: str) -> Object:
    metadata = {
        name: about["metadata"][name] for name in ("name", "namespace", "labels") if name in about["metadata"]
    }
    return {
        "kind": kind.kind,
        "apiVersion": kind.api_version,
        "metadata": {**metadata, "creationTimestamp": now},
        "timestamp": now,
        "window": _WINDOW,
    }


def _usage(use: Use) -> dict[str, str]:
    return {"cpu": f"{use.cpu_nano or 0}n", "memory": f"{(use.memory_bytes or 0) // 1024}Ki"}


def _entry(api: Api, kind: Kind, obj: Object) -> Entry:
    metadata = obj["metadata"]
    key = f"{metadata['namespace']}/{metadata['name']}" if kind.namespaced else metadata["name"]
    revision = api.cache.revision
    return Entry(key, msgspec.json.encode(obj), revision, revision, metadata.get("labels") or {})
