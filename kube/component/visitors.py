"""Who asks for a page, and in whose words they are turned away. Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from kube.component.health import Answer
from kube.identity import AUTHENTICATED, subject_of

MASTERS = "system:masters"
JSON = "application/json"


class Visitor(NamedTuple):
    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""


ANONYMOUS = Visitor("system:anonymous", ("system:unauthenticated",))


def from_certificate(certificate: Mapping[str, Any] | None) -> Visitor | None:
    """CN is the user, each O a group; None where nobody is named."""
    name, groups = subject_of(certificate)
    return Visitor(name, (*groups, AUTHENTICATED)) if name else None


def bearer_of(headers: Mapping[str, str]) -> str:
    """The token, "" where there is none."""
    kind, _, token = headers.get("authorization", "").strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def refusal(code: int, reason: str, message: str) -> Answer:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return Answer(code, json.dumps(status), JSON)


UNAUTHORIZED = refusal(401, "Unauthorized", "Unauthorized")


def forbidden(visitor: Visitor, verb: str, path: str) -> Answer:
    return refusal(403, "Forbidden", f'forbidden: User "{visitor.user}" cannot {verb} path "{path}"')
