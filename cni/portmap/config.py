"""portmap's configuration, pure. Fields and words are the reference plugin's (spec B3)."""

from __future__ import annotations

from cni.spec.addresses import Cidr, parse_cidr, parse_ip
from cni.spec.errors import UNSUPPORTED_FIELD, CniError
from cni.spec.netconf import required_prev_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from cni.call import Call
    from cni.spec.addresses import IP
    from cni.spec.result import Result
else:
    from linux.records import NamedTuple

_DEFAULT_MARK_BIT = 13
_HIGHEST_PORT = 65535
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


class Mapping(NamedTuple):
    """One port of the host; host_ip None: on all its addresses."""

    protocol: str
    host_port: int
    container_port: int
    host_ip: IP | None = None
    bits: int | None = None
    """The only family it is for: that of the host address given, be it the unspecified one."""

    @property
    def text(self) -> str:
        where = self.host_ip.text if self.host_ip else "*"
        return f"{where}:{self.host_port}/{self.protocol}"


class PortmapConf(NamedTuple):
    network: str
    backend: str
    """"" leaves the choice to the host."""
    snat: bool
    masquerade_all: bool
    mark_bit: int
    external_mark_chain: str
    conditions_v4: tuple[str, ...]
    conditions_v6: tuple[str, ...]
    mappings: tuple[Mapping, ...]

    def conditions(self, bits: int) -> tuple[str, ...]:
        return self.conditions_v4 if bits == 32 else self.conditions_v6

    def for_family(self, bits: int) -> tuple[Mapping, ...]:
        return tuple(item for item in self.mappings if item.bits in (None, bits))


def parse(call: Call) -> PortmapConf:
    fields = call.conf.fields
    if "externalSetMarkChain" in fields and "markMasqBit" in fields:
        raise CniError("Cannot specify externalSetMarkChain and markMasqBit")
    mark_bit = fields.integer("markMasqBit", _DEFAULT_MARK_BIT)
    if not 0 <= mark_bit <= 31:
        raise CniError("MasqMarkBit must be between 0 and 31")
    backend = fields.text("backend")
    if backend not in ("", "iptables", "nftables"):
        raise CniError(f'unrecognized backend "{backend}": use "iptables" or "nftables"')
    found = PortmapConf(
        network=call.conf.name,
        backend=backend,
        snat=fields.boolean("snat", True),
        masquerade_all=fields.boolean("masqAll"),
        mark_bit=mark_bit,
        external_mark_chain=fields.text("externalSetMarkChain"),
        conditions_v4=fields.texts("conditionsV4"),
        conditions_v6=fields.texts("conditionsV6"),
        mappings=_mappings(call),
    )
    check_backend(found, backend)
    return found


def check_backend(found: PortmapConf, backend: str) -> None:
    """Options that only the other backend knows are errors."""
    for conditions in (found.conditions_v4, found.conditions_v6):
        is_iptables = bool(conditions) and conditions[0].startswith(("-", "!"))
        if conditions and backend == "iptables" and not is_iptables:
            raise CniError(
                "iptables backend was requested but configuration contains conditions for nftables"
            )
        if conditions and backend == "nftables":
            problem = "iptables-style conditions" if is_iptables else "conditions"
            raise CniError(
                f"{problem} cannot be used with the nftables backend: conditionsV4={list(conditions)}",
                code=UNSUPPORTED_FIELD,
            )
    if backend == "nftables" and found.external_mark_chain:
        raise CniError("externalSetMarkChain only works with the iptables backend", code=UNSUPPORTED_FIELD)


def _mappings(call: Call) -> tuple[Mapping, ...]:
    found: dict[Mapping, None] = {}
    for item in call.conf.runtime.objects("portMappings"):
        container_port, host_port = item.integer("containerPort"), item.integer("hostPort")
        if not 0 < container_port <= _HIGHEST_PORT:
            raise CniError(f"Invalid container port number: {container_port}")
        if not 0 < host_port <= _HIGHEST_PORT:
            raise CniError(f"Invalid host port number: {host_port}")
        protocol = (item.text("protocol") or "tcp").lower()
        if protocol not in PROTOCOLS:
            raise CniError(f"Invalid protocol: {protocol}: use tcp, udp or sctp")
        ip, bits = _host_ip(item.text("hostIP"))
        found[Mapping(protocol, host_port, container_port, ip, bits)] = None
    return tuple(found)


def _host_ip(text: str) -> tuple[IP | None, int | None]:
    if not text:
        return None, None
    try:
        ip = parse_ip(text)
    except ValueError as error:
        raise CniError(f"Invalid host IP: {text}") from error
    return (None if ip.unspecified else ip), ip.bits


def container_addresses(call: Call) -> tuple[Result, dict[int, Cidr]]:
    """The previous result, and the first address of each family (32, 128) on the container's interface."""
    prev = required_prev_result(call.conf, "portmap")
    found: dict[int, Cidr] = {}
    for ip in prev.ips:
        if ip.interface is not None and 0 <= ip.interface < len(prev.interfaces):
            interface = prev.interfaces[ip.interface]
            if interface.name != call.ifname or not interface.sandbox:
                continue
        cidr = parse_cidr(ip.address)
        found.setdefault(cidr.ip.bits, cidr)
    return prev, found
