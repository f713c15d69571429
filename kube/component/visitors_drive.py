"""Asks the API server who has a token and who may see a page (delegated authentication and authorization)."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kube.client import ApiError, Client
from kube.component.health import Answer
from kube.component.visitors import (
    ANONYMOUS,
    MASTERS,
    UNAUTHORIZED,
    Visitor,
    bearer_of,
    forbidden,
    from_certificate,
    refusal,
)

_REMEMBERED_S = 10.0  # of kube-scheduler: both answers of both reviews
_REMEMBERED = 256
_PATIENCE_S = 10.0
_TOKENS = ("authentication.k8s.io/v1", "TokenReview", "tokenreviews")
_ACCESS = ("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews")
_VERBS = {"GET": "get", "HEAD": "head", "POST": "post", "PUT": "put", "DELETE": "delete"}


class Visitors:
    """`clock` gives seconds, of which only differences count."""

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[tuple[object, ...], tuple[float, Any]] = {}

    async def turn_away(
        self, method: str, path: str, certificate: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer | None:
        """What to say to who may not see the page; None to who may."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                visitor = await self._who(certificate, bearer_of(headers))
                if visitor is None:
                    return UNAUTHORIZED
                verb = _VERBS.get(method, method.lower())
                if MASTERS in visitor.groups or await self._may(visitor, verb, path):
                    return None
                return forbidden(visitor, verb, path)
        except (ApiError, TimeoutError) as error:
            return refusal(500, "InternalError", f"the API server cannot be asked for rights: {error}")

    async def _who(self, certificate: Mapping[str, Any] | None, token: str) -> Visitor | None:
        """None: a token that nobody knows."""
        known = from_certificate(certificate)
        if known is not None:
            return known
        if not token:
            return ANONYMOUS
        key = ("token", hashlib.sha256(token.encode()).digest())
        status = await self._reviewed(key, _TOKENS, {"token": token})
        if not status.get("authenticated"):
            return None
        user = status.get("user") or {}
        return Visitor(user.get("username", ""), tuple(user.get("groups") or ()), user.get("uid", ""))

    async def _may(self, visitor: Visitor, verb: str, path: str) -> bool:
        spec = {
            "user": visitor.user,
            "groups": visitor.groups,
            "uid": visitor.uid,
            "nonResourceAttributes": {"verb": verb, "path": path},
        }
        return bool((await self._reviewed((visitor, verb, path), _ACCESS, spec)).get("allowed"))

    async def _reviewed(
        self, key: tuple[object, ...], what: tuple[str, str, str], spec: Mapping[str, Any]
    ) -> Any:
        until, status = self._known.get(key, (0.0, None))
        if self._clock() < until:
            return status
        version, kind, plural = what
        reply = await self._client.raw(
            "POST",
            f"/apis/{version}/{plural}",
            headers={"content-type": "application/json"},
            body=msgspec.json.encode({"apiVersion": version, "kind": kind, "spec": spec}),
        )
        status = msgspec.json.decode(reply.body).get("status") or {}
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = (self._clock() + _REMEMBERED_S, status)
        return status
