"""May this user do that: the answer, and the authorizers that need no objects."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.rbac.rules import EVERYTHING, Rule
from kube.apiserver.requests.request import ANONYMOUS, User

# What callers without credentials may read.
PUBLIC_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version"})
MASTERS = "system:masters"


class Decision(NamedTuple):
    allowed: bool
    reason: str = ""


class UserRules(NamedTuple):
    """What a user may do; `error` says why there may be more that could not be told."""

    rules: tuple[Rule, ...]
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
