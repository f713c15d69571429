"""Which servers questions are forwarded to: addresses as a Corefile writes them, and resolv.conf files. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

PORTS = {"dns": 53, "tls": 853, "https": 443}

# Where a local stub's own upstreams are written down: systemd-resolved, NetworkManager.
BEHIND_STUBS = ("/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf")


class Target(msgspec.Struct, frozen=True):
    """One upstream server."""

    host: str
    port: int = 53
    transport: str = "dns"  # dns: UDP and TCP; tls; https
    server_name: str = ""  # checked in the certificate

    @property
    def text(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """As in a URL of its transport."""
        return self.text.removesuffix(f":{PORTS[self.transport]}")


class BadTarget(ValueError):
    """The text names no server."""


def parse_target(text: str) -> Target:
    """`[dns://|tls://|https://]ADDRESS|HOST[%SERVERNAME][:PORT]`, IPv6 with a port in brackets. Raises BadTarget.

    A host's name is left as it is: its addresses are looked up when the server starts.
    """
    transport, separator, rest = text.partition("://")
    if not separator:
        transport, rest = "dns", text
    if transport not in PORTS:
        raise BadTarget(f"{transport}:// is not supported as an upstream: use dns://, tls:// or https://")
    server_name = ""
    if "%" in rest and transport != "dns":
        rest, _, server_name = rest.partition("%")
        server_name, colon, port_text = server_name.partition(":")
        rest = rest + colon + port_text
    host, port = split_port(rest, PORTS[transport])
    bare = host.partition("%")[0]
    if is_address(bare):
        host = str(ip_address(bare)) + host[len(bare) :]
    elif not _HOST.fullmatch(host) or _NUMERIC.search(host):
        raise BadTarget(f"{text} is neither an address nor a host's name nor a resolv.conf file")
    return Target(host, port, transport, server_name)


# The last label of a host's name is no number: that would be an address with a mistake.
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMERIC = re.compile(r"(^|\.)\d+\.?$")


def split_port(text: str, default: int) -> tuple[str, int]:
    """`1.2.3.4:53`, `[::1]:53`, `::1` → host and port. Raises BadTarget."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not port:
        return host, default
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise BadTarget(f"{text}: {port!r} is no port")
    return host, int(port)


def nameservers(text: str) -> list[str]:
    """The `nameserver` addresses of a resolv.conf (resolv.conf(5)); what is no address is left out."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) >= 2 and words[0] == "nameserver" and is_address(words[1]):
            found.append(words[1])
    return found


def search_domains(text: str) -> list[str]:
    """The last `search` (or `domain`) line's zones, absolute and in lower case."""
    domains: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] in (["search"], ["domain"]):
            domains = words[1:]
    return [domain.lower().rstrip(".") + "." for domain in domains]


def resolv_conf_targets(path: str, read_text: Callable[[str], str]) -> tuple[list[Target], list[str]]:
    """The servers of a resolv.conf, and what there is to say about them.

    A loopback address is a stub of this host that a server elsewhere cannot reach, or it is this very server: the
    upstreams behind the stub are taken, and where none are known the address is left out. Raises OSError.
    """
    hosts: list[str] = []
    stubs: list[str] = []
    notices: list[str] = []
    for host in nameservers(read_text(path)):
        (stubs if _is_loopback(host) else hosts).append(host)
    if stubs and not hosts:
        for behind in BEHIND_STUBS:
            try:
                hosts = [host for host in nameservers(read_text(behind)) if not _is_loopback(host)]
            except OSError:
                continue
            if hosts:
                notices.append(f"{path} names the stub {stubs[0]}: its upstreams in {behind} are used")
                break
    if not hosts:
        what = f"only the stub {stubs[0]}" if stubs else "no nameserver"
        notices.append(
            f"{path} has {what}: names outside the cluster will fail; forward to an address instead"
        )
    return [Target(host) for host in dict.fromkeys(hosts)], notices


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback
