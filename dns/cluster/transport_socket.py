"""The way to the API server, and how long it takes: coredns_kubernetes_rest_client_*, as client-go counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dns.metrics import Registry
from kube.client.measured_socket import MeasuredTransport, Observe

if TYPE_CHECKING:
    from dns.cluster.source import Source
    from kube.client.http_socket import HttpTransport

USER_AGENT = "kdns"
# Prometheus' default buckets.
_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _observer(host: str, registry: Registry) -> Observe:
    took, waited = (
        registry.histogram(f"coredns_kubernetes_rest_client_{name}", text, _BOUNDS_S, "verb", "host")
        for name, text in (
            ("request_duration_seconds", "Request latency in seconds. Broken down by verb and host."),
            (
                "rate_limiter_duration_seconds",
                "Client side rate limiter latency in seconds. Broken down by verb and host.",
            ),
        )
    )
    requests = registry.counter(
        "coredns_kubernetes_rest_client_requests_total",
        "Number of HTTP requests, partitioned by status code, method, and host.",
        *("code", "method", "host"),
    )

    def observe(method: str, code: str, took_s: float) -> None:
        requests.add(1, code, method, host)
        took.observe(took_s, method, host)
        waited.observe(0.0, method, host)  # there is no limiter: three watches need none

    return observe


def transport_of(source: Source, registry: Registry, clock: Callable[[], float]) -> MeasuredTransport:
    """To where the kubernetes block says: a kubeconfig comes before `endpoint`; without either, as a pod."""
    from kube.client.kubeconfig_disk import transport_from_kubeconfig, transport_in_cluster

    if source.kubeconfig:
        found = transport_from_kubeconfig(source.kubeconfig, user_agent=USER_AGENT, context=source.context)
    elif source.endpoint:
        found = _to_endpoint(source)
    else:
        found = transport_in_cluster(user_agent=USER_AGENT)
    return MeasuredTransport(found, _observer(urlsplit(found.url).netloc, registry), clock)


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
