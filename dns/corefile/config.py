"""Server blocks to what is served where: zones, listening addresses, handler lines in order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from dns.corefile.blocks import Block, Line
from dns.corefile.tokens import CorefileError, Token

DEFAULT_PORTS = {"dns": 53, "tls": 853}
_PORT = re.compile(r":(\d+)$")


class ServerKey(msgspec.Struct, frozen=True):
    """One zone of a block: `dns://cluster.local:53`."""

    transport: str  # dns or tls
    zone: str  # lower case, final dot
    port: int

    @property
    def text(self) -> str:
        return f"{self.transport}://{self.zone}:{self.port}"


class ServerBlock(msgspec.Struct, frozen=True):
    keys: tuple[ServerKey, ...]
    lines: tuple[Line, ...]
    token: Token

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key.zone for key in self.keys))

    def find(self, name: str) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.name.text == name)


def server_blocks(blocks: Sequence[Block], *, default_port: int = 53) -> tuple[ServerBlock, ...]:
    """Blocks with their keys understood. Raises CorefileError for a bad key or the same key twice."""
    found: list[ServerBlock] = []
    seen: dict[ServerKey, Token] = {}
    for block in blocks:
        keys: list[ServerKey] = []
        for token in block.keys:
            for key in parse_key(token, default_port):
                keys.append(key)
                first = seen.setdefault(key, token)
                if first is not token and not _has_own_address(block):
                    message = f"{key.text} is already served by the block in line {first.line}"
                    raise CorefileError(message + ": give it another port, or merge the blocks", token)
        found.append(ServerBlock(tuple(keys), block.lines, block.keys[0]))
    return tuple(found)


def _has_own_address(block: Block) -> bool:
    return any(line.name.text == "bind" for line in block.lines)


def parse_key(token: Token, default_port: int = 53) -> list[ServerKey]:
    """`[transport://]zone[:port]`; an address range stands for its reverse zones."""
    transport, separator, rest = token.text.partition("://")
    if not separator:
        transport, rest = "dns", token.text
    if transport not in DEFAULT_PORTS:
        raise CorefileError(f"{transport}:// is not served here: use dns:// or tls://", token)
    port = default_port if transport == "dns" else DEFAULT_PORTS[transport]
    if found := _PORT.search(rest):
        port = int(found.group(1))
        rest = rest[: found.start()]
        if port > 65_535:
            raise CorefileError(f"port {port} is above 65535", token)
    elif rest.endswith(":"):
        raise CorefileError("a : without a port behind it", token)
    return [ServerKey(transport, zone, port) for zone in normalize_zones(rest or ".", token)]


def normalize_zones(text: str, token: Token | None = None) -> list[str]:
    """Zones in lower case with a final dot: one, or the reverse zones of an address range."""
    if "/" in text:
        try:
            return reverse_zones(ip_network(text, strict=False))
        except ValueError:
            raise CorefileError(f"{text} is neither a zone nor an address range", token) from None
    lower = text.lower()
    zone = lower if lower.endswith(".") else lower + "."
    labels = [] if zone == "." else zone[:-1].split(".")
    if len(zone) > 254 or any(not 0 < len(label) < 64 for label in labels):
        raise CorefileError(f"{text} is no zone name: labels have 1 to 63 characters", token)
    return [zone]


def reverse_zones(network: IPv4Network | IPv6Network) -> list[str]:
    """The in-addr.arpa or ip6.arpa zones that cover a network; more than one when it ends inside a label."""
    width = 8 if network.version == 4 else 4
    prefix = -(-network.prefixlen // width) * width
    zones = []
    for part in network.subnets(new_prefix=prefix):
        labels = part.network_address.reverse_pointer.split(".")
        skip = (network.max_prefixlen - prefix) // width
        zones.append(".".join(labels[skip:]) + ".")
    return zones
