"""Requests to the API server, counted: rest_client_* as client-go has them."""

from urllib.parse import urlsplit

from kproxy.metrics.catalogue import ProxyMetrics
from kube.client import Client
from kube.client.http_socket import HttpTransport
from kube.client.measured_socket import MeasuredTransport, Observe


def measured(client: Client, metrics: ProxyMetrics) -> Client:
    """The same client, counted."""
    inner = client.transport
    host = urlsplit(inner.url).netloc if isinstance(inner, HttpTransport) else ""
    return Client(MeasuredTransport(inner, observer(host, metrics)))


def observer(host: str, metrics: ProxyMetrics) -> Observe:
    def observe(method: str, code: str, took_s: float) -> None:
        metrics.requests.increment(code, host, method)
        metrics.request_duration.observe(took_s, host, method)

    return observe
