"""Which of the kernel's route news may be damage to what the daemon keeps, pure.

Said twice: as a filter for the kernel, so that an ADD, which is twenty news, wakes nobody; and as a function,
for what the filter lets through and for kernels without it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from linux.netlink import filter as f
from linux.netlink.codec import Message, attr_str, attr_u32, parse_attrs
from linux.rtnl import constants as c
from linux.rtnl.messages import IFINFO, parse_link

_IS_BRIDGE = attr_str(c.IFLA_INFO_KIND, "bridge")[:11]  # found without reading the whole message
_BRID = int.from_bytes(b"brid", "big")
_NEWNETCONF = 80
_EVERY = 0xFFFFFFFF
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING = 1, 2
_OF_ALL = attr_u32(_NETCONFA_IFINDEX, _EVERY)  # each new interface has news of its own
_FORWARDING_OFF = attr_u32(_NETCONFA_FORWARDING, 0)
_SCOPE_LINK = 253
_INDEX = struct.Struct("=I")
_INDEX_OFFSET = 4  # in struct ifinfomsg
_UPLINKS = 64  # a jump goes 255 instructions far
_SCOPE_OFFSET = 3  # in struct ifaddrmsg
_TYPE_AT, _PAYLOAD_AT = 4, 16
_LINK_ATTRS_AT, _NETCONF_ATTRS_AT = _PAYLOAD_AT + 16, _PAYLOAD_AT + 4


def is_damage(kind: int, message: Message, uplink_mtus: Mapping[int, int]) -> bool:
    """Ours are bridges: a veth that comes or goes is an everyday ADD or DEL. Uplinks have the MTUs said, or it is news."""
    if kind == c.RTM_DELADDR:
        return message.payload[_SCOPE_OFFSET] != _SCOPE_LINK
    if kind == _NEWNETCONF:
        return _OF_ALL in message.payload and _FORWARDING_OFF in message.payload
    if kind not in (c.RTM_DELLINK, c.RTM_NEWLINK):
        return False
    (index,) = _INDEX.unpack_from(message.payload, _INDEX_OFFSET)
    if index in uplink_mtus and kind == c.RTM_NEWLINK and _changed(message, uplink_mtus[index]):
        return True
    if _IS_BRIDGE not in message.payload:
        return False
    return kind == c.RTM_DELLINK or not parse_link(message).up


def _changed(message: Message, mtu: int) -> bool:
    raw = parse_attrs(message.payload, IFINFO.size).get(c.IFLA_MTU)
    return raw is not None and raw != _INDEX.pack(mtu)


def interesting(uplinks: Iterable[int]) -> list[f.Instruction]:
    """Links that are bridges or of these indexes, addresses lost, forwarding of "all" switched off."""
    return f.assemble(
        [
            f.load16(_TYPE_AT),
            f.Jump(f.host16(c.RTM_NEWLINK), equal="link"),
            f.Jump(f.host16(c.RTM_DELLINK), equal="link"),
            f.Jump(f.host16(c.RTM_DELADDR), equal="address"),
            f.Jump(f.host16(_NEWNETCONF), equal="forwarding", other="dull"),
            f.Label("link"),
            f.load32(_PAYLOAD_AT + _INDEX_OFFSET),
            *(f.Jump(f.host32(index), equal="wanted") for index in sorted(uplinks)[:_UPLINKS]),
            *f.find(_LINK_ATTRS_AT, c.IFLA_LINKINFO),
            f.Jump(0, equal="dull"),
            *f.find_inside(c.IFLA_INFO_KIND),
            f.Jump(0, equal="dull"),
            *f.load_value(),
            f.Jump(_BRID, equal="wanted", other="dull"),
            f.Label("address"),
            f.load8(_PAYLOAD_AT + _SCOPE_OFFSET),
            f.Jump(_SCOPE_LINK, equal="dull", other="wanted"),
            f.Label("forwarding"),
            *f.find(_NETCONF_ATTRS_AT, _NETCONFA_IFINDEX),
            f.Jump(0, equal="dull"),
            *f.load_value(),
            f.Jump(_EVERY, other="dull"),
            *f.find(_NETCONF_ATTRS_AT, _NETCONFA_FORWARDING),
            f.Jump(0, equal="dull"),
            *f.load_value(),
            f.Jump(0, equal="wanted", other="dull"),
            f.Label("dull"),
            f.verdict(wanted=False),
            f.Label("wanted"),
            f.verdict(wanted=True),
        ]
    )
