"""Classic BPF for netlink sockets: news that nobody wants are dropped in the kernel, before they wake a thread.

Programs are made of instructions, jumps and labels; `find` and `find_inside` look for an attribute as the kernel's nla_find does
(SKF_AD_NLATTR, linux/filter.h). Loads are big-endian whatever the host: `host16` and `host32` turn numbers round.
Offsets count from the nlmsghdr.
"""

from __future__ import annotations

import struct
from array import array
from errno import ENOPROTOOPT, EPERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_SOL_SOCKET, _SO_ATTACH_FILTER = 1, 26
_LD_W_ABS, _LD_H_ABS, _LD_B_ABS, _LD_W_IND = 0x20, 0x28, 0x30, 0x40
_LD_IMM, _LDX_IMM, _TAX, _JEQ, _RET = 0x00, 0x01, 0x07, 0x15, 0x06
_NLATTR, _NLATTR_NEST = 0xFFFFF000 + 12, 0xFFFFF000 + 16  # SKF_AD_OFF + SKF_AD_NLATTR…
_ALL = 0xFFFFFFFF


class Instruction(NamedTuple):
    """struct sock_filter; a jump's distances are in instructions, from the next one on."""

    code: int
    operand: int
    when_true: int = 0
    when_false: int = 0


class Jump(NamedTuple):
    """To the label `equal` if what was loaded is value, else to `other`; without a name it goes on with the next."""

    value: int
    equal: str = ""
    other: str = ""


class Label(NamedTuple):
    name: str


def load8(offset: int) -> Instruction:
    return Instruction(_LD_B_ABS, offset)


def load16(offset: int) -> Instruction:
    return Instruction(_LD_H_ABS, offset)


def load32(offset: int) -> Instruction:
    return Instruction(_LD_W_ABS, offset)


def find(start: int, kind: int) -> tuple[Instruction, ...]:
    """Where the attribute of this kind begins, in the list of attributes at start; 0 if there is none."""
    return Instruction(_LD_IMM, start), Instruction(_LDX_IMM, kind), Instruction(_LD_W_ABS, _NLATTR)


def find_inside(kind: int) -> tuple[Instruction, ...]:
    """The same inside the attribute that was found before."""
    return Instruction(_LDX_IMM, kind), Instruction(_LD_W_ABS, _NLATTR_NEST)


def load_value() -> tuple[Instruction, ...]:
    """The first four bytes of the attribute that was found before."""
    return Instruction(_TAX, 0), Instruction(_LD_W_IND, 4)


def verdict(*, wanted: bool) -> Instruction:
    return Instruction(_RET, _ALL if wanted else 0)


def assemble(items: Sequence[Instruction | Jump | Label]) -> list[Instruction]:
    """Labels become distances; jumps go forward only, as the kernel demands."""
    places: dict[str, int] = {}
    count = 0
    for item in items:
        if isinstance(item, Label):
            places[item.name] = count
        else:
            count += 1
    program: list[Instruction] = []
    for item in items:
        if isinstance(item, Jump):
            here = len(program) + 1
            equal, other = (places[name] - here if name else 0 for name in (item.equal, item.other))
            program.append(Instruction(_JEQ, item.value, equal, other))
        elif isinstance(item, Instruction):
            program.append(item)
    return program


def host16(value: int) -> int:
    return int.from_bytes(struct.pack("=H", value), "big")


def host32(value: int) -> int:
    return int.from_bytes(struct.pack("=I", value), "big")


def encode(program: Sequence[Instruction]) -> bytes:
    """The array of struct sock_filter."""
    return b"".join(
        struct.pack("=HBBI", item.code, item.when_true, item.when_false, item.operand) for item in program
    )


def attach(set_option: Callable[[int, int, bytes], object], program: Sequence[Instruction]) -> bool:
    """To the socket whose setsockopt(2) is given; a program that it has is replaced.

    False where the kernel takes none: whoever reads the news chooses by himself anyway.
    """
    encoded = array("B", encode(program))
    address, _ = encoded.buffer_info()
    described = struct.pack("@HP", len(program), address)  # struct sock_fprog
    try:
        set_option(_SOL_SOCKET, _SO_ATTACH_FILTER, described)
    except OSError as error:
        if error.errno in (ENOPROTOOPT, EPERM):
            return False
        raise
    return True
