"""What holds for all services on this node, for one IP family: who is local, what is masqueraded, where
node ports answer.
"""

from typing import TypeAlias

import msgspec

from kproxy.addresses import IPV4


class LocalCIDR(msgspec.Struct, frozen=True):
    """Pods of this node have addresses in this range (detectLocalMode ClusterCIDR, NodeCIDR)."""

    cidr: str


class LocalBridge(msgspec.Struct, frozen=True):
    """Pods' packets come in by this bridge."""

    interface: str


class LocalPrefix(msgspec.Struct, frozen=True):
    """Pods' packets come in by interfaces whose names begin so."""

    prefix: str


LocalDetector: TypeAlias = LocalCIDR | LocalBridge | LocalPrefix


class IpvsRules(msgspec.Struct, frozen=True, kw_only=True):
    """Of IPVS alone. `excluded_cidrs`: virtual servers there are left alone. Timeouts of 0 are the kernel's."""

    scheduler: str = "rr"
    excluded_cidrs: tuple[str, ...] = ()
    strict_arp: bool = False
    tcp_timeout_s: int = 0
    tcp_fin_timeout_s: int = 0
    udp_timeout_s: int = 0


class NodeRules(msgspec.Struct, frozen=True, kw_only=True):
    """`detector` None: no traffic is known to be from local pods, none is masqueraded for coming from elsewhere.

    `node_port_addresses` None: every local address but loopback.
    `bridged_pod_ranges`: this node's pod ranges where a bridge forwards between pods without the packet
    filter seeing it (net.bridge.bridge-nf-call-iptables is 0 or missing): there a reply would not find its
    way back through the translation, so that connections from one such pod to another are masqueraded.
    `checks_cluster_ips`: unknown ports of a cluster address are rejected and unused addresses of the service
    range dropped (nftables only). `filters_first`: source ranges are looked at before anything else (nftables);
    else only where the service has endpoints (iptables). `localhost_node_ports`: node ports answer on 127.0.0.1
    (iptables and userspace). `drops_invalid`: of iptables, see KUBE-FORWARD.
    `local_addresses`: all addresses of the node; the kernel asks its routing table, a model needs them told.
    """

    family: int
    detector: LocalDetector | None = None
    masquerade_all: bool = False
    masquerade_bit: int = 14
    node_port_addresses: tuple[str, ...] | None = None
    service_cidrs: tuple[str, ...] = ()
    bridged_pod_ranges: tuple[str, ...] = ()
    local_addresses: tuple[str, ...] = ()
    checks_cluster_ips: bool = True
    filters_first: bool = True
    localhost_node_ports: bool = False
    drops_invalid: bool = False
    ipvs: IpvsRules = IpvsRules()

    @property
    def masquerade_mark(self) -> int:
        return 1 << self.masquerade_bit

    @property
    def refuses_everywhere(self) -> bool:
        """Node ports that reach nobody are refused at all of the node's addresses, not only where they answer."""
        return not self.filters_first

    @property
    def guards_loopback(self) -> bool:
        """What comes to 127.0.0.0/8 from elsewhere is dropped: route_localnet would let it in (CVE-2020-8558)."""
        return self.family == IPV4 and self.localhost_node_ports and not self.filters_first
