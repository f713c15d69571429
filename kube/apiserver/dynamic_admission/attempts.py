"""What somebody is about to do, as webhooks and policies are asked about it."""

from typing import Any, Literal, NamedTuple

from kube.apiserver.kinds import Kind
from kube.apiserver.kinds.kind import GroupVersionKind
from kube.apiserver.requests.request import Object, User

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]

# Nobody may be locked out from mending these.
EXEMPT = frozenset(
    f"{plural}.admissionregistration.k8s.io"
    for plural in (
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    )
)


class Attempt(NamedTuple):
    """`obj` is None for a deletion, `old` for what is new; both are in the version of `kind`.

    `body` is the object's own type, which is not the kind's for subresources such as scale.
    """

    operation: Operation
    kind: Kind
    namespace: str
    name: str
    user: User
    obj: Object | None
    old: Object | None
    body: GroupVersionKind
    subresource: str = ""
    dry_run: bool = False
    options: Object | None = None

    @property
    def exempt(self) -> bool:
        return self.kind.key in EXEMPT


def request_of(attempt: Attempt, seen_as: Kind, uid: str = "") -> Object:
    """AdmissionRequest without the objects; `seen_as` is the kind in the version that the rule names."""
    body, own = attempt.body, attempt.kind
    shown = seen_as.gvk if body == own.gvk else body
    request: dict[str, Any] = {
        "uid": uid,
        "kind": _gvk(shown),
        "resource": _gvr(seen_as),
        "requestKind": _gvk(body),
        "requestResource": _gvr(own),
    }
    if attempt.subresource:
        request["subResource"] = request["requestSubResource"] = attempt.subresource
    if attempt.name:
        request["name"] = attempt.name
    if attempt.namespace:
        request["namespace"] = attempt.namespace
    request |= {"operation": attempt.operation, "userInfo": attempt.user.info, "dryRun": attempt.dry_run}
    request["options"] = attempt.options
    return request


def _gvk(kind: GroupVersionKind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _gvr(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "resource": kind.plural}
