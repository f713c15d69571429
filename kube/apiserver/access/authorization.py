"""May this user do that: the question, the answer, and the authorizers that need no objects."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kube.apiserver.requests.request import ANONYMOUS, Query, User

if TYPE_CHECKING:
    from kube.apiserver.access.rbac.rules import Rule

# What callers without credentials may read.
PUBLIC_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version"})
MASTERS = "system:masters"
_NO_FIELDS: Mapping[str, str] = {}


class Attributes(NamedTuple):
    """What is asked for: of a resource, or (`path` set) of a URL that names none.

    `fields` are a list's or watch's field requirements of the form name=value.
    """

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    fields: Mapping[str, str] = _NO_FIELDS

    def sentence(self) -> str:
        """`User "jane" cannot list resource "pods" in API group "" in the namespace "web"`."""
        who = f'User "{self.user.name}" cannot {self.verb}'
        if self.path:
            return f'{who} path "{self.path}"'
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        scope = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'{who} resource "{resource}" in API group "{self.group}" {scope}'


class Decision(NamedTuple):
    allowed: bool
    reason: str = ""


class UserRules(NamedTuple):
    """What a user may do; `error` says why there may be more that could not be told."""

    rules: "tuple[Rule, ...]"
    error: str = ""


class Authorizer(Protocol):
    def decide(self, asked: Attributes) -> Decision: ...

    def rules_for(self, user: User, namespace: str) -> UserRules:
        """In one namespace, those that hold everywhere included."""
        ...


class AlwaysAllow:
    """Whoever is known may do everything; anonymous callers may read the public paths."""

    def decide(self, asked: Attributes) -> Decision:
        if asked.user.name == ANONYMOUS.name and not is_public(asked.path):
            return Decision(
                allowed=False, reason="anonymous callers may read the health and version paths only"
            )
        return Decision(allowed=True)

    def rules_for(self, user: User, namespace: str) -> UserRules:
        from kube.apiserver.access.rbac.rules import EVERYTHING

        return UserRules(EVERYTHING)


class Chain:
    """The first that allows decides; the administrators' group is not asked about."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = tuple(authorizers)

    def decide(self, asked: Attributes) -> Decision:
        if MASTERS in asked.user.groups:
            return Decision(allowed=True)
        reasons = []
        for authorizer in self._authorizers:
            decision = authorizer.decide(asked)
            if decision.allowed:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(allowed=False, reason="\n".join(reasons))

    def rules_for(self, user: User, namespace: str) -> UserRules:
        found = [authorizer.rules_for(user, namespace) for authorizer in self._authorizers]
        errors = [part.error for part in found if part.error]
        error = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]" if errors else ""
        return UserRules(tuple(rule for part in found for rule in part.rules), error)


def is_public(path: str) -> bool:
    return path.rstrip("/") in PUBLIC_PATHS or path.startswith(("/healthz/", "/livez/", "/readyz/"))


def exact_fields(query: Query) -> Mapping[str, str]:
    """The name=value requirements of a field selector; what it means otherwise is told when the list is made."""
    text = query.get("fieldSelector")
    if not text:
        return _NO_FIELDS
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals and not name.endswith("!") and "\\" not in value:
            found[name.strip()] = value.removeprefix("=").strip()
    return found
