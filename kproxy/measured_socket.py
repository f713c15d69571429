"""A transport that counts: rest_client_* as client-go has them."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from kproxy.metrics import ProxyMetrics
from kube.client import Client, Unreachable
from kube.client.http_socket import HttpTransport
from kube.client.transport import Reply, Stream, Transport

_NO_ANSWER = "<error>"  # client-go's code for a request without one


def measured(client: Client, metrics: ProxyMetrics) -> Client:
    """The same client, counted."""
    inner = client.transport
    host = urlsplit(inner.url).netloc if isinstance(inner, HttpTransport) else ""
    return Client(MeasuredTransport(inner, metrics, host))


class MeasuredTransport:
    """Counts for `host`; a watch counts once, by the beginning of its answer."""

    def __init__(self, inner: Transport, metrics: ProxyMetrics, host: str) -> None:
        self._inner = inner
        self._metrics = metrics
        self._host = host

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        started_s = time.monotonic()
        code = _NO_ANSWER
        try:
            reply = await self._inner.request(method, path, query=query, headers=headers, body=body)
            code = str(reply.status)
        finally:
            self._count(method, code, started_s)
        return reply

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        started_s = time.monotonic()
        answered = False
        try:
            async with self._inner.stream(path, query=query, headers=headers) as stream:
                answered = True
                self._count("GET", str(stream.status), started_s)
                yield stream
        except Unreachable:
            if not answered:
                self._count("GET", _NO_ANSWER, started_s)
            raise

    async def close(self) -> None:
        await self._inner.close()

    def _count(self, method: str, code: str, started_s: float) -> None:
        self._metrics.requests.increment(code, self._host, method)
        self._metrics.request_duration.observe(time.monotonic() - started_s, self._host, method)
