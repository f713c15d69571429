"""Kubernetes' authorizer library: may the user who asks do something else too?"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import Opaque


class Question(NamedTuple):
    """What the server's authorizer is asked about the user; `user` is set for a service account."""

    verb: str
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    field_selector: str = ""
    label_selector: str = ""


class Decision(msgspec.Struct, frozen=True):
    """What check() gives."""

    allowed: bool
    reason: str = ""
    type_name = "kubernetes.authorization.Decision"


Ask = Callable[[Question], Decision]


_NOTHING = Question("")


class Authorizer(Opaque):
    """The variable `authorizer`, and what its methods make of it."""

    def __init__(self, ask: Ask, question: Question = _NOTHING, step: str = "Authorizer") -> None:
        self._ask = ask
        self._question = question
        self.type_name = f"kubernetes.authorization.{step}"

    def narrowed(self, step: str, **values: str) -> "Authorizer":
        return Authorizer(self._ask, self._question._replace(**values), step)

    def check(self, verb: str) -> Decision:
        return self._ask(self._question._replace(verb=verb))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


_A = "kubernetes.authorization."
_GROUP, _RESOURCE, _PATH = f"{_A}GroupCheck", f"{_A}ResourceCheck", f"{_A}PathCheck"
_DECISION = f"{_A}Decision"


def _account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    return authorizer.narrowed("Authorizer", user=f"system:serviceaccount:{namespace}:{name}")


TABLE = (
    overload(
        f"{_A}Authorizer::path(string) -> {_PATH}", lambda one, path: one.narrowed("PathCheck", path=path)
    ),
    overload(
        f"{_A}Authorizer::group(string) -> {_GROUP}",
        lambda one, group: one.narrowed("GroupCheck", group=group),
    ),
    overload(f"{_A}Authorizer::serviceAccount(string, string) -> {_A}Authorizer", _account),
    overload(
        f"{_GROUP}::resource(string) -> {_RESOURCE}",
        lambda one, plural: one.narrowed("ResourceCheck", resource=plural),
    ),
    overload(
        f"{_RESOURCE}::subresource(string) -> {_RESOURCE}",
        lambda one, name: one.narrowed("ResourceCheck", subresource=name),
    ),
    overload(
        f"{_RESOURCE}::namespace(string) -> {_RESOURCE}",
        lambda one, name: one.narrowed("ResourceCheck", namespace=name),
    ),
    overload(
        f"{_RESOURCE}::name(string) -> {_RESOURCE}",
        lambda one, name: one.narrowed("ResourceCheck", name=name),
    ),
    overload(
        f"{_RESOURCE}::fieldSelector(string) -> {_RESOURCE}",
        lambda one, text: one.narrowed("ResourceCheck", field_selector=text),
    ),
    overload(
        f"{_RESOURCE}::labelSelector(string) -> {_RESOURCE}",
        lambda one, text: one.narrowed("ResourceCheck", label_selector=text),
    ),
    overload(f"{_RESOURCE}::check(string) -> {_DECISION}", Authorizer.check),
    overload(f"{_PATH}::check(string) -> {_DECISION}", Authorizer.check),
    overload(f"{_DECISION}::allowed() -> bool", lambda decision: decision.allowed),
    overload(f"{_DECISION}::reason() -> string", lambda decision: decision.reason),
    overload(f"{_DECISION}::errored() -> bool", lambda _: False),
    overload(f"{_DECISION}::error() -> string", lambda _: ""),
)
