"""The kernel's iptables rules as values, for those who trace packets through them."""

from typing import NamedTuple

from kproxy.addresses import IPV6
from kproxy.backends.iptables.explain import Chains
from kproxy.backends.iptables.pieces import FILTER, NAT
from linux.iptables.parse import understood
from linux.iptables.run import of_host


class KernelRules(NamedTuple):
    nat: Chains
    filters: Chains
    foreign: int
    """How many rules of others were left out."""

    def named(self, what: str) -> str:
        return f"{what} ({self.foreign} of others not read)" if self.foreign else what


def kernel_rules(family: int) -> KernelRules:
    """Of the variant that is in use. Raises IptablesFailed."""
    tables = of_host(family == IPV6).save()
    nat, left_out = understood(tables.get(NAT))
    filters, more = understood(tables.get(FILTER))
    return KernelRules(nat, filters, left_out + more)
