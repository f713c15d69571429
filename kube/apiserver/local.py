"""The server in the same process, as a transport of kube.client: no socket, no TLS, the same semantics."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from kube.apiserver import status
from kube.apiserver.core import ApiServer, refusal
from kube.apiserver.outbound.calls import CallFailed, Place
from kube.apiserver.requests.request import Answer, Query, Relay, Request, Streaming, User
from kube.client.transport import Reply, Stream

SHARE = (
    8  # requests in flight, so that a busy controller leaves the loop to remote clients between its writes
)
_FAR_TIMEOUT_S = 30.0


class LocalTransport:
    """Requests of one in-process client, as `user`."""

    def __init__(self, server: ApiServer, user: User, *, user_agent: str, share: int = SHARE) -> None:
        self._server = server
        self._user = user
        self._agent = {"user-agent": user_agent, "accept": "application/json"}
        self._free = asyncio.Semaphore(share)

    def _request(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Request:
        return Request(method, path, Query(query.items()), {**self._agent, **headers}, body, self._user)

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        async with self._free:
            response = await self._server.handle(self._request(method, path, query, headers, body))
        match response:
            case Answer(code, content, content_type, more):
                return Reply(code, {"content-type": content_type, **_lower(more)}, content)
            case Streaming(content_type, chunks, _):
                content = b"".join([chunk async for chunk in chunks])
                return Reply(200, {"content-type": content_type}, content)
            case Relay(place=Place() as place):
                return await self._far(response, place, method, query, headers, body)
            case Relay():
                refused = refusal(status.method_not_allowed_here())
                return Reply(refused.status, {}, refused.body)

    async def _far(
        self,
        relay: Relay,
        place: Place,
        method: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Reply:
        """From an extension server."""
        try:
            return await self._server.api.extension_calls.send(
                place._replace(path=relay.target.partition("?")[0]),
                method,
                query=query,
                headers={**headers, **dict(relay.headers)},
                body=body,
                timeout_s=_FAR_TIMEOUT_S,
            )
        except CallFailed as error:
            refused = refusal(status.service_unavailable(str(error)))
            return Reply(refused.status, {}, refused.body)

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        response = await self._server.handle(self._request("GET", path, query, headers, b""))
        match response:
            case Streaming(_, chunks, _):
                try:
                    yield Stream(200, _Lines(chunks))
                finally:
                    await _close(chunks)
            case Answer(code, content):
                yield Stream(code, _Lines(_once(content)))
            case Relay(place=Place() as place):
                calls = self._server.api.extension_calls
                async with calls.stream(
                    place, path, query=query, headers={**headers, **dict(response.headers)}
                ) as found:
                    yield found
            case Relay():
                yield Stream(405, _Lines(_once(refusal(status.method_not_allowed_here()).body)))

    async def close(self) -> None:
        """Nothing is held."""


def _lower(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _close(chunks: AsyncIterator[bytes]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()


class _Lines:
    """Chunks of several lines, line by line."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._ready: deque[bytes] = deque()

    def __aiter__(self) -> "_Lines":
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            self._ready.extend((await anext(self._chunks)).splitlines())
        return self._ready.popleft()
