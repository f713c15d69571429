"""Follows a packet through a table's values, instruction by instruction, as the kernel would. Pure.

For what our rules use: one table, the first packet of a connection, IPv4 or IPv6. Random numbers are not
drawn: every one is followed.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

from linux.nft import constants as k
from linux.nft.expressions import (
    Bitwise,
    Compare,
    Counter,
    Ct,
    DynamicSet,
    Fib,
    Immediate,
    Lookup,
    Masquerade,
    Meta,
    MetaSet,
    Nat,
    Numgen,
    Payload,
    Reject,
    Verdict,
)
from linux.nft.values import AnonymousSet, Chain, Content, Element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    from linux.nft.expressions import Expression
else:
    from linux.records import NamedTuple


class Probe(NamedTuple):
    """The first packet of a connection. `in_interface` "" : sent by this host, which then needs no routing in.

    `local_addresses` are the host's, beside loopback; `in_kind`, `out_kind` as `bridge`.
    """

    source: str
    destination: str
    protocol: int
    port: int
    in_interface: str = "eth0"
    local_addresses: frozenset[str] = frozenset()
    in_kind: str = ""
    out_kind: str = ""
    source_port: int = 40000


class Step(NamedTuple):
    """A rule that the packet went through to its end."""

    chain: str
    place: int
    comment: str


class Trace(NamedTuple):
    """`verdict` accept, drop or reject; destination and port as the packet leaves."""

    verdict: str
    destination: str
    port: int
    translated: bool
    masqueraded: bool
    steps: tuple[Step, ...]
    remembered: tuple[tuple[str, bytes, bytes], ...] = ()


class _Break(Exception):
    pass


class _Final(Exception):
    def __init__(self, verdict: str) -> None:
        super().__init__(verdict)
        self.verdict = verdict


def trace(content: Content, probe: Probe) -> list[Trace]:
    """What may happen, one for each random number; equal ones are not merged."""
    found: list[Trace] = []
    pending: list[tuple[int, ...]] = [()]
    while pending:
        choices = pending.pop()
        machine = _Machine(content, probe, choices)
        found.append(machine.run())
        for place in range(len(choices), len(machine.moduli)):
            taken = machine.taken[:place]
            pending += [(*taken, other) for other in range(1, machine.moduli[place])]
    return found


class _Machine:
    def __init__(self, content: Content, probe: Probe, choices: tuple[int, ...]) -> None:
        self._content = content
        self._probe = probe
        self._choices = choices
        self.moduli: list[int] = []
        self.taken: list[int] = []
        self._source = ip_address(probe.source).packed
        self._destination = ip_address(probe.destination).packed
        self._port = probe.port
        self._mark = 0
        self._translated = False
        self._masqueraded = False
        self._registers = bytearray(4 * k.REGISTER_COUNT)
        self._steps: list[Step] = []
        self._remembered: list[tuple[str, bytes, bytes]] = []
        self._in_nat = False

    def run(self) -> Trace:
        verdict = "accept"
        from_host = not self._probe.in_interface
        try:
            self._hook(k.HOOK_OUTPUT if from_host else k.HOOK_PREROUTING)
            local = self._is_local(self._destination)
            if not from_host:
                self._hook(k.HOOK_INPUT if local else k.HOOK_FORWARD)
            if from_host or not local:
                self._hook(k.HOOK_POSTROUTING)
            if from_host and local:  # through loopback: in again
                self._hook(k.HOOK_INPUT)
        except _Final as final:
            verdict = final.verdict
        return Trace(
            verdict,
            str(ip_address(bytes(self._destination))),
            self._port,
            self._translated,
            self._masqueraded,
            tuple(self._steps),
            tuple(self._remembered),
        )

    def _is_local(self, packed: bytes) -> bool:
        address = ip_address(bytes(packed))
        return address.is_loopback or str(address) in self._probe.local_addresses

    def _hook(self, number: int) -> None:
        chains = [c for c in self._content.chains.values() if c.hook is not None and c.hook.number == number]
        for chain in sorted(chains, key=lambda c: c.hook.priority if c.hook else 0):
            assert chain.hook is not None
            self._in_nat = chain.hook.type == "nat"
            if self._in_nat and self._translated and number != k.HOOK_POSTROUTING:
                continue  # a connection is translated once
            try:
                self._registers[:] = bytes(len(self._registers))
                self._chain(chain)
                if chain.hook.policy == k.VERDICT_DROP:
                    raise _Final("drop")
            except _Final as final:
                if final.verdict != "accept":
                    raise

    def _chain(self, chain: Chain) -> None:
        """Returns at its end or at `return`; a goto's end is the end of the caller, too."""
        for place, rule in enumerate(chain.rules):
            try:
                verdict = self._rule(rule.expressions)
            except _Break:
                continue
            self._steps.append(Step(chain.name, place, rule.comment))
            if verdict is None or verdict.code == k.VERDICT_CONTINUE:
                continue
            if verdict.code == k.VERDICT_RETURN:
                return
            if verdict.code == k.VERDICT_JUMP:
                self._chain(self._content.chains[verdict.chain])
                continue
            if verdict.code == k.VERDICT_GOTO:
                self._chain(self._content.chains[verdict.chain])
                return
            raise _Final("drop" if verdict.code == k.VERDICT_DROP else "accept")

    def _rule(self, expressions: tuple[Expression, ...]) -> Verdict | None:
        for expression in expressions:
            verdict = self._do(expression)
            if verdict is not None:
                return verdict
        return None

    def _read(self, register: int, length: int) -> bytes:
        start = _offset(register)
        return bytes(self._registers[start : start + length])

    def _write(self, register: int, data: bytes) -> None:
        start = _offset(register)
        self._registers[start : start + len(data)] = data
        padding = -len(data) % 4
        self._registers[start + len(data) : start + len(data) + padding] = bytes(padding)

    def _do(self, e: Expression) -> Verdict | None:
        match e:
            case Verdict():
                return e
            case Payload():
                self._write(e.register, self._header(e.base)[e.offset : e.offset + e.length])
            case Meta():
                self._write(e.register, self._meta(e.key))
            case MetaSet():
                self._mark = struct.unpack("=I", self._read(e.register, 4))[0]
            case Ct():
                self._write(e.register, self._ct(e.key))
            case Fib():
                asked = self._source if e.flags & k.FIB_SADDR else self._destination
                self._write(e.register, struct.pack("=I", k.ADDRTYPE_LOCAL if self._is_local(asked) else 1))
            case Compare():
                if not _holds(e.operator, self._read(e.register, len(e.data)), e.data):
                    raise _Break
            case Bitwise():
                source = self._read(e.source, len(e.mask))
                mixed = zip(source, e.mask, e.xor, strict=True)
                self._write(e.target, bytes((s & m) ^ x for s, m, x in mixed))
            case Immediate():
                self._write(e.register, e.data)
            case Numgen():
                self._write(e.register, struct.pack("=I", self._choose(e.modulus) + e.offset))
            case Lookup():
                return self._lookup(e)
            case Nat():
                self._translate(e)
            case Masquerade():
                self._masqueraded = True
                raise _Final("accept")
            case Reject():
                raise _Final("reject")
            case DynamicSet():
                self._remember(e)
            case Counter():
                pass
            case _:
                raise ValueError(f"trace does not know {e!r}")
        return None

    def _header(self, base: int) -> bytes:
        if base == k.BASE_TRANSPORT:
            return struct.pack(">HH", self._probe.source_port, self._port)
        lead = 12 if len(self._source) == 4 else 8
        return bytes(lead) + self._source + self._destination

    def _meta(self, key: int) -> bytes:
        probe = self._probe
        match key:
            case k.META_MARK:
                return struct.pack("=I", self._mark)
            case k.META_L4PROTO:
                return bytes((probe.protocol,))
            case k.META_IIFNAME:
                return probe.in_interface.encode().ljust(16, b"\0")
            case k.META_IIFKIND | k.META_OIFKIND:
                kind = probe.in_kind if key == k.META_IIFKIND else probe.out_kind
                if not kind:
                    raise _Break
                return kind.encode().ljust(16, b"\0")
        raise ValueError(f"trace does not know meta key {key}")

    def _ct(self, key: int) -> bytes:
        match key:
            case k.CT_STATE:
                return struct.pack("=I", k.CT_STATE_NEW)
            case k.CT_STATUS:
                return struct.pack("=I", k.CT_STATUS_DNAT if self._translated else 0)
            case k.CT_SRC_IP | k.CT_SRC_IP6:
                return ip_address(self._probe.source).packed
            case k.CT_DST_IP | k.CT_DST_IP6:
                return ip_address(self._probe.destination).packed
            case k.CT_PROTO_DST:
                return struct.pack(">H", self._probe.port)
        raise ValueError(f"trace does not know ct key {key}")

    def _choose(self, modulus: int) -> int:
        place = len(self.moduli)
        self.moduli.append(modulus)
        choice = self._choices[place] if place < len(self._choices) else 0
        self.taken.append(choice)
        return choice

    def _lookup(self, e: Lookup) -> Verdict | None:
        if isinstance(e.set, AnonymousSet):
            width = len(e.set.elements[0])
            if (self._read(e.register, width) in e.set.elements) == e.invert:
                raise _Break
            return None
        assert isinstance(e.set, str)
        element = self._find(e.set, e.register)
        if (element is not None) == e.invert:
            raise _Break
        if element is None or e.target is None:
            return None
        if isinstance(element.data, Verdict):
            return element.data
        assert element.data is not None
        self._write(e.target, element.data)
        return None

    def _find(self, name: str, register: int) -> Element | None:
        definition = self._content.sets[name]
        key = self._read(register, definition.key_bytes)
        elements = self._content.elements.get(name, {})
        if not definition.flags & k.SET_INTERVAL:
            return elements.get(key)
        widths = [(width + 3) & ~3 for width in definition.field_bytes] or [len(key)]
        for element in elements.values():
            if _within(key, element.key, element.end or element.key, widths):
                return element
        return None

    def _translate(self, e: Nat) -> None:
        assert e.address_register is not None
        assert e.port_register is not None
        self._destination = self._read(e.address_register, len(self._destination))
        self._port = struct.unpack(">H", self._read(e.port_register, 2))[0]
        self._translated = True
        raise _Final("accept")

    def _remember(self, e: DynamicSet) -> None:
        definition = self._content.sets[e.set]
        key = self._read(e.key_register, definition.key_bytes)
        data = b"" if e.data_register is None else self._read(e.data_register, definition.data_bytes)
        self._remembered.append((e.set, key, data))


def _offset(register: int) -> int:
    return (register - 1) * 16 if register <= 4 else (register - 8) * 4


def _holds(operator: int, left: bytes, right: bytes) -> bool:
    match operator:
        case k.COMPARE_EQ:
            return left == right
        case k.COMPARE_NE:
            return left != right
        case k.COMPARE_LT:
            return left < right
        case k.COMPARE_LE:
            return left <= right
        case k.COMPARE_GT:
            return left > right
    return left >= right


def _parts(data: bytes, widths: list[int]) -> Iterator[bytes]:
    start = 0
    for width in widths:
        yield data[start : start + width]
        start += width


def _within(key: bytes, first: bytes, last: bytes, widths: list[int]) -> bool:
    """Each part of a concatenation has a range of its own."""
    return all(
        low <= part <= high
        for part, low, high in zip(
            _parts(key, widths), _parts(first, widths), _parts(last, widths), strict=True
        )
    )
