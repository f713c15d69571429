"""What may keep pod networks from working: facts in, findings with their mend out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cni.spec.addresses import Cidr

_BRIDGE_NF = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")


class Facts(NamedTuple):
    """The host, as far as it could be read."""

    sysctls: Mapping[str, str | None]
    """None: this kernel has no such key."""
    configurations: tuple[tuple[str, str], ...]
    """(file name, problem or "") in the order runtimes read them."""
    subnets: tuple[Cidr, ...]
    """Ranges of our configurations."""
    routes: tuple[tuple[Cidr, str], ...]
    """(destination, interface) of the host's main table, default routes left out."""
    bridges: tuple[str, ...]
    forward_policies: tuple[str, ...]
    """Base chains of the forward hook that drop what no rule accepts."""
    udev_mac_policy: bool
    """systemd-udevd would change MACs of veths and bridges."""
    kernel_options: Mapping[str, bool]
    stale: int
    """Addresses and attachments whose namespaces are gone."""


class Finding(NamedTuple):
    level: str
    """"error" or "warning"."""
    what: str
    mend: str


def findings(facts: Facts) -> list[Finding]:
    return [
        *_forwarding(facts),
        *_bridge_netfilter(facts),
        *_reverse_path(facts),
        *_policies(facts),
        *_configurations(facts),
        *_overlaps(facts),
        *_leaks(facts),
    ]


def _forwarding(facts: Facts) -> Iterator[Finding]:
    for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        if facts.sysctls.get(key) == "0" and facts.bridges:
            name = key.replace("/", ".")
            yield Finding("error", f"{name} is 0: the host does not forward for pods", f"sysctl -w {name}=1")


def _bridge_netfilter(facts: Facts) -> Iterator[Finding]:
    for key in _BRIDGE_NF:
        value, name = facts.sysctls.get(key), key.replace("/", ".")
        if value is None:
            yield Finding(
                "warning",
                f"{name} does not exist: Services between pods of one bridge need masquerading",
                "modprobe br_netfilter",
            )
        elif value == "0":
            yield Finding(
                "warning", f"{name} is 0: Services between pods of one bridge fail", f"sysctl -w {name}=1"
            )


def _reverse_path(facts: Facts) -> Iterator[Finding]:
    if facts.sysctls.get("net/ipv4/conf/all/rp_filter") == "1":
        yield Finding(
            "warning",
            "net.ipv4.conf.all.rp_filter is 1 (strict): replies that leave by another interface are dropped",
            "sysctl -w net.ipv4.conf.all.rp_filter=2",
        )


def _policies(facts: Facts) -> Iterator[Finding]:
    for chain in facts.forward_policies:
        yield Finding(
            "error",
            f"chain {chain} drops what it does not accept: pods cannot reach other hosts",
            "accept the pod ranges there, or use the firewall plugin",
        )
    if facts.udev_mac_policy:
        yield Finding(
            "warning",
            "systemd-udevd gives new veths and bridges MACs of its own (MACAddressPolicy=persistent)",
            "a file /etc/systemd/network/10-cni.link with [Match] OriginalName=veth* cni* "
            "and [Link] MACAddressPolicy=none",
        )
    for option, present in facts.kernel_options.items():
        if not present:
            yield Finding("warning", f"the kernel was built without {option}", "boot a kernel that has it")


def _configurations(facts: Facts) -> Iterator[Finding]:
    for name, problem in facts.configurations:
        if problem:
            yield Finding(
                "error", f"{name}: {problem}", "correct or remove it: runtimes stop at the first error"
            )
    good = [name for name, problem in facts.configurations if not problem]
    if len(good) > 1:
        yield Finding(
            "warning",
            f"{len(good)} configurations: containerd uses {good[0]} and ignores {', '.join(good[1:])}",
            "keep one, or rename the one you want so that it sorts first",
        )
    if not facts.configurations:
        yield Finding("error", "there is no CNI configuration", "kcni install --bin-dir DIR --conf-dir DIR")


def _overlaps(facts: Facts) -> Iterator[Finding]:
    for subnet in facts.subnets:
        for destination, interface in facts.routes:
            if subnet.overlaps(destination) and interface not in facts.bridges:
                yield Finding(
                    "error",
                    f"pod range {subnet.text} overlaps the route {destination.text} through {interface}",
                    "choose another pod range",
                )


def _leaks(facts: Facts) -> Iterator[Finding]:
    if facts.stale:
        yield Finding(
            "warning",
            f"{facts.stale} addresses belong to namespaces that are gone",
            "kcni gc, or the runtime's GC",
        )
