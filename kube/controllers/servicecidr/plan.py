"""What a ServiceCIDR should say of itself, and whether it may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

import msgspec

from kube.controllers.pods import condition
from kube.objects import ServiceCIDR

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
# The label of IPAddress objects that belong to Services.
MANAGED_BY = "ipallocator.k8s.io"
READY = "Kubernetes Service CIDR is ready"
IN_USE = (
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
)
_TERMINATING = "Terminating"

Network: TypeAlias = IPv4Network | IPv6Network


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    finalizers: tuple[str, ...] | None = None  # None: as they are
    condition: tuple[str, str, str] | None = None  # status, reason, message; None: as it is


def networks(one: ServiceCIDR) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in one.spec.cidrs)


def plan(one: ServiceCIDR, others: Iterable[ServiceCIDR], addresses: Iterable[str]) -> Plan:
    """`addresses`: cluster IPs in use, looked at only for a range that is to go. One that another range holds as well keeps nothing from going."""
    held = FINALIZER in one.metadata.finalizers
    if one.metadata.deletion_timestamp is None:
        return Plan(
            finalizers=None if held else (*one.metadata.finalizers, FINALIZER),
            condition=_unless_said(one, "True", "", READY),
        )
    if not held:
        return Plan()
    if _strands(one, others, addresses):
        return Plan(condition=_unless_said(one, "False", _TERMINATING, IN_USE))
    if _is_ready(one):
        # Nobody may be given an address of it any more before it is looked at once again.
        return Plan(condition=("False", _TERMINATING, IN_USE))
    return Plan(finalizers=tuple(name for name in one.metadata.finalizers if name != FINALIZER))


def _strands(one: ServiceCIDR, others: Iterable[ServiceCIDR], addresses: Iterable[str]) -> bool:
    staying = [
        network
        for other in others
        if other.metadata.uid != one.metadata.uid and other.metadata.deletion_timestamp is None
        for network in networks(other)
    ]
    for text in addresses:
        address = ip_address(text)
        if any(address in network for network in networks(one)) and not any(
            address in network for network in staying
        ):
            return True
    return False


def _is_ready(one: ServiceCIDR) -> bool:
    found = condition(one.status.conditions, "Ready")
    return found is not None and found.status == "True"


def _unless_said(one: ServiceCIDR, status: str, reason: str, message: str) -> tuple[str, str, str] | None:
    found = condition(one.status.conditions, "Ready")
    if found is not None and (found.status, found.reason) == (status, reason):
        return None
    return status, reason, message
