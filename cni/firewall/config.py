"""firewall's configuration, pure (spec B4)."""

from __future__ import annotations

from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from cni.call import Call
    from cni.spec.addresses import IP
    from cni.spec.result import Result
else:
    from linux.records import NamedTuple

BACKENDS = ("", "iptables", "firewalld", "nftables")
POLICIES = ("", "open", "same-bridge", "isolated")


class FirewallConf(NamedTuple):
    network: str
    backend: str
    admin_chain: str
    zone: str
    policy: str
    """"" and "open": no isolation."""


def parse(call: Call) -> FirewallConf:
    fields = call.conf.fields
    backend = fields.text("backend")
    if backend not in BACKENDS:
        raise CniError(f'unrecognized firewall backend "{backend}": use iptables, nftables or firewalld')
    policy = fields.text("ingressPolicy")
    if policy not in POLICIES:
        raise CniError(f'unknown ingress policy: "{policy}": use open, same-bridge or isolated')
    return FirewallConf(
        network=call.conf.name,
        backend=backend,
        admin_chain=fields.text("iptablesAdminChainName") or "CNI-ADMIN",
        zone=fields.text("firewalldZone") or "trusted",
        policy=policy,
    )


def addresses(prev: Result) -> tuple[IP, ...]:
    return tuple(dict.fromkeys(parse_cidr(ip.address).ip for ip in prev.ips))


def bridge_of(prev: Result, policy: str) -> str:
    """The first interface: firewall is chained behind bridge."""
    if not prev.interfaces or not prev.interfaces[0].name:
        raise CniError(
            f'interface needs to be set for ingress policy "{policy}", '
            'make sure to chain "firewall" plugin with "bridge"'
        )
    return prev.interfaces[0].name
