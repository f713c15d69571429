"""What a rule is made of: the virtual machine's instructions as values.

Registers are numbered as nft numbers them: 0 the verdict, 1-4 of 16 bytes,
8-23 of 4 bytes (8-11 are the quarters of 1).
"""

from __future__ import annotations

from linux.nft import constants as k

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, TypeAlias

    from linux.nft.values import AnonymousSet
else:
    from linux.records import NamedTuple


class Verdict(NamedTuple):
    """`chain` for jump and goto only."""

    code: int
    chain: str = ""


ACCEPT = Verdict(k.VERDICT_ACCEPT)
DROP = Verdict(k.VERDICT_DROP)
RETURN = Verdict(k.VERDICT_RETURN)


def jump(chain: str) -> Verdict:
    return Verdict(k.VERDICT_JUMP, chain)


def goto(chain: str) -> Verdict:
    return Verdict(k.VERDICT_GOTO, chain)


class Payload(NamedTuple):
    """Bytes of a header into a register."""

    base: int
    offset: int
    length: int
    register: int = 1


class Meta(NamedTuple):
    key: int
    register: int = 1


class MetaSet(NamedTuple):
    key: int
    register: int = 1


class Ct(NamedTuple):
    """Connection tracking's view; `direction` None where the key has none."""

    key: int
    direction: int | None = None
    register: int = 1


class Fib(NamedTuple):
    """A routing look-up: `flags` say of what, `result` what is wanted."""

    flags: int
    result: int
    register: int = 1


class Compare(NamedTuple):
    """Breaks the rule unless it holds; numbers of meta and ct are in host order."""

    operator: int
    data: bytes
    register: int = 1


class Bitwise(NamedTuple):
    """target = (source & mask) ^ xor."""

    mask: bytes
    xor: bytes
    source: int = 1
    target: int = 1


class SetById(NamedTuple):
    """A set added earlier in the same transaction, whose name the kernel chooses."""

    name: str
    id: int


class Lookup(NamedTuple):
    """`target` None: only whether the set has it; 0: the map's verdict is carried out."""

    set: str | AnonymousSet | SetById
    register: int = 1
    target: int | None = None
    invert: bool = False


class Immediate(NamedTuple):
    data: bytes
    register: int = 1


class Numgen(NamedTuple):
    modulus: int
    kind: int = k.NUMGEN_RANDOM
    offset: int = 0
    register: int = 1


class Hash(NamedTuple):
    """`jhash` of `length` bytes from `source`, modulo."""

    modulus: int
    seed: int
    source: int
    length: int
    offset: int = 0
    register: int = 1


class Nat(NamedTuple):
    kind: int
    family: int
    address_register: int | None = None
    port_register: int | None = None
    flags: int = 0


class Masquerade(NamedTuple):
    flags: int = 0


class Reject(NamedTuple):
    kind: int
    code: int = 0


class Counter(NamedTuple):
    packets: int = 0
    bytes: int = 0


class DynamicSet(NamedTuple):
    """Adds to or refreshes an element of a set from the packet path."""

    operation: int
    set: str
    key_register: int
    data_register: int | None = None
    timeout_ms: int = 0


class Opaque(NamedTuple):
    """An expression that we never write, met in a table of somebody else."""

    name: str
    data: bytes


if TYPE_CHECKING:
    Expression: TypeAlias = (
        Verdict
        | Payload
        | Meta
        | MetaSet
        | Ct
        | Fib
        | Compare
        | Bitwise
        | Lookup
        | Immediate
        | Numgen
        | Hash
        | Nat
        | Masquerade
        | Reject
        | Counter
        | DynamicSet
        | Opaque
    )
else:
    Expression = object  # only ever an annotation
