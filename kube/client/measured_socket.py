"""A transport that tells of each request, as client-go's rest_client_* metrics count them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

from kube.client.transport import Reply, Stream, Transport

Observe: TypeAlias = Callable[[str, str, float], None]
"""Called with the method, the code and the seconds until the reply began."""
NO_REPLY = "<error>"  # client-go's code for a request without one


class MeasuredTransport:
    """A watch counts once, when its reply begins: it lasts. `clock` gives seconds, of which only differences count."""

    def __init__(
        self, inner: Transport, observe: Observe, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = inner
        self._observe = observe
        self._clock = clock

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        began_s, code = self._clock(), NO_REPLY
        try:
            reply = await self._inner.request(method, path, query=query, headers=headers, body=body)
            code = str(reply.status)
        finally:
            self._observe(method, code, self._clock() - began_s)
        return reply

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        began_s, replied = self._clock(), False
        try:
            async with self._inner.stream(path, query=query, headers=headers) as stream:
                replied = True
                self._observe("GET", str(stream.status), self._clock() - began_s)
                yield stream
        finally:
            if not replied:
                self._observe("GET", NO_REPLY, self._clock() - began_s)

    async def close(self) -> None:
        await self._inner.close()
