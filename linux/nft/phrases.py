"""Rules in nft's vocabulary: what a person would write, as the instructions that nft itself would make of it.

That nft can print every rule again rests on following its ways here: which registers, in which order
(compared with `nft --debug=netlink` 1.0.6). nft aborts on a listing that holds a rule it cannot read.
"""

from __future__ import annotations

import struct
from ipaddress import ip_network

from linux.nft import constants as k
from linux.nft import userdata
from linux.nft.expressions import (
    Bitwise,
    Compare,
    Ct,
    DynamicSet,
    Fib,
    Lookup,
    Masquerade,
    Meta,
    MetaSet,
    Nat,
    Numgen,
    Payload,
    Reject,
    goto,
    jump,
)
from linux.nft.userdata import Field
from linux.nft.values import AnonymousSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, TypeAlias

    from linux.nft.expressions import Expression

    Words: TypeAlias = tuple[Expression, ...]
else:
    from linux.records import NamedTuple

_TCP, _UDP, _SCTP = 6, 17, 132
_IFNAME_BYTES = 16


class Part(NamedTuple):
    """A piece of a key: what loads it, and how a set's definition describes it."""

    load: Payload | Meta | Ct | Numgen
    field: Field


class Headers(NamedTuple):
    """Source and destination address of one family."""

    family: int
    source: Part
    destination: Part
    original_source: Part
    original_destination: Part
    port_unreachable: int


IP = Headers(
    k.NFPROTO_IPV4,
    Part(Payload(k.BASE_NETWORK, 12, 4), userdata.IP_SOURCE),
    Part(Payload(k.BASE_NETWORK, 16, 4), userdata.IP_DESTINATION),
    Part(Ct(k.CT_SRC_IP, k.CT_DIR_ORIGINAL), userdata.IP_SOURCE),
    Part(Ct(k.CT_DST_IP, k.CT_DIR_ORIGINAL), userdata.IP_DESTINATION),
    k.ICMP_PORT_UNREACHABLE,
)
IP6 = Headers(
    k.NFPROTO_IPV6,
    Part(Payload(k.BASE_NETWORK, 8, 16), userdata.IP6_SOURCE),
    Part(Payload(k.BASE_NETWORK, 24, 16), userdata.IP6_DESTINATION),
    Part(Ct(k.CT_SRC_IP6, k.CT_DIR_ORIGINAL), userdata.IP6_SOURCE),
    Part(Ct(k.CT_DST_IP6, k.CT_DIR_ORIGINAL), userdata.IP6_DESTINATION),
    k.ICMPV6_PORT_UNREACHABLE,
)
L4_PROTOCOL = Part(Meta(k.META_L4PROTO), userdata.L4_PROTOCOL)
DESTINATION_PORT = Part(Payload(k.BASE_TRANSPORT, 2, 2), userdata.DESTINATION_PORT)
ORIGINAL_DESTINATION_PORT = Part(Ct(k.CT_PROTO_DST, k.CT_DIR_ORIGINAL), userdata.DESTINATION_PORT)


def headers(family: int) -> Headers:
    """By NFPROTO_IPV4 or NFPROTO_IPV6."""
    return IP6 if family == k.NFPROTO_IPV6 else IP


def random_below(modulus: int) -> Part:
    """`numgen random mod modulus`; sets are described with the widest modulus, so that all rules share them."""
    return Part(Numgen(modulus), userdata.random_number(65536))


def fields(*parts: Part) -> tuple[Field, ...]:
    return tuple(part.field for part in parts)


def _register(words: int) -> int:
    """The register that starts after so many 4-byte words."""
    return 1 + words // 4 if words % 4 == 0 else 8 + words


def load(*parts: Part, first_word: int = 0) -> Words:
    """The parts side by side, each on a 4-byte boundary, from register 1 on."""
    found: list[Expression] = []
    words = first_word
    for part in parts:
        found.append(part.load._replace(register=_register(words)))
        words += part.field.padded_bytes // 4
    return tuple(found)


def in_set(name: str, *parts: Part) -> Words:
    return (*load(*parts), Lookup(name))


def not_in_set(name: str, *parts: Part) -> Words:
    return (*load(*parts), Lookup(name, invert=True))


def dispatch(name: str, *parts: Part) -> Words:
    """`PARTS vmap @name`."""
    return (*load(*parts), Lookup(name, target=k.VERDICT_REGISTER))


def transport_protocols() -> Words:
    """`meta l4proto { tcp, udp, sctp }`: without it nft refuses to read a rule that speaks of ports."""
    protocols = AnonymousSet((userdata.L4_PROTOCOL,), tuple(bytes((p,)) for p in (_TCP, _UDP, _SCTP)))
    return (Meta(k.META_L4PROTO), Lookup(protocols))


def translate(family: int, map_name: str, *parts: Part) -> Words:
    """`dnat to PARTS map @map_name`, of a map to address and port."""
    port_register = _register(headers(family).destination.field.padded_bytes // 4)
    found = Nat(k.NAT_DESTINATION, family, 1, port_register)
    return (*transport_protocols(), *load(*parts), Lookup(map_name, target=1), found)


def masquerade() -> Words:
    return (Masquerade(k.NAT_RANDOM_FULLY),)


def remember(map_name: str, key: Part, data: tuple[Part, ...], timeout_ms: int) -> Words:
    """`update @map_name { KEY timeout T : DATA }`: adds the element or starts its time anew."""
    data_words = 4
    update = DynamicSet(k.DYNSET_UPDATE, map_name, 1, _register(data_words), timeout_ms)
    return (*transport_protocols(), *load(key), *load(*data, first_word=data_words), update)


def _flag(key: Expression, bit: int) -> Words:
    mask = struct.pack("=I", bit)
    return (key, Bitwise(mask, bytes(4)), Compare(k.COMPARE_NE, bytes(4)))


def ct_state(state: int) -> Words:
    return _flag(Ct(k.CT_STATE), state)


def ct_status(status: int) -> Words:
    return _flag(Ct(k.CT_STATUS), status)


def mark_has(mark: int) -> Words:
    return _flag(Meta(k.META_MARK), mark)


def mark_or(mark: int) -> Words:
    mask = struct.pack("=I", ~mark & 0xFFFFFFFF)
    return (Meta(k.META_MARK), Bitwise(mask, struct.pack("=I", mark)), MetaSet(k.META_MARK))


def mark_xor(mark: int) -> Words:
    return (Meta(k.META_MARK), Bitwise(b"\xff" * 4, struct.pack("=I", mark)), MetaSet(k.META_MARK))


def _within(part: Part, cidr: str, operator: int) -> Words:
    network = ip_network(cidr)
    packed, length = network.network_address.packed, network.prefixlen
    whole, rest = divmod(length, 8)
    assert isinstance(part.load, Payload)
    if not rest and whole:  # as nft does: whole bytes are compared without a mask
        return (part.load._replace(length=whole), Compare(operator, packed[:whole]))
    return (part.load, Bitwise(network.netmask.packed, bytes(len(packed))), Compare(operator, packed))


def within(part: Part, cidr: str) -> Words:
    return _within(part, cidr, k.COMPARE_EQ)


def outside(part: Part, cidr: str) -> Words:
    return _within(part, cidr, k.COMPARE_NE)


def _name(key: int, name: str, operator: int) -> Words:
    return (Meta(key), Compare(operator, name.encode().ljust(_IFNAME_BYTES, b"\0")))


def interface_is(key: int, name: str) -> Words:
    """Of META_IIFNAME, META_OIFNAME; and the kinds: META_IIFKIND, META_OIFKIND."""
    return _name(key, name, k.COMPARE_EQ)


def interface_is_not(key: int, name: str) -> Words:
    return _name(key, name, k.COMPARE_NE)


def interface_begins(key: int, prefix: str) -> Words:
    return (Meta(key), Compare(k.COMPARE_EQ, prefix.encode()))


def interface_begins_not(key: int, prefix: str) -> Words:
    return (Meta(key), Compare(k.COMPARE_NE, prefix.encode()))


def is_local(of: int) -> Words:
    """`fib saddr type local` with FIB_SADDR, `fib daddr type local` with FIB_DADDR."""
    return (Fib(of, k.FIB_RESULT_ADDRTYPE), Compare(k.COMPARE_EQ, struct.pack("=I", k.ADDRTYPE_LOCAL)))


def reject(family: int) -> Words:
    """ICMP port unreachable."""
    return (Reject(k.REJECT_ICMP_UNREACHABLE, headers(family).port_unreachable),)


def go(chain: str) -> Words:
    return (goto(chain),)


def call(chain: str) -> Words:
    return (jump(chain),)
