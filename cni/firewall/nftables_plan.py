"""firewall as nf_tables rules in a table of its own, pure.

table inet cni_firewall. An accept here does not overrule a drop in another table: nf_tables has no
such rule. So this backend is for hosts whose own forward chains accept, and for the isolation.
"""

from __future__ import annotations

from linux.nft import constants as k
from linux.nft import phrases as p
from linux.nft.batch import AddChain, AddElements, AddRule, AddSet, AddTable, DeleteElements, FlushChain
from linux.nft.expressions import ACCEPT, DROP
from linux.nft.values import Chain, Element, Hook, Rule, Table, named_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cni.spec.addresses import IP
    from linux.nft.batch import Operation

TABLE = Table(k.NFPROTO_INET, "cni_firewall")
FORWARD, STAGE_1, STAGE_2 = "forward", "isolation_stage_1", "isolation_stage_2"
_FILTER_PRIORITY = 0
_ESTABLISHED = k.CT_STATE_ESTABLISHED | k.CT_STATE_RELATED


def set_name(bits: int) -> str:
    return "containers" if bits == 32 else "containers6"


def set_up() -> list[Operation]:
    """The frame; rules of the shared chain are written anew, which heals what somebody changed."""
    operations: list[Operation] = [AddTable(TABLE)]
    rules = [Rule(p.call(STAGE_1))]
    for bits, headers in ((32, p.IP), (128, p.IP6)):
        name = set_name(bits)
        operations.append(AddSet(TABLE, named_set(name, p.fields(headers.source))))
        family = (*_family(bits),)
        rules.append(Rule((*family, *p.in_set(name, headers.destination), *p.ct_state(_ESTABLISHED), ACCEPT)))
        rules.append(Rule((*family, *p.in_set(name, headers.source), ACCEPT)))
    hook = Hook("filter", k.HOOK_FORWARD, _FILTER_PRIORITY)
    operations += [AddChain(TABLE, Chain(name)) for name in (STAGE_2, STAGE_1)]
    operations += [AddChain(TABLE, Chain(FORWARD, hook)), FlushChain(TABLE, FORWARD)]
    return operations + [AddRule(TABLE, FORWARD, rule) for rule in rules]


def _family(bits: int) -> p.Words:
    from cni.masquerade.nftables_plan import match_family

    return match_family(bits)


def add(ips: Iterable[IP]) -> list[Operation]:
    return [*set_up(), *(AddElements(TABLE, set_name(ip.bits), [Element(ip.packed)]) for ip in ips)]


def delete(ips: Iterable[IP]) -> list[Operation]:
    return [DeleteElements(TABLE, set_name(ip.bits), [Element(ip.packed)]) for ip in ips]


def isolation(bridge: str, policy: str) -> list[tuple[str, Rule]]:
    """Rules of a bridge by chain, each known by its comment."""
    incoming = p.interface_is(k.META_IIFNAME, bridge)
    leaving, staying = p.interface_is_not(k.META_OIFNAME, bridge), p.interface_is(k.META_OIFNAME, bridge)
    rules = [
        (STAGE_1, Rule((*incoming, *leaving, *p.call(STAGE_2)), f"{bridge}: to other bridges")),
        (STAGE_2, Rule((*staying, DROP), f"{bridge}: from other bridges")),
    ]
    if policy == "isolated":
        rules.append((STAGE_1, Rule((*incoming, *staying, DROP), f"{bridge}: between its ports")))
    return rules
