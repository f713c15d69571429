"""Whether the proxy keeps up, and the health of services with healthCheckNodePort. Pure; times are arguments.

Bodies are byte for byte kube-proxy's (pkg/proxy/healthcheck, v1.36): load balancers read them.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from kproxy.addresses import IPV4
from kproxy.services import EndpointState
from kube.objects import NamespacedName, Node

_TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"
_FAMILY_NAMES = {4: "IPv4", 6: "IPv6"}
_NEVER = "0001-01-01T00:00:00Z"  # Go's zero time


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def _stamp(at_s: float | None) -> str:
    if at_s is None:
        return _NEVER
    text = datetime.fromtimestamp(at_s, UTC).isoformat().removesuffix("+00:00")
    return f"{text.rstrip('0') if '.' in text else text}Z"  # Go leaves the last zeros out


class ProxyHealth:
    """A family is unhealthy while a sync has been due for `timeout_s` and not been done."""

    def __init__(self, families: Iterable[int], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._queued_at: dict[int, float | None] = dict.fromkeys(families)
        self._done_at: dict[int, float | None] = dict.fromkeys(families)

    def queued(self, now: float) -> None:
        """A sync of all families is due; the first time counts until it is done."""
        for family, since in self._queued_at.items():
            if since is None:
                self._queued_at[family] = now

    def done(self, family: int, now: float) -> None:
        self._queued_at[family] = None
        self._done_at[family] = now

    def is_healthy(self, now: float) -> bool:
        return all(self._family_healthy(family, now) for family in self._queued_at)

    def _family_healthy(self, family: int, now: float) -> bool:
        since = self._queued_at[family]
        return since is None or now - since < self._timeout_s

    def _status(self, now: float) -> dict[str, object]:
        return {
            _FAMILY_NAMES[family]: {
                "lastUpdated": _stamp(self._done_at[family]),
                "healthy": self._family_healthy(family, now),
            }
            for family in self._queued_at
        }

    def _last_updated(self, now: float, *, good: bool) -> str:
        """Recent where the answer is good, though nothing was to be done: kube-proxy's meaning since the beginning."""
        if good:
            return _stamp(now)
        return _stamp(max((at for at in self._done_at.values() if at is not None), default=None))

    def healthz(self, now: float, *, node_eligible: bool) -> Answer:
        healthy = self.is_healthy(now)
        body = {
            "lastUpdated": self._last_updated(now, good=healthy and node_eligible),
            "currentTime": _stamp(now),
            "nodeEligible": node_eligible,
            "healthy": healthy,
            "status": self._status(now),
        }
        return _json_answer(200 if healthy and node_eligible else 503, body)

    def livez(self, now: float) -> Answer:
        healthy = self.is_healthy(now)
        body = {
            "lastUpdated": self._last_updated(now, good=healthy),
            "currentTime": _stamp(now),
            "healthy": healthy,
            "status": self._status(now),
        }
        return _json_answer(200 if healthy else 503, body)


_JSON_HEADERS = (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"))


def _json_answer(status: int, body: dict[str, object]) -> Answer:
    return Answer(status, json.dumps(body, separators=(",", ":")).encode(), _JSON_HEADERS)


def node_eligible(node: Node | None) -> bool:
    """Whether load balancers should send new traffic here (KEP-3836)."""
    if node is None or node.metadata.deletion_timestamp is not None:
        return False
    return all(taint.key != _TO_BE_DELETED for taint in node.spec.taints)


def local_ready(endpoints: Iterable[EndpointState]) -> set[str]:
    """Addresses of ready endpoints on this node; those that terminate never count."""
    return {e.ip for e in endpoints if e.local and e.ready}


def service_answer(service: NamespacedName, local_count: int, *, proxy_healthy: bool) -> Answer:
    """Any path of a healthCheckNodePort server."""
    body = (
        "{\n"
        '\t"service": {\n'
        f'\t\t"namespace": "{service.namespace}",\n'
        f'\t\t"name": "{service.name}"\n'
        "\t},\n"
        f'\t"localEndpoints": {local_count},\n'
        f'\t"serviceProxyHealthy": {"true" if proxy_healthy else "false"}\n'
        "}"
    )
    headers = (*_JSON_HEADERS, ("X-Load-Balancing-Endpoint-Weight", str(local_count)))
    return Answer(200 if local_count and proxy_healthy else 503, body.encode(), headers)


def listen_addresses(family: int, node_port_addresses: tuple[str, ...] | None) -> tuple[str, ...]:
    """Where healthCheckNodePort servers of one family listen."""
    if node_port_addresses is None:
        return ("0.0.0.0" if family == IPV4 else "::",)
    return node_port_addresses
