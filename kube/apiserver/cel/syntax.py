"""The tree of an expression. `at` is the offset in the text that an error about the node points to."""

from typing import Any, NamedTuple, TypeAlias


class Literal(NamedTuple):
    value: Any
    at: int


class Ident(NamedTuple):
    name: str
    at: int


class Select(NamedTuple):
    """`operand.field`, or `operand.?field`, which is an optional value; `test` is has(operand.field)."""

    operand: "Node"
    field: str
    at: int
    optional: bool = False
    test: bool = False


class Index(NamedTuple):
    """`operand[key]`, or `operand[?key]`."""

    operand: "Node"
    key: "Node"
    at: int
    optional: bool = False


class Call(NamedTuple):
    """A function, an operator (`_+_`), or a method when there is a target."""

    function: str
    target: "Node | None"
    arguments: tuple["Node", ...]
    at: int


class Element(NamedTuple):
    """One of a list; an optional one that has no value is left out."""

    value: "Node"
    optional: bool = False


class ListOf(NamedTuple):
    elements: tuple[Element, ...]
    at: int


class Member(NamedTuple):
    """One entry of a map, or one field of a message (whose key is the field's name)."""

    key: Any
    value: "Node"
    optional: bool = False


class MapOf(NamedTuple):
    members: tuple[Member, ...]
    at: int


class Message(NamedTuple):
    """`Object.spec{replicas: 1}`."""

    type_name: str
    members: tuple[Member, ...]
    at: int


class Fold(NamedTuple):
    """A macro that walks a list or map; `macro` is all, exists, exists_one, map, filter, transformList, …"""

    macro: str
    range: "Node"
    variables: tuple[str, ...]  # one or two
    condition: "Node | None"
    body: "Node"
    at: int


class Bind(NamedTuple):
    """`target.optMap(name, body)` and optFlatMap: the body with the optional's value, where it has one."""

    macro: str
    target: "Node"
    variable: str
    body: "Node"
    at: int


Node: TypeAlias = Literal | Ident | Select | Index | Call | ListOf | MapOf | Message | Fold | Bind
