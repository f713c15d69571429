"""A configuration that does not fit the cluster's IP families, said at the start in kube-proxy's sense. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from kproxy.addresses import IPV4, IPV6, canonical_cidr, canonical_ip, family_of
from kproxy.configuration.config import Configuration, split_address
from kproxy.surroundings import Surroundings, node_ips, pod_ranges

_NAMES = {IPV4: "IPv4", IPV6: "IPv6"}


class Misfits(NamedTuple):
    """`fatal`: pods' traffic could not be told from others', as it was asked for."""

    warnings: tuple[str, ...] = ()
    fatal: str = ""


def misfits(config: Configuration, around: Surroundings, families: Iterable[int]) -> Misfits:
    """`families` are those that this node proxies; the primary one is that of the node's address.

    A node whose address is not known yet fits everything.
    """
    ips = node_ips(config, around.node)
    if not ips:
        return Misfits()
    primary = family_of(ips[0])
    single = len(tuple(families)) == 1
    cluster = f"the cluster is {_NAMES[primary]}-{'only' if single else 'primary'}"
    by_cidr = config.detect_local_mode in ("", "ClusterCIDR")
    fatal = ""
    found = [*_node_ports(config, primary)]
    if _misses(config.cluster_cidr.split(","), primary):
        said = f"{cluster}, but clusterCIDR has only ranges of the other IP family"
        fatal, found = (said, found) if by_cidr and single else (fatal, [*found, said])
    if config.detect_local_mode == "NodeCIDR" and _misses(_every_pod_range(around), primary):
        fatal = f"{cluster}, but the node's podCIDRs are all of the other IP family"
    if single:
        found += [f"{cluster}, but {name} is of the other IP family" for name in _elsewhere(config, primary)]
    return Misfits(tuple(found), fatal)


def _every_pod_range(around: Surroundings) -> list[str]:
    return [cidr for family in _NAMES for cidr in pod_ranges(around.node, family)]


def _misses(cidrs: Iterable[str], family: int) -> bool:
    """Whether there are ranges, and none of that family."""
    families = {family_of(cidr) for text in cidrs if (cidr := canonical_cidr(text.strip())) is not None}
    return bool(families) and family not in families


def _node_ports(config: Configuration, primary: int) -> Iterable[str]:
    written = config.node_port_addresses or ()
    if written == ("primary",):
        return
    if not written:
        if config.section_name != "nftables":
            yield "nodePortAddresses is unset: node ports answer on all addresses; 'primary' is advised"
        return
    dual = any(
        len({family_of(cidr) for cidr in cidrs if "/" in cidr}) == 2
        for cidrs in (config.cluster_cidr.split(","), written)
    )
    families = {family_of(cidr) for cidr in written}
    missing = next((f for f in (primary, IPV4 + IPV6 - primary) if f not in families), None)
    if missing is not None and (dual or missing == primary):
        name = _NAMES[missing]
        yield f"nodePortAddresses has no {name} range: node ports answer on all {name} addresses"


def _elsewhere(config: Configuration, primary: int) -> Iterable[str]:
    if config.effective_mode == "ipvs" and _misses(config.ipvs.exclude_cidrs or (), primary):
        yield "ipvs.excludeCIDRs"
    for name, address in (
        ("healthzBindAddress", config.healthz_address),
        ("metricsBindAddress", config.metrics_address),
    ):
        ip = canonical_ip(split_address(address)[0]) if address else None
        if ip not in (None, "0.0.0.0", "::") and family_of(str(ip)) != primary:
            yield name
