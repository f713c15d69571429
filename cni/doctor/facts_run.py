"""Reads the host: sysctls, links, routes, packet filters, configurations, stores."""

from __future__ import annotations

import gzip
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from cni.attachments import disk
from cni.call import RUN_DIR
from cni.daemon import wire
from cni.daemon.places import SOCKET
from cni.doctor.findings import NEEDED_OPTIONS, Configuration, Facts, Uplink
from cni.doctor.udev_links import FOLDERS, mac_policy
from cni.host_local.apply import is_alive as address_is_alive
from cni.host_local.config import DATA_DIR
from cni.host_local.disk import Network
from cni.spec.addresses import Cidr, parse_cidr
from cni.veth.lifecycle_apply import is_alive
from linux import process, sysctl
from linux.rtnl import Rtnl

_SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
)
_LEGACY = (
    ("iptables-legacy", "/proc/net/ip_tables_names"),
    ("ip6tables-legacy", "/proc/net/ip6_tables_names"),
)
_ANSWER_S = 1.0  # as long as the executables wait


def collect(conf_dir: str, bin_dirs: str) -> Facts:
    with Rtnl() as rtnl:
        links = {link.ifindex: link for link in rtnl.links()}
        listed = [(route, links[route.oif]) for route in rtnl.routes() if route.oif in links]
    bridges = tuple(link.name for link in links.values() if link.kind == "bridge")
    filters = [f"net/ipv4/conf/{name}/rp_filter" for name in ("all", *bridges)]
    ruleset = _ruleset()
    legacy = dict(_legacy_rules())
    return Facts(
        sysctls={key: sysctl.read(key) for key in (*_SYSCTLS, *filters)},
        configurations=tuple(_configurations(conf_dir, bin_dirs)),
        routes=tuple(
            (parse_cidr(route.dst), link.name)
            for route, link in listed
            if not route.dst.endswith("/0") and not route.dst.startswith("fe80:")
        ),
        bridges=bridges,
        uplinks=tuple(
            {Uplink(link.name, link.mtu) for route, link in listed if route.dst in ("0.0.0.0/0", "::/0")}
        ),
        forward_policies=(*_dropping_chains(ruleset), *_dropping_legacy(legacy)),
        legacy_tables=tuple(name for name, rules in legacy.items() if _has_rules(rules)),
        nft_tables=tuple(_compatible_tables(ruleset)),
        udev_mac_policy=_udev_interferes(),
        kernel_options=_kernel_options(),
        daemon_silent=_daemon_silent(),
        stale_addresses=_stale_addresses(),
        stale_attachments=_stale_attachments(),
    )


# --- configurations


def _configurations(conf_dir: str, bin_dirs: str) -> Iterator[Configuration]:
    for name in disk.names_in(conf_dir):
        if not name.endswith((".conf", ".conflist", ".json")):
            continue
        try:
            with open(f"{conf_dir}/{name}", encoding="utf-8") as file:
                yield _configuration(name, json.load(file), bin_dirs)
        except (OSError, ValueError, AttributeError, TypeError) as error:
            yield Configuration(name, str(error))


def _configuration(file: str, body: Mapping[str, Any], bin_dirs: str) -> Configuration:
    plugins = body.get("plugins", [body])
    types = [str(plugin.get("type", "")) for plugin in plugins]
    types += [str(plugin["ipam"]["type"]) for plugin in plugins if plugin.get("ipam", {}).get("type")]
    mtus = [plugin["mtu"] for plugin in plugins if isinstance(plugin.get("mtu"), int)]
    return Configuration(
        file,
        "" if body.get("name") else "it has no name",
        str(body.get("name", "")),
        tuple(subnet for plugin in plugins for subnet in _subnets(plugin.get("ipam", {}))),
        max(mtus, default=0),
        tuple(kind for kind in types if not _is_installed(kind, bin_dirs)),
    )


def _subnets(ipam: Mapping[str, Any]) -> list[Cidr]:
    listed = [ipam, *(item for group in ipam.get("ranges", []) for item in group)]
    return [parse_cidr(item["subnet"]) for item in listed if item.get("subnet")]


def _is_installed(kind: str, bin_dirs: str) -> bool:
    return any(os.access(f"{folder}/{kind}", os.X_OK) for folder in bin_dirs.split(":"))


# --- packet filters


def _ruleset() -> list[dict[str, Any]]:
    """As nft lists it; empty where there is no nft."""
    if process.find("nft") is None:
        return []
    try:
        listed = json.loads(process.run(["nft", "-j", "list", "ruleset"], timeout_s=30).stdout)
    except (process.ProgramFailed, ValueError):
        return []
    found: list[dict[str, Any]] = listed.get("nftables", [])
    return found


def _dropping_chains(ruleset: list[dict[str, Any]]) -> Iterator[str]:
    for chain in (item["chain"] for item in ruleset if "chain" in item):
        if chain.get("hook") == "forward" and chain.get("policy") == "drop":
            yield f"{chain['family']} {chain['table']} {chain['name']}"


def _compatible_tables(ruleset: list[dict[str, Any]]) -> Iterator[str]:
    """iptables-nft's have the names of iptables' tables, and chains in capitals."""
    rules = (item["rule"] for item in ruleset if "rule" in item)
    found = {
        f"{rule['family']} {rule['table']}"
        for rule in rules
        if rule["family"] in ("ip", "ip6") and rule["table"] in ("filter", "nat", "mangle", "raw")
    }
    yield from sorted(found)


def _legacy_rules() -> Iterator[tuple[str, str]]:
    """(family and table, its rules); asking for a table that is not loaded would load it."""
    for program, names in _LEGACY:
        if process.find(program) is None or not os.path.exists(names):
            continue
        with open(names, encoding="ascii") as file:
            tables = file.read().split()
        for table in tables:
            done = process.run([program, "-t", table, "-S"], check=False, timeout_s=30)
            yield f"{'ip6' if program[:3] == 'ip6' else 'ip'} {table} (legacy)", done.stdout


def _has_rules(listing: str) -> bool:
    return any(line.startswith(("-A", "-N")) for line in listing.splitlines())


def _dropping_legacy(legacy: Mapping[str, str]) -> Iterator[str]:
    for name, rules in legacy.items():
        if "-P FORWARD DROP" in rules:
            yield f"{name} FORWARD"


# --- the rest


def _udev_interferes() -> bool:
    """Only where udevd runs."""
    if not os.path.isdir("/run/udev"):
        return False
    files: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        for name in disk.names_in(folder):
            if name.endswith(".link"):
                try:
                    with open(f"{folder}/{name}", encoding="utf-8", errors="replace") as file:
                        files[name] = file.read()
                except OSError:
                    continue
    kinds = (("veth0", "veth"), ("cni0", "bridge"))
    return any(mac_policy(files, name, kind) == "persistent" for name, kind in kinds)


def _kernel_options() -> dict[str, bool]:
    """Empty where the kernel does not tell how it was built."""
    text = ""
    for path in ("/proc/config.gz", f"/boot/config-{os.uname().release}"):
        try:
            with gzip.open(path, "rt") if path.endswith(".gz") else open(path, encoding="ascii") as file:
                text = file.read()
            break
        except OSError:
            continue
    return {option: f"\n{option}=" in text for option in NEEDED_OPTIONS} if text else {}


def _daemon_silent() -> bool:
    """Asked as executables ask: the first byte of an answer comes at once."""
    if not os.path.exists(SOCKET):
        return False
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        try:
            connection.connect(SOCKET)
            connection.sendall(wire.encode_request(wire.Request("bridge", {"CNI_COMMAND": "VERSION"}, b"")))
            return connection.recv(len(wire.HERE)) != wire.HERE
        except OSError:
            return True


def _stale_addresses() -> int:
    count = 0
    for network in disk.names_in(DATA_DIR):
        if network.startswith(".") or not os.path.isdir(f"{DATA_DIR}/{network}"):
            continue
        try:
            with Network(DATA_DIR, network) as opened:
                rows = opened.db.rows()
                count += sum(bool(row.boot_id) and not address_is_alive(row, opened.boot_id) for row in rows)
        except OSError as error:
            print(f"kcni: {network}: {error}", file=sys.stderr)
    return count


def _stale_attachments() -> int:
    root = f"{RUN_DIR}/attachments"
    return sum(
        not is_alive(found)
        for plugin in disk.names_in(root)
        for network in disk.names_in(f"{root}/{plugin}")
        for found in disk.records(RUN_DIR, plugin, network)
    )
