"""Where a webhook or an extension server is: a URL, or a Service whose ready endpoints are called directly."""

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from kube.apiserver.outbound.calls import Place
from kube.apiserver.relay.locations import SERVICES, ready_endpoints
from kube.apiserver.state import Api

Object = dict[str, Any]


class Unresolved(Exception):
    """There is nothing to call; the sentence says why."""


def of_client_config(api: Api, config: Object) -> Place:
    """A WebhookClientConfig. Raises Unresolved."""
    ca = decoded_ca(config.get("caBundle"))
    if config.get("url"):
        parts = urlsplit(config["url"])
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        return Place(parts.hostname or "", parts.port or 443, parts.hostname or "", target, ca, config["url"])
    service = config.get("service") or {}
    namespace, name = service.get("namespace") or "", service.get("name") or ""
    path = "/" + (service.get("path") or "").lstrip("/")
    return of_service(api, namespace, name, int(service.get("port") or 443), path, ca)


def of_service(
    api: Api, namespace: str, name: str, port: int, path: str, ca: bytes, *, checked: bool = True
) -> Place:
    """Raises Unresolved."""
    host = f"{name}.{namespace}.svc"
    url = f"https://{host}:{port}{path}"
    entry = api.get(SERVICES, namespace, name)
    if entry is None:
        raise Unresolved(f'service "{name}" not found')
    spec = entry.decode()["spec"]
    if spec.get("type") == "ExternalName":
        return Place(spec.get("externalName") or "", port, host, path, ca, url, checked)
    row = next((row for row in spec.get("ports") or () if row["port"] == port), None)
    if row is None:
        raise Unresolved(f'no service port {port} found for service "{name}"')
    ready = ready_endpoints(api, namespace, name, row.get("name") or "")
    if not ready:
        raise Unresolved(f'no endpoints available for service "{name}"')
    address, number = api.rng.choice(ready)
    return Place(address, number, host, path, ca, url, checked)


def decoded_ca(bundle: str | None) -> bytes:
    """A caBundle as PEM. Raises Unresolved."""
    try:
        return base64.b64decode(bundle or "", validate=False)
    except binascii.Error as error:
        raise Unresolved(f"unable to load root certificates: {error}") from error
