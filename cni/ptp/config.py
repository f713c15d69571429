"""ptp's configuration, pure."""

from __future__ import annotations

from cni.bridge.config import BACKENDS, requested_mac
from cni.spec.addresses import Cidr, parse_cidr, parse_ip
from cni.spec.errors import CniError
from cni.veth.plan import Addressing, KernelRoute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from cni.call import Call
    from cni.spec.result import Result
else:
    from linux.records import NamedTuple

_SCOPE_LINK = 253
_MAIN = 254
CONTAINER_INTERFACE = 1


class PtpConf(NamedTuple):
    """What ADD makes."""

    network: str
    ip_masq: bool
    ip_masq_backend: str
    mtu: int | None
    mac: str
    ipam_type: str
    enable_dad: bool = False
    leave_down: bool = False


def parse(call: Call) -> PtpConf:
    fields = call.conf.fields
    backend = fields.text("ipMasqBackend")
    if backend not in BACKENDS:
        raise CniError(f'unknown ipmasq backend "{backend}": use "iptables" or "nftables"')
    return PtpConf(
        network=call.conf.name,
        ip_masq=fields.boolean("ipMasq"),
        ip_masq_backend=backend,
        mtu=fields.integer("mtu") or None,
        mac=requested_mac(call.conf, call.args),
        ipam_type=call.conf.ipam.text("type"),
    )


def addressing(found: Result) -> Addressing:
    """Each address needs a gateway, which the host's end will have."""
    ips = tuple(
        ip._replace(
            interface=CONTAINER_INTERFACE,
            gateway=ip.gateway or parse_cidr(ip.address).network.ip.plus(1).text,
        )
        for ip in found.ips
    )
    gateways = []
    for ip in ips:
        gateway = parse_ip(ip.gateway)
        gateways.append(Cidr(gateway, gateway.bits))
    return Addressing(ips, found.routes, tuple(dict.fromkeys(gateways)))


def subnet_routes(layer3: Addressing) -> tuple[KernelRoute, ...]:
    """What replaces the network's own route: the gateway is on the link, the network behind it."""
    routes = []
    for ip in layer3.ips:
        cidr = parse_cidr(ip.address)
        gateway = parse_ip(ip.gateway)
        alone, source = f"{ip.gateway}/{gateway.bits}", cidr.ip.text
        routes.append(KernelRoute(alone, None, _MAIN, _SCOPE_LINK, 0, 0, 0, source))
        if cidr.prefix < cidr.ip.bits:
            routes.append(KernelRoute(cidr.network.text, ip.gateway, _MAIN, 0, 0, 0, 0, source))
    return tuple(dict.fromkeys(routes))
