"""The way to the API server, and how long it takes: coredns_kubernetes_rest_client_*, as client-go counts them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dns.metrics import Registry
from kube.client.transport import Reply, Stream, Transport

if TYPE_CHECKING:
    from dns.handlers.kubernetes import Source
    from kube.client.http_socket import HttpTransport

USER_AGENT = "kdns"
# Prometheus' default buckets.
_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# The code of a request without a reply.
_NO_REPLY = "<error>"


class Measured:
    """A transport whose requests are counted."""

    def __init__(self, inner: Transport, host: str, registry: Registry, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._host = host
        self._clock = clock
        self._took, self._waited = (
            registry.histogram(f"coredns_kubernetes_rest_client_{name}", text, _BOUNDS_S, "verb", "host")
            for name, text in (
                (
                    "request_duration_seconds",
                    "Request latency in seconds. Broken down by verb and host.",
                ),
                (
                    "rate_limiter_duration_seconds",
                    "Client side rate limiter latency in seconds. Broken down by verb and host.",
                ),
            )
        )
        self._requests = registry.counter(
            "coredns_kubernetes_rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            *("code", "method", "host"),
        )

    def _count(self, method: str, code: str, began_s: float) -> None:
        self._requests.add(1, code, method, self._host)
        self._took.observe(self._clock() - began_s, method, self._host)

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        self._waited.observe(0.0, method, self._host)  # there is no limiter: three watches need none
        began_s, code = self._clock(), _NO_REPLY
        try:
            reply = await self._inner.request(method, path, query=query, headers=headers, body=body)
            code = str(reply.status)
        finally:
            self._count(method, code, began_s)
        return reply

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        """Measured until the reply begins: a watch lasts."""
        self._waited.observe(0.0, "GET", self._host)
        began_s, began = self._clock(), False
        try:
            async with self._inner.stream(path, query=query, headers=headers) as stream:
                began = True
                self._count("GET", str(stream.status), began_s)
                yield stream
        finally:
            if not began:
                self._count("GET", _NO_REPLY, began_s)

    async def close(self) -> None:
        await self._inner.close()


def transport_of(source: Source, registry: Registry, clock: Callable[[], float]) -> Measured:
    """To where the kubernetes block says: a kubeconfig comes before `endpoint`; without either, as a pod."""
    from kube.client.kubeconfig_disk import transport_from_kubeconfig, transport_in_cluster

    if source.kubeconfig:
        found = transport_from_kubeconfig(source.kubeconfig, user_agent=USER_AGENT, context=source.context)
    elif source.endpoint:
        found = _to_endpoint(source)
    else:
        found = transport_in_cluster(user_agent=USER_AGENT)
    return Measured(found, urlsplit(found.url).netloc, registry, clock)


def _to_endpoint(source: Source) -> HttpTransport:
    """To `endpoint`, with the certificates of `tls`."""
    from kube.client.http_socket import Endpoint, HttpTransport

    url = urlsplit(source.endpoint if "://" in source.endpoint else "http://" + source.endpoint)
    context = None
    if url.scheme == "https":
        import ssl

        authority = source.tls[2] if source.tls and source.tls[2] else None
        context = ssl.create_default_context(cafile=authority)
        if source.tls and source.tls[0]:
            context.load_cert_chain(source.tls[0], source.tls[1])
    port = url.port or (443 if url.scheme == "https" else 80)
    endpoint = Endpoint(url.hostname or "localhost", port, url.path.rstrip("/"))
    return HttpTransport(endpoint, context, user_agent=USER_AGENT)
