"""Network configuration lists as libcni reads them (CNI 1.1.0, section 1), and the one this agent writes."""

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NETWORK_NAME = "podnet"
FILE_NAME = "10-podnet.conflist"
KNOWN_VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*\Z")


class InvalidConfiguration(ValueError):
    """A network configuration that libcni would refuse, in its words where it has some."""


class NetworkList(NamedTuple):
    """A network: its plugins run in order on ADD, in reverse on DEL."""

    name: str
    cni_version: str
    plugins: tuple[Mapping[str, Any], ...]
    disable_check: bool = False
    disable_gc: bool = False


def parse_conflist(data: bytes, extra_plugins: Sequence[Mapping[str, Any]] = ()) -> NetworkList:
    """A .conflist; `extra_plugins` are those of the folder named like the network. Raises InvalidConfiguration."""
    body = _json_object(data)
    name = _network_name(body)
    inlined_only = _flag(body, "loadOnlyInlinedPlugins")
    listed = body.get("plugins")
    if listed is None and inlined_only:
        raise InvalidConfiguration("error parsing configuration list: no 'plugins' key")
    if listed is not None and not isinstance(listed, list):
        raise InvalidConfiguration("error parsing configuration list: invalid 'plugins' type")
    if listed == []:
        raise InvalidConfiguration("error parsing configuration list: no plugins in list")
    plugins = (*(listed or ()), *(() if inlined_only else extra_plugins))
    if not plugins:
        raise InvalidConfiguration(f"no plugin configs found for network {name}")
    for plugin in plugins:
        if not isinstance(plugin, dict) or not plugin.get("type"):
            raise InvalidConfiguration("error parsing network configuration: missing 'type'")
    return NetworkList(
        name, choose_version(body), plugins, _flag(body, "disableCheck"), _flag(body, "disableGC")
    )


def parse_conf(data: bytes) -> NetworkList:
    """A single plugin's .conf or .json, as a list of one."""
    body = _json_object(data)
    if not body.get("type"):
        raise InvalidConfiguration("error parsing network configuration: missing 'type'")
    return NetworkList(_network_name(body), choose_version(body), (body,))


def choose_version(body: Mapping[str, Any]) -> str:
    """The newest version that both cniVersion/cniVersions and this runtime know; unknown ones are ignored."""
    offered = [body.get("cniVersion") or "", *(body.get("cniVersions") or ())]
    if not all(isinstance(version, str) for version in offered):
        raise InvalidConfiguration("error parsing configuration list: cniVersions must be strings")
    known = [version for version in offered if version in KNOWN_VERSIONS]
    if not known:
        return str(offered[0] or "0.1.0")
    return str(max(known, key=KNOWN_VERSIONS.index))


def version_at_least(version: str, floor: str) -> bool:
    """Unknown versions count as new."""
    if version not in KNOWN_VERSIONS:
        return True
    return KNOWN_VERSIONS.index(version) >= KNOWN_VERSIONS.index(floor)


def podnet_conflist(pod_cidrs: Sequence[str], *, data_dir: str, mtu: int = 0, portmap: bool = False) -> bytes:
    """This node's network: a bridge, addresses from the node's ranges, hairpin for a pod that calls its own Service.

    Older runtimes read only cniVersion, newer ones the best of cniVersions (CNI 1.1.0).
    """
    routes = [{"dst": "::/0" if _is_v6(cidr) else "0.0.0.0/0"} for cidr in pod_cidrs]
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": cidr}] for cidr in pod_cidrs],
            "routes": routes,
            "dataDir": data_dir,
        },
    }
    if mtu:
        bridge["mtu"] = mtu
    plugins = [bridge]
    if portmap:
        plugins.append({"type": "portmap", "capabilities": {"portMappings": True}})
    body = {
        "cniVersion": "1.0.0",
        "cniVersions": ["0.4.0", "1.0.0", "1.1.0"],
        "name": NETWORK_NAME,
        "plugins": plugins,
    }
    return json.dumps(body, indent=2).encode() + b"\n"


def _is_v6(cidr: str) -> bool:
    return ipaddress.ip_network(cidr).version == 6


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise InvalidConfiguration(f"error parsing configuration list: {error}") from error
    if not isinstance(body, dict):
        raise InvalidConfiguration("error parsing configuration list: not an object")
    return body


def _network_name(body: Mapping[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidConfiguration("error parsing configuration list: no name")
    if not _NAME.match(name):
        raise InvalidConfiguration(f"error parsing configuration list: invalid network name {name!r}")
    return name


def _flag(body: Mapping[str, Any], key: str) -> bool:
    """Libcni takes true, false and both as text."""
    value = body.get(key, False)
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise InvalidConfiguration(f"error parsing configuration list: invalid {key} value {value!r}")
    return value
