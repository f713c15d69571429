"""What a table is made of, as values: chains, rules, sets, elements."""

from __future__ import annotations

from linux.nft import constants as k
from linux.nft import userdata
from linux.nft.expressions import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple, TypeAlias

    from linux.nft.expressions import Expression
    from linux.nft.userdata import Field
else:
    from linux.records import NamedTuple


class Table(NamedTuple):
    """`flags`: TABLE_F_OWNER and TABLE_F_PERSIST. `owner`: port of the socket that holds it, 0 for none."""

    family: int
    name: str
    flags: int = 0
    owner: int = 0


class Hook(NamedTuple):
    """Where a base chain is called; `type` is filter, nat or route."""

    type: str
    number: int
    priority: int
    policy: int = k.VERDICT_ACCEPT


class Rule(NamedTuple):
    expressions: tuple[Expression, ...]
    comment: str = ""
    handle: int = 0  # given by the kernel; not part of what the rule says


class Chain(NamedTuple):
    name: str
    hook: Hook | None = None
    rules: tuple[Rule, ...] = ()


class Element(NamedTuple):
    """One element of a set or map.

    `end` closes a range in a set of concatenated ranges (inclusive). `timeout_ms` 0: the set's own.
    `packets` is what the kernel counted, None where nothing counts.
    """

    key: bytes
    data: bytes | Verdict | None = None
    comment: str = ""
    end: bytes = b""
    timeout_ms: int = 0
    expires_ms: int = 0
    flags: int = 0
    packets: int | None = None


class Set(NamedTuple):
    """A named set or map: numbers as the kernel keeps them. Build one with `named_set` or `named_map`."""

    name: str
    key_type: int
    key_bytes: int
    flags: int = 0
    data_type: int | None = None
    data_bytes: int = 0
    field_bytes: tuple[int, ...] = ()  # widths of the parts, for ranges in concatenations
    size: int = 0
    timeout_ms: int = 0
    counters: bool = False
    userdata: bytes = b""


class AnonymousSet(NamedTuple):
    """The constant set inside one rule: `{ tcp, udp, sctp }`."""

    key: tuple[Field, ...]
    elements: tuple[bytes, ...]


class Generation(NamedTuple):
    """The number of a commit and who made it."""

    number: int
    process_id: int = 0
    process_name: str = ""


class Content(NamedTuple):
    """One whole table as the kernel has it."""

    table: Table
    chains: Mapping[str, Chain]
    sets: Mapping[str, Set]
    elements: Mapping[str, Mapping[bytes, Element]]


if TYPE_CHECKING:
    Fields: TypeAlias = tuple[Field, ...]


def named_set(name: str, key: Fields, *, ranges: bool = False, comment: str = "", size: int = 0) -> Set:
    """`set name { typeof key; }`; with `ranges` each part of the key may be one (kernel 5.6)."""
    flags = k.SET_INTERVAL if ranges else 0
    field_bytes: tuple[int, ...] = ()
    if ranges and len(key) > 1:
        flags |= k.SET_CONCAT
        field_bytes = tuple(field.size_bytes for field in key)
    return Set(
        name,
        userdata.type_of(key),
        userdata.width_bytes(key),
        flags,
        field_bytes=field_bytes,
        size=size,
        userdata=userdata.of_set(key, comment=comment),
    )


def named_map(
    name: str,
    key: Fields,
    data: Fields,
    *,
    counters: bool = False,
    dynamic: bool = False,
    size: int = 0,
    comment: str = "",
) -> Set:
    """`map name { typeof key : data; }`; a dynamic one is added to by rules, which give each element its time."""
    flags = k.SET_MAP | (k.SET_TIMEOUT | k.SET_EVAL if dynamic else 0)
    return Set(
        name,
        userdata.type_of(key),
        userdata.width_bytes(key),
        flags,
        userdata.type_of(data),
        userdata.width_bytes(data),
        size=size,
        counters=counters,
        userdata=userdata.of_set(key, data, comment=comment),
    )


def verdict_map(name: str, key: Fields, *, counters: bool = False, comment: str = "") -> Set:
    """`map name { typeof key : verdict; }`."""
    return Set(
        name,
        userdata.type_of(key),
        userdata.width_bytes(key),
        k.SET_MAP,
        k.VERDICT_DATA_TYPE,
        16,
        counters=counters,
        userdata=userdata.of_set(key, verdicts=True, comment=comment),
    )
