"""Connections (exec, attach, portforward, proxy) as webhooks and policies are asked about them."""

from kube.apiserver.dynamic_admission import drive
from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.kinds import Kind
from kube.apiserver.kinds.kind import GroupVersionKind
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import ANONYMOUS, Object, Request
from kube.apiserver.state import Api

# What the options of a connection are called, by resource and subresource.
_OPTIONS = {
    ("pods", "exec"): "PodExecOptions",
    ("pods", "attach"): "PodAttachOptions",
    ("pods", "portforward"): "PodPortForwardOptions",
    ("pods", "proxy"): "PodProxyOptions",
    ("services", "proxy"): "ServiceProxyOptions",
    ("nodes", "proxy"): "NodeProxyOptions",
}
_FLAGS = ("stdin", "stdout", "stderr", "tty")


async def reviewed_connection(api: Api, kind: Kind, target: Target, request: Request) -> None:
    """Raises StatusError."""
    lists = api.registrations.now
    if lists is None or not lists.any:
        return
    name = _OPTIONS.get((kind.plural, target.subresource), "PodProxyOptions")
    options: Object = {"kind": name, "apiVersion": "v1"}
    query = request.query
    if name in ("PodExecOptions", "PodAttachOptions"):
        options |= {flag: True for flag in _FLAGS if query.flag(flag)}
        if query.get("container"):
            options["container"] = query.get("container")
        if name == "PodExecOptions":
            options["command"] = list(query.all("command"))
    elif name == "PodPortForwardOptions":
        options["ports"] = [int(port) for port in query.all("ports") if port.isdigit()]
    else:
        options["path"] = target.rest
    attempt = Attempt(
        "CONNECT",
        kind,
        target.namespace,
        target.name,
        request.user or ANONYMOUS,
        options,
        None,
        GroupVersionKind("", "v1", name),
        subresource=target.subresource,
    )
    await drive.review(api, attempt, [])
