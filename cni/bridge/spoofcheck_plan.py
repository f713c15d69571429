"""macspoofchk as nf_tables rules of the bridge family, with the reference plugin's chain names. Pure.

table bridge nat: PREROUTING leads what comes in by the host's end to the attachment's chain, which
leads to its MAC chain, which returns frames with the container's MAC and drops the rest.
"""

from __future__ import annotations

from linux.nft import constants as k
from linux.nft import phrases as p
from linux.nft.batch import AddChain, AddRule, AddTable, DeleteChain, FlushChain
from linux.nft.expressions import DROP, RETURN, Compare, Payload
from linux.nft.values import Chain, Hook, Rule, Table
from linux.rtnl.messages import mac_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux.nft.batch import Operation

_NFPROTO_BRIDGE = 7
_PRIORITY = -300
_LINK_HEADER = 0
TABLE = Table(_NFPROTO_BRIDGE, "nat")
BASE = "PREROUTING"


def interface_chain(container_id: str, ifname: str) -> str:
    return f"cni-br-iface-{container_id}-{ifname}"


def mac_chain(container_id: str, ifname: str) -> str:
    return f"{interface_chain(container_id, ifname)}-mac"


def comment(container_id: str, ifname: str) -> str:
    """Marks the attachment's rule in PREROUTING."""
    return f"macspoofchk-{container_id}-{ifname}"[:127]


def add(container_id: str, ifname: str, host_end: str, mac: str) -> list[Operation]:
    outer, inner = interface_chain(container_id, ifname), mac_chain(container_id, ifname)
    note = comment(container_id, ifname)
    source = Payload(_LINK_HEADER, 6, 6)
    own = Rule((source, Compare(k.COMPARE_EQ, mac_bytes(mac)), RETURN), note)
    lead = Rule((*p.interface_is(k.META_IIFNAME, host_end), *p.call(outer)), note)
    return [
        AddTable(TABLE),
        AddChain(TABLE, Chain(BASE, Hook("filter", k.HOOK_PREROUTING, _PRIORITY))),
        AddChain(TABLE, Chain(inner)),
        AddChain(TABLE, Chain(outer)),
        FlushChain(TABLE, inner),
        FlushChain(TABLE, outer),
        AddRule(TABLE, inner, own),
        AddRule(TABLE, inner, Rule((DROP,), note)),
        AddRule(TABLE, outer, Rule(p.call(inner), note)),
        AddRule(TABLE, BASE, lead),
    ]


def delete_chains(container_id: str, ifname: str) -> list[Operation]:
    outer, inner = interface_chain(container_id, ifname), mac_chain(container_id, ifname)
    return [
        FlushChain(TABLE, outer),
        FlushChain(TABLE, inner),
        DeleteChain(TABLE, outer),
        DeleteChain(TABLE, inner),
    ]
