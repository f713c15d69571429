"""What may keep pod networks from working: facts in, findings with their mend out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cni.spec.addresses import Cidr

_BRIDGE_NF = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")
_FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
NEEDED_OPTIONS = {
    "CONFIG_VETH": "bridge and ptp",
    "CONFIG_BRIDGE": "bridge",
    "CONFIG_BRIDGE_VLAN_FILTERING": "vlan and vlanTrunk of bridge",
    "CONFIG_BRIDGE_NETFILTER": "Services between pods of one bridge",
    "CONFIG_NF_TABLES": "the nftables backends",
    "CONFIG_NFT_MASQ": "ipMasq with nftables",
    "CONFIG_NFT_NAT": "portmap with nftables",
    "CONFIG_NF_TABLES_BRIDGE": "macspoofchk of bridge",
    "CONFIG_NET_SCH_TBF": "bandwidth",
    "CONFIG_VXLAN": "knode --network vxlan",
}
"""Kernel options and what does not work without them."""


class Configuration(NamedTuple):
    """One file of the configuration folder."""

    file: str
    problem: str = ""
    network: str = ""
    subnets: tuple[Cidr, ...] = ()
    mtu_bytes: int = 0
    absent_plugins: tuple[str, ...] = ()
    """Types whose executables are nowhere in the folders of plugins."""


class Uplink(NamedTuple):
    """The link of a default route."""

    name: str
    mtu_bytes: int


class Facts(NamedTuple):
    """The host, as far as it could be read."""

    sysctls: Mapping[str, str | None]
    """None: this kernel has no such key."""
    configurations: tuple[Configuration, ...]
    """In the order runtimes read them."""
    routes: tuple[tuple[Cidr, str], ...]
    """(destination, interface) of the host's main table, default routes left out."""
    bridges: tuple[str, ...]
    uplinks: tuple[Uplink, ...]
    forward_policies: tuple[str, ...]
    """Base chains of the forward hook that drop what no rule accepts."""
    legacy_tables: tuple[str, ...]
    """Tables of iptables-legacy that have rules."""
    nft_tables: tuple[str, ...]
    """Tables of iptables-nft that have rules."""
    udev_mac_policy: bool
    """systemd-udevd would change MACs of veths and bridges."""
    kernel_options: Mapping[str, bool]
    daemon_silent: bool
    """There is a socket of the daemon and nobody behind it."""
    stale_addresses: int
    """Whose namespaces are gone."""
    stale_attachments: int


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
        *_packet_filters(facts),
        *_links(facts),
        *_configurations(facts),
        *_overlaps(facts),
        *_remains(facts),
    ]


def _forwarding(facts: Facts) -> Iterator[Finding]:
    for key in _FORWARDING:
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
    """The kernel takes the stricter of "all" and the link's own."""
    for key, value in facts.sysctls.items():
        if key.endswith("/rp_filter") and value == "1":
            # Links' names may hold dots, which sysctl(8) wants as slashes.
            name = key if "." in key else key.replace("/", ".")
            yield Finding(
                "warning",
                f"{name} is 1 (strict): replies that leave by another interface are dropped",
                f"sysctl -w {name}=2",
            )


def _packet_filters(facts: Facts) -> Iterator[Finding]:
    for chain in facts.forward_policies:
        yield Finding(
            "error",
            f"chain {chain} drops what it does not accept: pods cannot reach other hosts",
            "accept the pod ranges there, or use the firewall plugin",
        )
    if facts.legacy_tables and facts.nft_tables:
        yield Finding(
            "warning",
            f"rules of iptables-legacy ({', '.join(facts.legacy_tables)}) and of iptables-nft"
            f" ({', '.join(facts.nft_tables)}) work side by side: a packet must pass both",
            "update-alternatives --set iptables /usr/sbin/iptables-nft, then iptables-legacy -F; iptables-legacy -t nat -F",
        )


def _links(facts: Facts) -> Iterator[Finding]:
    if facts.udev_mac_policy:
        yield Finding(
            "warning",
            "systemd-udevd gives new veths and bridges MACs of its own (MACAddressPolicy=persistent)",
            "a file /etc/systemd/network/10-cni.link with [Match] OriginalName=veth* cni* "
            "and [Link] MACAddressPolicy=none",
        )
    for option, present in facts.kernel_options.items():
        if not present:
            yield Finding(
                "warning",
                f"the kernel was built without {option}: {NEEDED_OPTIONS[option]} cannot work",
                "boot a kernel that has it",
            )
    for conf in facts.configurations:
        for uplink in facts.uplinks:
            if conf.mtu_bytes > uplink.mtu_bytes:
                yield Finding(
                    "warning",
                    f"{conf.file}: mtu {conf.mtu_bytes} is more than the {uplink.mtu_bytes} of {uplink.name}:"
                    " large packets are lost where ICMP is filtered",
                    'let "mtu" be "auto"',
                )


def _configurations(facts: Facts) -> Iterator[Finding]:
    for conf in facts.configurations:
        if conf.problem:
            yield Finding(
                "error",
                f"{conf.file}: {conf.problem}",
                "correct or remove it: runtimes stop at the first error",
            )
        for plugin in conf.absent_plugins:
            yield Finding(
                "error",
                f"{conf.file}: there is no executable of plugin {plugin}",
                "kcni install --bin-dir DIR, or name its folder with --bin-dir",
            )
    good = [conf.file for conf in facts.configurations if not conf.problem]
    if len(good) > 1:
        yield Finding(
            "warning",
            f"{len(good)} configurations: containerd uses {good[0]} and ignores {', '.join(good[1:])}",
            "keep one, or rename the one you want so that it sorts first",
        )
    if not facts.configurations:
        yield Finding("error", "there is no CNI configuration", "kcni install --bin-dir DIR --conf-dir DIR")


def _overlaps(facts: Facts) -> Iterator[Finding]:
    ranges = [(conf, subnet) for conf in facts.configurations for subnet in conf.subnets]
    for _conf, subnet in ranges:
        for destination, interface in facts.routes:
            if subnet.overlaps(destination) and interface not in facts.bridges:
                yield Finding(
                    "error",
                    f"pod range {subnet.text} overlaps the route {destination.text} through {interface}",
                    "choose another pod range",
                )
    for place, (conf, subnet) in enumerate(ranges):
        for other, theirs in ranges[place + 1 :]:
            if conf.network != other.network and subnet.overlaps(theirs):
                yield Finding(
                    "error",
                    f"networks {conf.network} and {other.network} both give out addresses of {subnet.text}",
                    f"choose another range in {other.file}",
                )


def _remains(facts: Facts) -> Iterator[Finding]:
    if facts.daemon_silent:
        yield Finding(
            "error",
            "the daemon's socket is there and nobody answers: ADD fails with code 11, DELs are queued",
            "start knode or kcni daemon; or remove the socket, then plugins do their work themselves",
        )
    for count, what in (
        (facts.stale_addresses, "addresses belong to"),
        (facts.stale_attachments, "attachments are of"),
    ):
        if count:
            yield Finding(
                "warning", f"{count} {what} namespaces that are gone", "kcni gc, or the runtime's GC"
            )
