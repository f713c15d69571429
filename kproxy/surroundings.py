"""From configuration, the Node object and the node's addresses to NodeRules and Place. Pure."""

from collections.abc import Iterable

import msgspec

from kproxy.addresses import IPV4, IPV6, canonical_cidr, canonical_ip, contains, family_of, is_loopback
from kproxy.configuration.config import Configuration
from kproxy.configuration.duration import parse_duration_s
from kproxy.node import IpvsRules, LocalBridge, LocalCIDR, LocalDetector, LocalPrefix, NodeRules
from kproxy.policy import Place
from kube.objects import ZONE_LABEL, Node

_UNSPECIFIED = ("0.0.0.0", "::")
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_LOCALHOST = {IPV4: "127.0.0.1", IPV6: "::1"}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the node looks like from outside the API's services.

    `bridge_filtered`: families whose bridged packets the packet filter sees (net.bridge.bridge-nf-call-…).
    """

    node_name: str
    node: Node | None = None
    addresses: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    bridge_filtered: frozenset[int] = frozenset()


def node_ips(config: Configuration, node: Node | None) -> tuple[str, ...]:
    """The primary address and the first of the other family; a bindAddress takes the primary's place."""
    ips: list[str] = []
    if node is not None:
        for kind in ("InternalIP", "ExternalIP"):
            found = (canonical_ip(a.address) for a in node.status.addresses if a.type == kind)
            ips += [ip for ip in found if ip is not None]
    bound = canonical_ip(config.bind_address)
    if bound is not None and bound not in _UNSPECIFIED:
        ips.insert(0, bound)
    first: dict[int, str] = {}
    for ip in ips:
        first.setdefault(family_of(ip), ip)
    return tuple(first.values())


def place(config: Configuration, around: Surroundings) -> Place:
    labels = around.node.metadata.labels if around.node is not None else {}
    gates = config.feature_gates or {}
    return Place(
        node_name=around.node_name,
        zone=labels.get(ZONE_LABEL, ""),
        node_ips=node_ips(config, around.node),
        external_ips_allowed=gates.get("AllowServiceExternalIPs", True),
    )


def node_rules(config: Configuration, around: Surroundings, family: int) -> NodeRules:
    """What holds for all services of one family."""
    local = tuple(sorted(ip for ip in around.addresses if family_of(ip) == family and not is_loopback(ip)))
    ranges: tuple[str, ...] = ()
    if family not in around.bridge_filtered:
        ranges = pod_ranges(around.node, family)
    return NodeRules(
        family=family,
        detector=detector(config, around.node, family),
        masquerade_all=config.section.masquerade_all,
        masquerade_bit=config.masquerade_bit,
        node_port_addresses=_node_port_addresses(config, around, family, local),
        service_cidrs=tuple(sorted(c for c in _canonical(around.service_cidrs) if family_of(c) == family)),
        bridged_pod_ranges=ranges,
        local_addresses=local,
        checks_cluster_ips=config.effective_mode != "iptables",
        filters_first=config.effective_mode != "iptables",
        localhost_node_ports=_localhost_node_ports(config, family),
        drops_invalid=not config.conntrack.tcp_be_liberal,
        ipvs=_ipvs_rules(config),
    )


def _ipvs_rules(config: Configuration) -> IpvsRules:
    ipvs = config.ipvs
    return IpvsRules(
        scheduler=ipvs.scheduler or "rr",
        excluded_cidrs=tuple(_canonical(ipvs.exclude_cidrs or ())),
        strict_arp=ipvs.strict_arp,
        tcp_timeout_s=int(parse_duration_s(ipvs.tcp_timeout)),
        tcp_fin_timeout_s=int(parse_duration_s(ipvs.tcp_fin_timeout)),
        udp_timeout_s=int(parse_duration_s(ipvs.udp_timeout)),
    )


def _localhost_node_ports(config: Configuration, family: int) -> bool:
    """Of iptables and IPv4: unless switched off, or left out by nodePortAddresses. Userspace listens where asked."""
    if config.effective_mode == "userspace":
        return not config.node_port_addresses
    if config.effective_mode != "iptables" or family != IPV4 or config.iptables.localhost_node_ports is False:
        return False
    written = [cidr for cidr in _canonical(config.node_port_addresses or ()) if family_of(cidr) == IPV4]
    if config.node_port_addresses == ("primary",):
        return False
    return not written or any(contains(cidr, _LOCALHOST[IPV4]) for cidr in written)


def _canonical(cidrs: Iterable[str]) -> list[str]:
    return [cidr for text in cidrs if (cidr := canonical_cidr(text)) is not None]


def pod_ranges(node: Node | None, family: int) -> tuple[str, ...]:
    if node is None:
        return ()
    ranges = node.spec.pod_cidrs or ((node.spec.pod_cidr,) if node.spec.pod_cidr else ())
    return tuple(cidr for cidr in _canonical(ranges) if family_of(cidr) == family)


def detector(config: Configuration, node: Node | None, family: int) -> LocalDetector | None:
    """None where the mode lacks what it needs: then nothing counts as local (kube-proxy's no-op detector)."""
    match config.detect_local_mode or "ClusterCIDR":
        case "BridgeInterface":
            name = config.detect_local.bridge_interface
            return LocalBridge(name) if name else None
        case "InterfaceNamePrefix":
            prefix = config.detect_local.interface_name_prefix
            return LocalPrefix(prefix) if prefix else None
        case "NodeCIDR":
            ranges = pod_ranges(node, family)
        case _:
            cidrs = _canonical(part.strip() for part in config.cluster_cidr.split(",") if part)
            ranges = tuple(cidr for cidr in cidrs if family_of(cidr) == family)
    return LocalCIDR(ranges[0]) if ranges else None


def _node_port_addresses(
    config: Configuration, around: Surroundings, family: int, local: tuple[str, ...]
) -> tuple[str, ...] | None:
    """None: all local addresses but loopback. nftables answers on the primary address unless told otherwise."""
    written = config.node_port_addresses
    if not written:
        primary_is_default = config.effective_mode in ("nftables", "auto")
        written = ("primary",) if primary_is_default else ()
    if written == ("primary",):
        own = [ip for ip in node_ips(config, around.node) if family_of(ip) == family and not is_loopback(ip)]
        return tuple(own) or None
    cidrs = [cidr for cidr in _canonical(written) if family_of(cidr) == family]
    if not cidrs or any(cidr in _EVERYWHERE for cidr in cidrs):
        return None
    listens = config.effective_mode == "userspace" or _localhost_node_ports(config, family)
    every = (*local, _LOCALHOST[family]) if listens else local
    return tuple(ip for ip in every if any(contains(cidr, ip) for cidr in cidrs))


def families_of(ipv6_available: bool) -> tuple[int, ...]:
    """Both where the kernel has IPv6, whatever the cluster has: services say themselves which they use."""
    return (IPV4, IPV6) if ipv6_available else (IPV4,)
