"""ipMasq as nftables rules, in the reference plugins' table, pure.

table inet cni_plugins_masquerade: postrouting lets multicast be and goes to masq_checks, where each
attachment's address has a rule `ip saddr A ip daddr != NET masquerade`, known by its comment.
"""

from __future__ import annotations

from cni.spec.digest import sha512_hex
from linux.nft import constants as k
from linux.nft.batch import AddChain, AddRule, AddTable, FlushChain
from linux.nft.expressions import RETURN, Bitwise, Compare, Masquerade, Meta, Payload, goto
from linux.nft.values import Chain, Hook, Rule, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cni.spec.addresses import Cidr
    from linux.nft.batch import Operation
    from linux.nft.expressions import Expression

TABLE = Table(k.NFPROTO_INET, "cni_plugins_masquerade")
CHECKS = "masq_checks"
POSTROUTING = "postrouting"
_SOURCE_NAT_PRIORITY = 100
_META_NFPROTO = 15
_COMMENT_BYTES = 127


def comment(network: str, container_id: str, ifname: str) -> str:
    """Starts with hashes, which find the rule even where the readable rest had to be cut."""
    mark = mark_of(network, container_id, ifname)
    return f"{mark}, net: {network}, if: {ifname}, id: {container_id}"[:_COMMENT_BYTES]


def mark_of(network: str, container_id: str, ifname: str) -> str:
    return f"{sha512_hex(network)[:16]}-{sha512_hex(f'{ifname}:{container_id}')[:16]}"


def match_family(bits: int) -> tuple[Expression, ...]:
    family = k.NFPROTO_IPV4 if bits == 32 else k.NFPROTO_IPV6
    return Meta(_META_NFPROTO), Compare(k.COMPARE_EQ, bytes([family]))


def match_address(cidr: Cidr, *, source: bool, equal: bool = True) -> tuple[Expression, ...]:
    """`ip saddr 10.1.2.3`, `ip6 daddr != fd00::/64`."""
    size = cidr.ip.bits // 8
    first = 12 if size == 4 else 8
    offset = first if source else first + size
    operator = k.COMPARE_EQ if equal else k.COMPARE_NE
    network = cidr.network
    mask = ((1 << cidr.ip.bits) - (1 << cidr.hosts)).to_bytes(size, "big")
    masking = () if cidr.hosts == 0 else (Bitwise(mask, bytes(size)),)
    return (
        Payload(k.BASE_NETWORK, offset, size),
        *masking,
        Compare(operator, network.ip.packed),
    )


def rule(cidr: Cidr, note: str) -> Rule:
    alone = cidr._replace(prefix=cidr.ip.bits)
    return Rule(
        (
            *match_family(cidr.ip.bits),
            *match_address(alone, source=True),
            *match_address(cidr, source=False, equal=False),
            Masquerade(),
        ),
        note,
    )


def set_up(multicast: Iterable[Cidr]) -> list[Operation]:
    """Table and chains; postrouting is written anew each time, which heals what somebody changed there."""
    hook = Hook("nat", k.HOOK_POSTROUTING, _SOURCE_NAT_PRIORITY)
    returns = [
        AddRule(
            TABLE,
            POSTROUTING,
            Rule((*match_family(net.ip.bits), *match_address(net, source=False), RETURN)),
        )
        for net in multicast
    ]
    return [
        AddTable(TABLE),
        AddChain(TABLE, Chain(CHECKS)),
        AddChain(TABLE, Chain(POSTROUTING, hook)),
        FlushChain(TABLE, POSTROUTING),
        *returns,
        AddRule(TABLE, POSTROUTING, Rule((goto(CHECKS),))),
    ]
