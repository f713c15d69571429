"""`--uplink`: what the hub and the host need so that pods reach the networks the host reaches. Pure.

Traffic of pods leaves the hub with the hub's address, and the host with the host's: so the host needs no route to
the pods, and each side one table of its own.
"""

from typing import NamedTuple

from linux.nft import constants as k
from linux.nft.batch import AddChain, AddRule, AddTable, Operation
from linux.nft.phrases import headers, interface_is_not, masquerade, outside, within
from linux.nft.values import Chain, Hook, Rule, Table
from netns_fixtures.topology import Lab

_HOOK = Hook("nat", k.HOOK_POSTROUTING, 100)  # srcnat
_CHAIN = "postrouting"


class Leg(NamedTuple):
    """One family's way out."""

    family: int  # NFPROTO_IPV4 or NFPROTO_IPV6
    default: str  # the default route
    gateway: str  # the host's address on the underlay
    hub_operations: tuple[Operation, ...]
    host_operations: tuple[Operation, ...]
    forwarding_key: str  # of the host


def table_name(lab: str) -> str:
    return f"klab-{lab}"


def plan_uplink(lab: Lab) -> tuple[Leg, ...]:
    """A leg for each of the lab's families."""
    rows = zip(lab.subnets, lab.pod_ranges, lab.service_ranges, lab.host_addresses, strict=True)
    return tuple(_leg(lab, *row) for row in rows)


def _leg(lab: Lab, subnet: str, pods: str, services: str, gateway: str) -> Leg:
    six = ":" in subnet
    table = Table(k.NFPROTO_IPV6 if six else k.NFPROTO_IPV4, table_name(lab.name))
    header = headers(table.family)
    leaving = (word for inside in (subnet, pods, services) for word in outside(header.destination, inside))
    return Leg(
        family=table.family,
        default="::/0" if six else "0.0.0.0/0",
        gateway=gateway,
        hub_operations=_masquerading(table, Rule((*within(header.source, pods), *leaving, *masquerade()))),
        host_operations=_masquerading(
            table,
            Rule(
                (
                    *within(header.source, subnet),
                    *interface_is_not(k.META_OIFNAME, lab.host_link),
                    *masquerade(),
                )
            ),
        ),
        forwarding_key="net/ipv6/conf/all/forwarding" if six else "net/ipv4/ip_forward",
    )


def _masquerading(table: Table, rule: Rule) -> tuple[Operation, ...]:
    return (AddTable(table), AddChain(table, Chain(_CHAIN, _HOOK)), AddRule(table, _CHAIN, rule))
