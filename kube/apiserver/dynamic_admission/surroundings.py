"""What an attempt is judged against besides itself: its namespace, other versions, parameters, rights."""

from collections.abc import Mapping
from typing import Any

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.admission.kinds import NAMESPACES
from kube.apiserver.cel.functions.authorizer import Authorizer, Decision, Question
from kube.apiserver.dynamic_admission.attempts import Attempt, request_of
from kube.apiserver.kinds import KINDS, Kind
from kube.apiserver.kinds.selectors import from_object
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api

_NO_KIND = "failed to configure policy: failed to find resource referenced by paramKind: '{}, Kind={}'"


def equivalents(api: Api, kind: Kind) -> tuple[Kind, ...]:
    """Other kinds that show the same objects."""
    kinds = api.catalog.kinds if kind.custom is not None else KINDS
    return tuple(other for other in kinds if other.storage_key == kind.storage_key and other.gvr != kind.gvr)


def namespace_of(api: Api, attempt: Attempt) -> Object | None:
    """As it is stored; None for what lives in none, and for namespaces themselves."""
    if not attempt.namespace or attempt.kind.key == "namespaces":
        return None
    entry = api.get(NAMESPACES, "", attempt.namespace)
    return entry.decode() if entry is not None else None


def namespace_labels(api: Api, attempt: Attempt) -> Mapping[str, str] | None:
    """For the namespace selector: a Namespace is selected by its own labels."""
    if attempt.kind.key == "namespaces":
        return ((attempt.obj or attempt.old or {}).get("metadata") or {}).get("labels") or {}
    if not attempt.kind.namespaced:
        return None
    entry = api.get(NAMESPACES, "", attempt.namespace)
    return entry.labels if entry is not None else {}


def variables(
    api: Api,
    attempt: Attempt,
    seen_as: Kind,
    obj: Object | None,
    old: Object | None,
    params: Object | None = None,
) -> dict[str, Any]:
    """The variables of expressions."""
    authorizer = Authorizer(lambda question: _ask(api, attempt.user, question))
    kind = attempt.kind
    resource = authorizer.narrowed(
        "ResourceCheck",
        group=kind.group,
        resource=kind.plural,
        subresource=attempt.subresource,
        namespace=attempt.namespace,
        name=attempt.name,
    )
    return {
        "object": obj,
        "oldObject": old,
        "request": {name: value for name, value in request_of(attempt, seen_as).items() if name != "uid"},
        "namespaceObject": namespace_of(api, attempt),
        "params": params,
        "authorizer": authorizer,
        "authorizer.requestResource": resource,
    }


def _ask(api: Api, user: User, question: Question) -> Decision:
    if question.user:
        name = question.user
        _, _, namespace, _ = name.split(":", 3)
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        user = User(name, groups)
    found = api.authorizer.decide(
        Attributes(
            user,
            question.verb,
            question.group,
            "*" if question.resource else "",
            question.resource,
            question.subresource,
            question.namespace,
            question.name,
            question.path,
        )
    )
    return Decision(found.allowed, found.reason)


class NoParameters(Exception):
    """What a binding names as its parameters is not there; `denies` says whether that counts."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


def parameters(
    api: Api, param_kind: Object | None, reference: Object | None, namespace: str
) -> list[Object | None]:
    """The objects to evaluate a policy with, one after the other; [None] for a policy without parameters.

    Raises NoParameters.
    """
    if param_kind is None:
        return [None]
    group, _, version = param_kind["apiVersion"].rpartition("/")
    kind = next(
        (
            row
            for row in api.catalog.kinds
            if (row.group, row.version, row.kind) == (group, version, param_kind["kind"]) and row.stored
        ),
        None,
    )
    if kind is None:
        raise NoParameters(_NO_KIND.format(param_kind["apiVersion"], param_kind["kind"]))
    if reference is None:
        return [None]
    found = _referenced(api, kind, reference, namespace)
    if not found and reference.get("parameterNotFoundAction", "Deny") == "Deny":
        raise NoParameters(
            "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        )
    return list(found)


def _referenced(api: Api, kind: Kind, reference: Object, namespace: str) -> list[Object]:
    place = (reference.get("namespace") or namespace) if kind.namespaced else ""
    if kind.namespaced and not place:
        raise NoParameters(
            "failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
        )
    if reference.get("name"):
        entry = api.get(kind, place, reference["name"])
        return [entry.decode()] if entry is not None else []
    selector = from_object(reference.get("selector") or {})
    snapshot = api.cache.collection(kind.storage_key).at(api.cache.revision)
    return [entry.decode() for entry in snapshot.after("", place) if selector.matches(entry.labels)]
