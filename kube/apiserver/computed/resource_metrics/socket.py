"""Asking a node agent over TLS, with the certificate that exec and logs use."""

import ssl
from collections.abc import Callable

from kube.apiserver.computed.resource_metrics.summaries import Fetch


def fetch_from_nodes(node_tls: Callable[[], ssl.SSLContext]) -> Fetch:
    """Imports the client with the first question."""

    async def fetch(host: str, port: int, path: str) -> bytes:
        from kube.client.errors import Unreachable
        from kube.client.http_socket import Endpoint, HttpTransport

        transport = HttpTransport(Endpoint(host, port), node_tls(), user_agent="kcore-metrics")
        try:
            reply = await transport.request("GET", path, query={}, headers={}, body=b"")
        except Unreachable as error:
            raise OSError(str(error)) from error
        finally:
            await transport.close()
        if reply.status != 200:
            raise OSError(f"{path}: status {reply.status}")
        return reply.body

    return fetch
