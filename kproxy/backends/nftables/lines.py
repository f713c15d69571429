"""The planned table as lines, to be compared: an element or a rule each. Pure."""

import struct
import sys
from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop

from kproxy.backends.nftables.plan import Plan
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from linux.nft.expressions import Verdict
from linux.nft.values import Content, Element

# The types of nft's fields, six bits each in a concatenation (nftables' datatype.h).
_IPV4, _IPV6, _PROTOCOL, _PORT = 7, 8, 12, 13
_WIDTHS = {_IPV4: 4, _IPV6: 16, _PROTOCOL: 1, _PORT: 2}
_PROTOCOL_NAMES = {6: "tcp", 17: "udp", 132: "sctp"}


def lines(table: ForwardingTable, node: NodeRules) -> list[str]:
    plan = Plan(node)
    plan.full(table)
    return list(_lines_of(plan.content()))


def _lines_of(content: Content) -> Iterator[str]:
    for chain in content.chains.values():
        for place, rule in enumerate(chain.rules):
            said = rule.comment or " ".join(type(e).__name__.lower() for e in rule.expressions)
            yield f"chain {chain.name} rule {place + 1}: {said}"
    for name, elements in content.elements.items():
        kind = content.sets[name]
        for element in elements.values():
            yield f"{name}: {_element(element, kind.key_type, kind.data_type)}"


def _element(element: Element, key_type: int, data_type: int | None) -> str:
    text = _key(element.key, key_type)
    if element.end:
        text += f" - {_key(element.end, key_type)}"
    if isinstance(element.data, Verdict):
        text += f" -> {element.data.chain or element.data}"
    elif element.data is not None:
        text += f" -> {_key(element.data, data_type or 0)}"
    return f"{text}  # {element.comment}" if element.comment else text


def _key(data: bytes, kind: int) -> str:
    kinds: list[int] = []
    while kind:
        kinds.insert(0, kind & 63)
        kind >>= 6
    parts, start = [], 0
    for one in kinds:
        width = _WIDTHS.get(one, 4)
        parts.append(_field(data[start : start + width], one))
        start += (width + 3) & ~3
    return " . ".join(parts) if kinds else data.hex()


def _field(data: bytes, kind: int) -> str:
    if kind == _IPV4:
        return inet_ntop(AF_INET, data)
    if kind == _IPV6:
        return inet_ntop(AF_INET6, data)
    if kind == _PROTOCOL:
        return _PROTOCOL_NAMES.get(data[0], str(data[0]))
    if kind == _PORT:
        return str(struct.unpack(">H", data)[0])
    return str(int.from_bytes(data, sys.byteorder))
