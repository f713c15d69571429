"""Collects the facts and prints the findings."""

from __future__ import annotations

import gzip
import json
import os
import sys
from typing import Any

from cni.attachments.disk import names_in
from cni.doctor.findings import Facts, findings
from cni.host_local.apply import is_alive
from cni.host_local.config import DATA_DIR
from cni.host_local.disk import Network
from cni.spec.addresses import Cidr, parse_cidr
from linux import process, sysctl
from linux.rtnl import Rtnl

_SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/ipv4/conf/all/rp_filter",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
)
_OPTIONS = ("CONFIG_BRIDGE", "CONFIG_VETH", "CONFIG_NF_TABLES", "CONFIG_BRIDGE_VLAN_FILTERING")
_UDEV_LINK = "/usr/lib/systemd/network/99-default.link"


def main(conf_dir: str) -> int:
    """Status 1 if anything is an error."""
    found = findings(collect(conf_dir))
    for item in found:
        print(f"{item.level}: {item.what}\n    mend: {item.mend}")
    if not found:
        print("nothing found that keeps pod networks from working")
    return 1 if any(item.level == "error" for item in found) else 0


def collect(conf_dir: str) -> Facts:
    configurations, subnets = _configurations(conf_dir)
    with Rtnl() as rtnl:
        links = {link.ifindex: link for link in rtnl.links()}
        routes = tuple(
            (parse_cidr(route.dst), links[route.oif].name)
            for route in rtnl.routes()
            if route.oif in links and not route.dst.endswith("/0") and not route.dst.startswith("fe80:")
        )
    return Facts(
        sysctls={key: sysctl.read(key) for key in _SYSCTLS},
        configurations=configurations,
        subnets=subnets,
        routes=routes,
        bridges=tuple(link.name for link in links.values() if link.kind == "bridge"),
        forward_policies=_dropping_chains(),
        udev_mac_policy=_udev_interferes(),
        kernel_options=_kernel_options(),
        stale=_stale(),
    )


def _configurations(conf_dir: str) -> tuple[tuple[tuple[str, str], ...], tuple[Cidr, ...]]:
    found, subnets = [], []
    for name in names_in(conf_dir):
        if not name.endswith((".conf", ".conflist", ".json")):
            continue
        try:
            with open(f"{conf_dir}/{name}", encoding="utf-8") as file:
                body = json.load(file)
            subnets += list(_subnets(body))
            found.append((name, "" if body.get("name") else "it has no name"))
        except (OSError, ValueError, AttributeError) as error:
            found.append((name, str(error)))
    return tuple(found), tuple(subnets)


def _subnets(body: dict[str, Any]) -> list[Cidr]:
    found = []
    for plugin in body.get("plugins", [body]):
        ipam = plugin.get("ipam", {})
        listed = [ipam, *(item for group in ipam.get("ranges", []) for item in group)]
        found += [parse_cidr(item["subnet"]) for item in listed if item.get("subnet")]
    return found


def _dropping_chains() -> tuple[str, ...]:
    if process.find("nft") is None:
        return ()
    try:
        listed = json.loads(process.run(["nft", "-j", "list", "chains"], timeout_s=10).stdout)
    except (process.ProgramFailed, ValueError):
        return ()
    chains = [item["chain"] for item in listed.get("nftables", []) if "chain" in item]
    return tuple(
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if chain.get("hook") == "forward" and chain.get("policy") == "drop"
    )


def _udev_interferes() -> bool:
    if not os.path.isdir("/run/udev"):
        return False
    try:
        with open(_UDEV_LINK, encoding="utf-8") as file:
            persistent = "MACAddressPolicy=persistent" in file.read()
    except OSError:
        return False
    own = names_in("/etc/systemd/network")
    return persistent and not any(name.endswith(".link") for name in own)


def _kernel_options() -> dict[str, bool]:
    """Empty where the kernel does not tell how it was built."""
    try:
        with gzip.open("/proc/config.gz", "rt") as file:
            text = file.read()
    except OSError:
        return {}
    return {option: f"\n{option}=" in text for option in _OPTIONS}


def _stale() -> int:
    count = 0
    for network in names_in(DATA_DIR):
        if network.startswith(".") or not os.path.isdir(f"{DATA_DIR}/{network}"):
            continue
        try:
            with Network(DATA_DIR, network) as opened:
                rows = opened.db.rows()
                count += sum(bool(row.boot_id) and not is_alive(row, opened.boot_id) for row in rows)
        except OSError as error:
            print(f"kcni: {network}: {error}", file=sys.stderr)
    return count
