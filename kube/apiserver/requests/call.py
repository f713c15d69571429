"""A request for a resource, as the server's core resolved it."""

from typing import NamedTuple

from kube.apiserver.kinds import Kind
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import Request


class Call(NamedTuple):
    """What is asked of which kind; `verb` is RBAC's word."""

    kind: Kind
    target: Target
    verb: str
    request: Request
