"""May this user do that: the hook that RBAC goes behind, and the answer that allows everything."""

from typing import NamedTuple, Protocol

from kube.apiserver.request import ANONYMOUS, User

# What callers without credentials may read.
PUBLIC_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version"})


class Attributes(NamedTuple):
    """What is asked for: of a resource, or (`path` set) of a URL that names none."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Decision(NamedTuple):
    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    def decide(self, attributes: Attributes) -> Decision: ...


class AlwaysAllow:
    """Whoever is known may do everything; anonymous callers may read the public paths."""

    def decide(self, attributes: Attributes) -> Decision:
        if attributes.user.name == ANONYMOUS.name and not is_public(attributes.path):
            return Decision(
                allowed=False, reason="anonymous callers may read the health and version paths only"
            )
        return Decision(allowed=True)


def is_public(path: str) -> bool:
    return path.rstrip("/") in PUBLIC_PATHS or path.startswith(("/healthz/", "/livez/", "/readyz/"))
