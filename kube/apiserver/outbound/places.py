"""Where a webhook or an extension server is: a URL, or a Service whose ready endpoints are called directly."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.outbound.calls import Place
from kube.apiserver.state import Api

Object = dict[str, Any]
_SERVICE_NAME = "kubernetes.io/service-name"


def _kind(group: str, plural: str) -> Kind:
    kind = kind_at(group, "v1", plural)
    assert kind is not None
    return kind


SERVICES, _ENDPOINT_SLICES = _kind("", "services"), _kind("discovery.k8s.io", "endpointslices")


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


def ready_endpoints(api: Api, namespace: str, service: str, port: str) -> Sequence[tuple[str, int]]:
    """Addresses and numbers of the port so named."""
    found: list[tuple[str, int]] = []
    snapshot = api.cache.collection(_ENDPOINT_SLICES.storage_key).at(api.cache.revision)
    for entry in snapshot.after("", namespace):
        if entry.labels.get(_SERVICE_NAME) != service:
            continue
        endpoints = entry.decode()
        numbers = [row["port"] for row in endpoints.get("ports") or () if (row.get("name") or "") == port]
        found.extend(
            (endpoint["addresses"][0], int(numbers[0]))
            for endpoint in endpoints.get("endpoints") or ()
            if numbers and (endpoint.get("conditions") or {}).get("ready") is not False
        )
    return found
