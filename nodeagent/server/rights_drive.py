"""Asking the API server whether a peer may do what it asks of this node; answers are remembered for a while."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from kube.client import ApiError, Client
from nodeagent.server.rights import MASTERS, Peer, needed, sentence
from nodeagent.server.routes import Route
from nodeagent.server.socket import Refused

# The kubelet's --authorization-webhook-cache-authorized-ttl and …-unauthorized-ttl.
_ALLOWED_S, _REFUSED_S = 300.0, 30.0
_REMEMBERED = 256
_PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status


class Rights:
    """`clock` gives seconds; only differences count."""

    def __init__(self, client: Client, node: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._node = node
        self._clock = clock
        self._known: dict[tuple[Peer, str, str], tuple[float, bool]] = {}

    async def check(self, peer: Peer, method: str, route: Route | None) -> None:
        """Raises Refused. The administrators' group, to which the API server belongs, is not asked about."""
        if MASTERS in peer.groups:
            return
        asked = needed(self._node, method, route)
        for attributes in asked:
            if await self._allowed(peer, attributes):
                return
        raise Refused(403, "Forbidden", sentence(peer, asked[0]))

    async def _allowed(self, peer: Peer, attributes: Mapping[str, str]) -> bool:
        key = (peer, attributes["verb"], attributes["subresource"])
        until, allowed = self._known.get(key, (0.0, False))
        if self._clock() < until:
            return allowed
        spec = {"user": peer.user, "groups": peer.groups, "resourceAttributes": attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        try:
            async with asyncio.timeout(10):
                reply = await self._client.raw(
                    "POST",
                    _PATH,
                    headers={"content-type": "application/json"},
                    body=msgspec.json.encode(review),
                )
        except (ApiError, TimeoutError) as error:
            raise Refused(
                500, "InternalError", f"the API server cannot be asked for rights: {error}"
            ) from error
        allowed = msgspec.json.decode(reply.body, type=_Review).status.allowed
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = (self._clock() + (_ALLOWED_S if allowed else _REFUSED_S), allowed)
        return allowed
