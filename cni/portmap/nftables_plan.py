"""Port mappings as elements of maps, in the table name that users of the reference plugin know. Pure.

tables ip and ip6 cni_hostport. `ports` leads a protocol and port to a container's address and port,
`ip_ports` one on a certain address of the host; `masqueraded` holds who must not see the container
as itself: its own network (its answers would not come back through us) and the host's loopback.
Twenty ports are one transaction, and a packet's way does not get longer with more of them.
"""

from __future__ import annotations

from cni.portmap.config import PROTOCOLS
from linux.nft import constants as k
from linux.nft import phrases as p
from linux.nft.batch import AddChain, AddElements, AddRule, AddSet, AddTable, DeleteElements, FlushChain
from linux.nft.expressions import Masquerade
from linux.nft.userdata import COMMENT_BYTES_MAX
from linux.nft.values import Chain, Element, Hook, Rule, Table, named_map, named_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cni.portmap.config import Mapping as PortMapping
    from cni.portmap.config import PortmapConf
    from cni.spec.addresses import Cidr
    from linux.nft.batch import Operation

NAME = "cni_hostport"
PORTS, IP_PORTS, MASQUERADED = "ports", "ip_ports", "masqueraded"
_HOSTPORTS, _HOSTIP_HOSTPORTS = "hostports", "hostip_hostports"
_DNAT_PRIORITY, _SNAT_PRIORITY = -100, 100


def table_of(bits: int) -> Table:
    return Table(k.NFPROTO_IPV4 if bits == 32 else k.NFPROTO_IPV6, NAME)


def set_up(bits: int) -> list[Operation]:
    """The table's frame; its rules are written anew each time, which heals what somebody changed there."""
    table = table_of(bits)
    headers = p.headers(table.family)
    by_port = p.fields(p.L4_PROTOCOL, p.DESTINATION_PORT)
    by_ip = p.fields(headers.destination, p.L4_PROTOCOL, p.DESTINATION_PORT)
    target = p.fields(headers.destination, p.DESTINATION_PORT)
    pair = p.fields(headers.source, headers.destination)
    operations: list[Operation] = [
        AddTable(table),
        AddSet(table, named_map(PORTS, by_port, target)),
        AddSet(table, named_map(IP_PORTS, by_ip, target)),
        AddSet(table, named_set(MASQUERADED, pair, ranges=True)),
    ]
    chains = _chains(table)
    operations += [AddChain(table, chain._replace(rules=())) for chain in chains]
    for chain in chains:
        operations.append(FlushChain(table, chain.name))
        operations += [AddRule(table, chain.name, rule) for rule in chain.rules]
    return operations


def _chains(table: Table) -> list[Chain]:
    headers = p.headers(table.family)
    local = p.is_local(k.FIB_DADDR)
    lead = (Rule(p.call(_HOSTIP_HOSTPORTS)), Rule((*local, *p.call(_HOSTPORTS))))
    by_port = p.translate(table.family, PORTS, p.L4_PROTOCOL, p.DESTINATION_PORT)
    by_ip = p.translate(table.family, IP_PORTS, headers.destination, p.L4_PROTOCOL, p.DESTINATION_PORT)
    masked = p.in_set(MASQUERADED, headers.source, headers.destination)
    return [
        Chain(_HOSTPORTS, None, (Rule(by_port),)),
        Chain(_HOSTIP_HOSTPORTS, None, (Rule(by_ip),)),
        Chain("prerouting", Hook("nat", k.HOOK_PREROUTING, _DNAT_PRIORITY), lead),
        Chain("output", Hook("nat", k.HOOK_OUTPUT, _DNAT_PRIORITY), lead),
        Chain(
            "masquerading",
            Hook("nat", k.HOOK_POSTROUTING, _SNAT_PRIORITY),
            (Rule((*p.ct_status(k.CT_STATUS_DNAT), *masked, Masquerade())),),
        ),
    ]


def _key(item: PortMapping) -> bytes:
    """Each part on a word of its own, as concatenations are."""
    protocol = bytes((PROTOCOLS[item.protocol], 0, 0, 0))
    port = item.host_port.to_bytes(2, "big") + b"\0\0"
    return (item.host_ip.packed if item.host_ip else b"") + protocol + port


def note(network: str, container_id: str) -> str:
    """The comment of a container's elements, as nft keeps it."""
    return f"{network} {container_id}"[:COMMENT_BYTES_MAX]


def elements(conf: PortmapConf, container_id: str, target: Cidr) -> dict[str, list[Element]]:
    """What a container adds to each set of its family's table."""
    text = note(conf.network, container_id)
    found: dict[str, list[Element]] = {PORTS: [], IP_PORTS: []}
    for item in conf.for_family(target.ip.bits):
        data = target.ip.packed + item.container_port.to_bytes(2, "big") + b"\0\0"
        found[IP_PORTS if item.host_ip else PORTS].append(Element(_key(item), data, comment=text))
    if conf.snat:
        found[MASQUERADED] = [Element(key, end=end, comment=text) for key, end in _masqueraded(conf, target)]
    return {name: items for name, items in found.items() if items}


def _masqueraded(conf: PortmapConf, target: Cidr) -> Iterable[tuple[bytes, bytes]]:
    """Pairs of source and destination, as the first and the last of a range."""
    address, size = target.ip.packed, target.ip.bits // 8
    if conf.masquerade_all:
        return [(bytes(size) + address, b"\xff" * size + address)]
    network = (target.network.ip.packed + address, target.last.packed + address)
    if size != 4:
        return [network]
    loopback = b"\x7f\0\0\x01"
    return [network, (loopback + address, loopback + address)]


def is_set_up(bits: int, present: Mapping[str, tuple[Rule, ...]]) -> bool:
    """Do the rules by chain say what the frame's do? Rewriting it would make the next change wait for RCU."""
    return all(
        [rule.expressions for rule in present.get(chain.name, ())]
        == [rule.expressions for rule in chain.rules]
        for chain in _chains(table_of(bits))
    )


def add(conf: PortmapConf, container_id: str, target: Cidr) -> list[Operation]:
    """The elements alone, for a table whose frame is there."""
    table = table_of(target.ip.bits)
    added = elements(conf, container_id, target)
    return [AddElements(table, name, items) for name, items in added.items()]


def delete(bits: int, found: dict[str, list[Element]]) -> list[Operation]:
    return [DeleteElements(table_of(bits), name, items) for name, items in found.items() if items]
