"""Where a request for a pod, service or node is passed on to: the node agent's paths, or the pod itself."""

from typing import Literal
from urllib.parse import quote, urlencode

from kube.apiserver import status
from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.outbound.places import SERVICES, ready_endpoints
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import Answer, Object, Query, Relay, Request, text_answer
from kube.apiserver.state import Api

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
# exec's options as the API names them, and as the kubelet does.
_STREAMS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_LOG_OPTIONS = (
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
    "stream",
)


def _kind(plural: str) -> Kind:
    kind = kind_at("", "v1", plural)
    assert kind is not None
    return kind


PODS, NODES = _kind("pods"), _kind("nodes")


def pod_stream(api: Api, target: Target, request: Request) -> Relay | Answer:
    """log, exec, attach and portforward of a pod."""
    pod = _object(api, PODS, target.namespace, target.name)
    node_name = pod["spec"].get("nodeName")
    if not node_name:
        if target.subresource == "log":
            return text_answer("")
        raise status.bad_request(f"pod {target.name} does not have a host assigned")
    place = f"{quote(target.namespace)}/{quote(target.name)}"
    match target.subresource:
        case "log":
            container = _container(pod, request.query)
            options = [(name, request.query.get(name)) for name in _LOG_OPTIONS if name in request.query]
            path = f"/containerLogs/{place}/{quote(container)}"
        case "portforward":
            options = [("port", port) for port in request.query.all("ports")]
            path = f"/portForward/{place}"
        case action:
            container = _container(pod, request.query)
            options = [("command", word) for word in request.query.all("command")]
            options += [(theirs, "1") for ours, theirs in _STREAMS.items() if request.query.flag(ours)]
            path = f"/{action}/{place}/{quote(container)}"
    return _to_node(api, node_name, f"{path}?{urlencode(options)}" if options else path)


def _object(api: Api, kind: Kind, namespace: str, name: str) -> Object:
    entry = api.get(kind, namespace, name)
    if entry is None:
        raise status.not_found(kind.resource, name)
    return entry.decode()


def _container(pod: Object, query: Query) -> str:
    """The container asked for, or the only one, or the one the annotation names."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    listed = [item["name"] for item in spec.get("containers") or ()]
    others = [
        item["name"] for field in ("initContainers", "ephemeralContainers") for item in spec.get(field) or ()
    ]
    asked = query.get("container")
    if asked:
        if asked not in (*listed, *others):
            raise status.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    preferred = (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER, "")
    if preferred in listed:
        return str(preferred)
    if len(listed) == 1:
        return str(listed[0])
    choice = f"a container name must be specified for pod {name}, choose one of: [{' '.join(listed)}]"
    if others:
        choice += f" or one of the init containers: [{' '.join(others)}]"
    raise status.bad_request(choice)


def _to_node(api: Api, name: str, target: str) -> Relay:
    node = _object(api, NODES, "", name)
    host, port = node_address(api, node)
    if not host:
        raise status.StatusError(
            500, "InternalError", f"node {name} has no address in its status: is knode running there?"
        )
    return Relay(host, port, target, tls="node")


def node_address(api: Api, node: Object) -> tuple[str, int]:
    """Where the node agent listens; the host is empty while the node does not say."""
    state = node.get("status") or {}
    addresses = {row["type"]: row["address"] for row in reversed(state.get("addresses") or ())}
    host = addresses.get("InternalIP") or addresses.get("ExternalIP") or addresses.get("Hostname") or ""
    endpoint = (state.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    return host, int(endpoint.get("Port") or api.settings.kubelet_port)


def proxy(api: Api, target: Target, request: Request) -> Relay | Answer:
    """pods/NAME[:PORT]/proxy, services/…, nodes/…: `https:NAME:PORT` asks for TLS."""
    if not target.rest and request.method in ("GET", "HEAD") and "upgrade" not in request.headers:
        # Relative links of the page need the slash.
        query = f"?{request.raw_query}" if request.raw_query else ""
        return Answer(301, b"", "text/plain", (("Location", f"{request.path}/{query}"),))
    relay = _proxied(api, target, request)
    prefix = request.path.removesuffix(target.rest)
    return relay._replace(prefix=prefix, headers=(("X-Forwarded-Uri", request.path),))


def _proxied(api: Api, target: Target, request: Request) -> Relay:
    scheme, name, port = _proxied_name(target.name)
    path = target.rest or "/"
    if request.raw_query:
        path = f"{path}?{request.raw_query}"
    match target.plural:
        case "nodes":
            return _to_node(api, name, path)
        case "pods":
            pod = _object(api, PODS, target.namespace, name)
            host = (pod.get("status") or {}).get("podIP")
            if not host:
                raise status.bad_request("address not allowed")
            return Relay(host, _pod_port(pod, port, scheme), path, tls=_tls(scheme))
        case _:
            return _to_service(api, target, name, port, scheme, path)


def _tls(scheme: str) -> Literal["none", "unchecked"]:
    return "unchecked" if scheme == "https" else "none"


def _proxied_name(text: str) -> tuple[str, str, str]:
    match text.split(":"):
        case [name]:
            return "http", name, ""
        case [name, port]:
            return "http", name, port
        case [("http" | "https" | "") as scheme, name, port]:
            return scheme or "http", name, port
        case _:
            raise status.bad_request(f'invalid request "{text}": want NAME, NAME:PORT or SCHEME:NAME:PORT')


def _pod_port(pod: Object, port: str, scheme: str) -> int:
    ports = [row for container in pod["spec"].get("containers") or () for row in container.get("ports") or ()]
    if port.isdigit():
        return int(port)
    for row in ports:
        if not port or row.get("name") == port:
            return int(row["containerPort"])
    if port:
        raise status.bad_request(f'no container port of pod {pod["metadata"]["name"]} is named "{port}"')
    return 443 if scheme == "https" else 80


def _to_service(api: Api, target: Target, name: str, port: str, scheme: str, path: str) -> Relay:
    service = _object(api, SERVICES, target.namespace, name)
    ports = service["spec"].get("ports") or ()
    wanted = [row for row in ports if not port or port in (row.get("name"), str(row["port"]))]
    if not wanted:
        raise status.service_unavailable(f'no service port "{port}" found for service "{name}"')
    ready = ready_endpoints(api, target.namespace, name, wanted[0].get("name") or "")
    if not ready:
        raise status.service_unavailable(f'no endpoints available for service "{name}"')
    host, number = api.rng.choice(ready)
    return Relay(host, number, path, tls=_tls(scheme))
