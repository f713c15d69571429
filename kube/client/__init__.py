"""A typed, asynchronous client of the Kubernetes API."""

from kube.client.client import Client, PatchKind
from kube.client.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from kube.client.transport import Reply, Stream, Transport

__all__ = [
    "AlreadyExists",
    "ApiError",
    "Client",
    "Conflict",
    "Expired",
    "Forbidden",
    "Invalid",
    "NotFound",
    "PatchKind",
    "Reply",
    "Stream",
    "TooManyRequests",
    "Transport",
    "Unauthorized",
    "Unreachable",
]
