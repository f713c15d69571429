"""What this node does with service traffic: the one representation that every backend speaks for its kernel.

Policy decides it once (`kproxy.policy`); `kproxy.walk` says what it means for a packet.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple, TypeAlias

import msgspec

PROTOCOL_NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132}


class ServicePortName(NamedTuple):
    """One port of one service; TCP, UDP and SCTP on one number are three."""

    namespace: str
    service: str
    port: str
    protocol: str

    def __str__(self) -> str:
        """`ns/name:port`, as kube-proxy writes it; a nameless port leaves no colon."""
        return (
            f"{self.namespace}/{self.service}:{self.port}"
            if self.port
            else f"{self.namespace}/{self.service}"
        )


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A pod's address as traffic is sent to it; `local`: on this node."""

    ip: str
    port: int
    local: bool = False

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class FrontendKind(Enum):
    CLUSTER_IP = "clusterIP"
    EXTERNAL_IP = "externalIP"
    LOAD_BALANCER = "loadBalancer"
    NODE_PORT = "nodePort"


class Frontend(msgspec.Struct, frozen=True, kw_only=True):
    """An address and port that the service answers on; the protocol is the service port's.

    `ip` is "" for a node port: it stands for every address that NodeRules accepts.
    `allowed_sources` are disjoint ranges (first, last), None: everybody.
    """

    kind: FrontendKind
    port: int
    ip: str = ""
    allowed_sources: tuple[tuple[str, str], ...] | None = None


class Forward(msgspec.Struct, frozen=True):
    """To one of these with equal chance; never empty, sorted as kube-proxy sorts them (text of ip:port)."""

    endpoints: tuple[Endpoint, ...]


class Reject(msgspec.Struct, frozen=True):
    """Answered with ICMP port unreachable: nothing anywhere can serve it."""

    because: str = "the service has no endpoints"


class Drop(msgspec.Struct, frozen=True):
    """Silence: there are endpoints, but the traffic policy keeps this node from using them."""

    because: str


Verdict: TypeAlias = Forward | Reject | Drop


class ServiceForwarding(msgspec.Struct, frozen=True, kw_only=True):
    """What this node does with traffic to one service port.

    `external` is for what comes from outside through node ports, load balancer and external addresses.
    `short_circuit` replaces it for this node's pods and the node itself when the external policy is Local;
    None: they are treated like everybody (and, like everybody, masqueraded).
    `health_check_port`: where this node's health for the service is served; 0: nowhere.
    """

    name: ServicePortName
    frontends: tuple[Frontend, ...]
    internal: Verdict
    external: Verdict
    short_circuit: Verdict | None = None
    affinity_timeout_s: int | None = None
    health_check_port: int = 0

    @property
    def masquerades_external(self) -> bool:
        return self.short_circuit is None

    def verdict_for(self, frontend: Frontend) -> Verdict:
        """For traffic from outside the node."""
        return self.internal if frontend.kind is FrontendKind.CLUSTER_IP else self.external


ForwardingTable: TypeAlias = Mapping[ServicePortName, ServiceForwarding]


class Remembered(NamedTuple):
    """A client whom session affinity keeps at an endpoint, for so many seconds more."""

    service: ServicePortName
    client: str
    endpoint: Endpoint
    left_s: float


def keepers(table: ForwardingTable) -> Iterator[tuple[ServiceForwarding, tuple[Endpoint, ...]]]:
    """Services with session affinity, each with all endpoints that a client of theirs may be kept at."""
    for service in table.values():
        if service.affinity_timeout_s is None:
            continue
        verdicts = (service.internal, service.external, service.short_circuit)
        yield service, tuple({e for v in verdicts if isinstance(v, Forward) for e in v.endpoints})
