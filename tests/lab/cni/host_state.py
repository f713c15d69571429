"""A host and one of its containers as values that can be compared: what differs by chance has been named alike."""

import json
import re
from pathlib import Path

_SYSCTLS = {
    "host": ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"),
    "bridge": ("net/ipv6/conf/{}/accept_ra", "net/ipv4/conf/{}/route_localnet"),
    "container": (
        "net/ipv4/conf/eth0/arp_notify",
        "net/ipv6/conf/eth0/accept_dad",
        "net/ipv6/conf/eth0/disable_ipv6",
        "net/ipv6/conf/lo/disable_ipv6",
    ),
}


def result(body, path):
    """ADD's result without names and MACs that are drawn by lot."""
    if body is None:
        return None
    found = json.loads(json.dumps(body).replace(path, "NETNS"))
    for interface in found.get("interfaces", []):
        interface["name"] = _name(interface["name"])
        interface["mac"] = "MAC" if interface.get("mac") else ""
        interface.pop("mtu", None)  # ours says it in 1.1.0, the reference does not
    if not found.get("dns"):
        found.pop("dns", None)
    return found


def _name(name):
    return re.sub(r"^veth.*|^bwp.*", lambda match: match[0][:4].upper(), name)


def _links(text, names):
    found = {}
    for link in json.loads(text or "[]"):
        if not link:
            continue
        info = link.get("linkinfo", {})
        slave = info.get("info_slave_data", {})
        found[_name(link["ifname"])] = {
            "kind": info.get("info_kind"),
            "up": "UP" in link["flags"],
            "mtu": link["mtu"],
            "master": link.get("master"),
            "promiscuity": link.get("promiscuity"),
            "allmulti": "ALLMULTI" in link["flags"],
            "mac": link["address"] if link["ifname"] in names else None,
            "hairpin": slave.get("hairpin"),
        }
    return found


def _addresses(text):
    return sorted(
        (_name(link["ifname"]), f"{a['local']}/{a['prefixlen']}", a["scope"], a.get("broadcast"))
        for link in json.loads(text or "[]")
        if link
        for a in link["addr_info"]
        if not a["local"].startswith("fe80:")
    )


def _routes(text):
    kept = ("dst", "gateway", "dev", "scope", "prefsrc", "metric", "metrics", "table", "type")
    found = []
    for route in json.loads(text or "[]"):
        if route.get("table") == "local" or route["dst"].startswith(("fe80:", "ff00:")):
            continue
        route["dev"] = _name(route.get("dev", ""))
        found.append(json.dumps({key: route[key] for key in kept if key in route}, sort_keys=True))
    return sorted(found)


def _rules(text):
    """iptables-save without counters and comments on time: rules by table and chain."""
    chains, table = {}, ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chains.setdefault(f"{table} {line.split()[0][1:]}", [])
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            chains.setdefault(f"{table} {chain}", []).append(rule)
    return {name: rules for name, rules in chains.items() if rules or " CNI" in name}


def _sysctl(host, keys, name, inside):
    return {
        key: host.sh("cat", f"/proc/sys/{key.format(name)}", inside=inside, check=False).stdout
        for key in keys
    }


def snapshot(host, path, *, bridge="cni0", macs=()):
    """Everything that the plugins may have changed."""

    def ip(*words, inside=None):
        return host.sh("ip", "-j", "-d", *words, inside=inside, check=False).stdout

    state = {
        "tc": sorted(
            json.dumps({k: q.get(k) for k in ("kind", "root", "options")}, sort_keys=True)
            for q in json.loads(host.sh("tc", "-j", "qdisc", check=False).stdout or "[]")
            if q["kind"] != "noqueue"
        ),
        "sysctls": _sysctl(host, _SYSCTLS["host"], "", None),
    }
    if bridge in ip("link"):
        state["bridge sysctls"] = _sysctl(host, _SYSCTLS["bridge"], bridge, None)
    places = {"host": None}
    if Path(path).exists():
        places["container"] = path
        state["container sysctls"] = _sysctl(host, _SYSCTLS["container"], "", path)
    for place, inside in places.items():
        state[f"{place} links"] = _links(ip("link", inside=inside), macs)
        state[f"{place} addresses"] = _addresses(ip("addr", inside=inside))
        state[f"{place} rules"] = sorted(ip("rule", inside=inside).splitlines())
        for family in ("-4", "-6"):
            state[f"{place} routes {family}"] = _routes(
                ip(family, "route", "show", "table", "all", inside=inside)
            )
    for program in ("iptables-save", "ip6tables-save"):
        state[program] = _rules(host.sh(program, check=False).stdout)
    return state


def differences(ours, theirs, where=""):
    """Paths at which two values differ, with both."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            line
            for key in sorted({*ours, *theirs})
            for line in differences(ours.get(key), theirs.get(key), f"{where}/{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for place, (one, other) in pairs for line in differences(one, other, f"{where}/{place}")]
    return [] if ours == theirs else [f"{where}: ours {ours!r}, the reference's {theirs!r}"]
