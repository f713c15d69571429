"""A tree into a function of its variables.

Each node becomes a closure that takes the scope (variables by name; "" is the budget) and gives the value or raises
CelError. `&&` and `||` forgive a side that fails when the other one decides.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from kube.apiserver.cel.errors import CelError, OutOfBudget
from kube.apiserver.cel.folds import FOLDS
from kube.apiserver.cel.functions import FUNCTIONS
from kube.apiserver.cel.functions.arithmetic import key_in
from kube.apiserver.cel.parser import dotted
from kube.apiserver.cel.syntax import (
    Bind,
    Call,
    Element,
    Fold,
    Ident,
    Index,
    ListOf,
    Literal,
    MapOf,
    Member,
    Message,
    Node,
    Select,
)
from kube.apiserver.cel.types import Overload, has_type
from kube.apiserver.cel.values import ABSENT, NONE, MessageValue, Optional, TypeValue, type_name

Scope: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Scope], Any]

TYPE_NAMES = (
    "bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint",
    "google.protobuf.Timestamp", "google.protobuf.Duration", "optional_type",
)  # fmt: skip


class Budget:
    """What an evaluation may cost, in steps: one a call, one for each ten bytes or items a call may look at."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise OutOfBudget


def step_of(node: Node, names: frozenset[str]) -> Step:
    """`names`: the variables there are; other names are types or the beginning of a function's name."""
    match node:
        case Literal(value):
            return lambda _: value
        case Ident(name):
            return _variable(name, names)
        case Select():
            return _select(node, names)
        case Index(operand, key, _, optional):
            return _index(step_of(operand, names), step_of(key, names), optional=optional)
        case Call():
            return _call(node, names)
        case ListOf(elements):
            return _list(elements, names)
        case MapOf(members):
            return _map(members, names)
        case Message(name, members):
            return _message(name, members, names)
        case Fold():
            return _fold(node, names)
        case Bind():
            return _bind(node, names)


# --- names and fields


def _variable(name: str, names: frozenset[str]) -> Step:
    if name in names:
        return lambda scope: scope[name]
    if name in TYPE_NAMES:
        value = TypeValue(name)
        return lambda _: value

    def missing(_: Scope) -> Any:
        raise CelError(f"no such attribute(s): {name}")

    return missing


def no_such_key(key: object) -> CelError:
    return CelError(f"no such key: {key}")


def _select(node: Select, names: frozenset[str]) -> Step:
    name = dotted(node)
    if name in TYPE_NAMES and name.partition(".")[0] not in names:
        value = TypeValue(name)
        return lambda _: value
    if name in names and not node.test:
        return lambda scope: scope[name]  # Kubernetes has variables with a dot in their name
    operand, field = step_of(node.operand, names), node.field
    if node.test:
        return lambda scope: _has(operand(scope), field)
    if node.optional:
        return lambda scope: _optional_member(operand(scope), field)

    def get(scope: Scope) -> Any:
        value = operand(scope)
        if isinstance(value, dict):
            if field in value:
                return value[field]
            raise no_such_key(field)
        if isinstance(value, Optional):
            return _optional_member(value, field)
        raise CelError("no such overload" if value is not None else f"no such key: {field}")

    return get


def _has(value: Any, field: str) -> bool:
    if isinstance(value, Optional):
        return value.value is not ABSENT and _has(value.value, field)
    if isinstance(value, dict):
        return field in value
    raise CelError("no such overload")


def _optional_member(value: Any, key: Any) -> Optional:
    if isinstance(value, Optional):
        return NONE if value.value is ABSENT else _optional_member(value.value, key)
    if isinstance(value, dict):
        found = key_in(value, key)
        return NONE if found is None else Optional(value[found[0]])
    if isinstance(value, list):
        at = _position(key)
        return Optional(value[at]) if 0 <= at < len(value) else NONE
    if value is None:
        return NONE
    raise CelError("no such overload")


def _position(key: Any) -> int:
    if isinstance(key, bool) or not isinstance(key, int | float) or key != int(key):
        raise CelError(f"unsupported index type '{type_name(key)}' in list")
    return int(key)


def _index(operand: Step, key: Step, *, optional: bool) -> Step:
    if optional:
        return lambda scope: _optional_member(operand(scope), key(scope))

    def get(scope: Scope) -> Any:
        value, at = operand(scope), key(scope)
        if isinstance(value, list):
            place = _position(at)
            if 0 <= place < len(value):
                return value[place]
            raise CelError(f"index out of bounds: {place}")
        if isinstance(value, dict):
            found = key_in(value, at)
            if found is None:
                raise no_such_key(at)
            return value[found[0]]
        if isinstance(value, Optional):
            return _optional_member(value, at)
        raise no_such_key(at)

    return get


# --- calls


def _call(node: Call, names: frozenset[str]) -> Step:
    match node.function:
        case "_&&_":
            return _decided(node, names, by=False)
        case "_||_":
            return _decided(node, names, by=True)
        case "_?_:_":
            return _choice(*(step_of(argument, names) for argument in node.arguments))
    rows, arguments = rows_of(node, names)
    steps = tuple(step_of(argument, names) for argument in arguments)
    return _invocation(rows, steps)


def rows_of(node: Call, names: frozenset[str]) -> tuple[tuple[Overload, ...], tuple[Node, ...]]:
    """The signatures that may be meant, and the arguments, a method's target first.

    `sets.contains(a, b)` looks like a method and is a function with a dot in its name.
    """
    if node.target is None:
        return FUNCTIONS.get((node.function, False), ()), node.arguments
    space = dotted(node.target)
    if space and space.partition(".")[0] not in names:
        rows = FUNCTIONS.get((f"{space}.{node.function}", False))
        if rows is not None:
            return rows, node.arguments
    return FUNCTIONS.get((node.function, True), ()), (node.target, *node.arguments)


def _decided(node: Call, names: frozenset[str], *, by: bool) -> Step:
    """`by` is the value of one side that decides for both."""
    left, right = (step_of(argument, names) for argument in node.arguments)

    def run(scope: Scope) -> Any:
        try:
            first = left(scope)
            if first is by:
                return by
            failure = None if isinstance(first, bool) else CelError("no such overload")
        except OutOfBudget:
            raise
        except CelError as error:
            failure = error
        second = right(scope)
        if second is by:
            return by
        if failure is not None:
            raise failure
        if not isinstance(second, bool):
            raise CelError("no such overload")
        return not by

    return run


def _choice(condition: Step, yes: Step, no: Step) -> Step:
    def run(scope: Scope) -> Any:
        found = condition(scope)
        if not isinstance(found, bool):
            raise CelError("no such overload")
        return yes(scope) if found else no(scope)

    return run


def _invocation(rows: Sequence[Overload], steps: tuple[Step, ...]) -> Step:
    fitting = tuple(row for row in rows if len(row.parameters) == len(steps))

    def run(scope: Scope) -> Any:
        values = [step(scope) for step in steps]
        scope[""].spend(_cost(values))
        for row in fitting:
            if all(map(has_type, values, row.parameters)):
                return row.call(*values)
        if any(row.is_method for row in rows):
            raise CelError(f"no such overload: {rows[0].name}({', '.join(map(type_name, values))})")
        raise CelError("no such overload")

    return run


def _cost(values: Sequence[Any]) -> int:
    return 1 + sum(len(value) for value in values if isinstance(value, (str, bytes, list))) // 10


# --- values that are written out


def _element(value: Any, *, optional: bool) -> tuple[Any, ...]:
    if not optional:
        return (value,)
    if not isinstance(value, Optional):
        raise CelError("cannot initialize optional list element from non-optional value")
    return () if value.value is ABSENT else (value.value,)


def _list(elements: Sequence[Element], names: frozenset[str]) -> Step:
    steps = [(step_of(element.value, names), element.optional) for element in elements]
    if not any(element.optional for element in elements):
        plain = [step for step, _ in steps]
        return lambda scope: [step(scope) for step in plain]
    return lambda scope: [
        item for step, optional in steps for item in _element(step(scope), optional=optional)
    ]


def _map(members: Sequence[Member], names: frozenset[str]) -> Step:
    steps = [(step_of(row.key, names), step_of(row.value, names), row.optional) for row in members]

    def run(scope: Scope) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_step, value_step, optional in steps:
            key = key_step(scope)
            if not isinstance(key, (str, int)):
                raise CelError(f"unsupported key type: {type_name(key)}")
            if key in made:
                raise CelError(f"Failed with repeated key '{key}'")
            for value in _element(value_step(scope), optional=optional):
                made[key] = value
        return made

    return run


def _message(name: str, members: Sequence[Member], names: frozenset[str]) -> Step:
    steps = [(row.key, step_of(row.value, names), row.optional) for row in members]

    def run(scope: Scope) -> MessageValue:
        fields = {
            key: value for key, step, optional in steps for value in _element(step(scope), optional=optional)
        }
        return MessageValue(name, fields)

    return run


# --- macros


def _fold(node: Fold, names: frozenset[str]) -> Step:
    inside = names.union(node.variables)
    condition = step_of(node.condition, inside) if node.condition is not None else None
    return FOLDS[node.macro](
        step_of(node.range, names), node.variables, condition, step_of(node.body, inside)
    )


def _bind(node: Bind, names: frozenset[str]) -> Step:
    target = step_of(node.target, names)
    body = step_of(node.body, names.union({node.variable}))

    def run(scope: Scope) -> Optional:
        found = target(scope)
        if not isinstance(found, Optional):
            raise CelError("no such overload")
        if found.value is ABSENT:
            return NONE
        value = body({**scope, node.variable: found.value})
        if node.macro == "optMap":
            return Optional(value)
        if not isinstance(value, Optional):
            raise CelError("no such overload")
        return value

    return run


class Program:
    """An expression, ready to be evaluated any number of times."""

    def __init__(self, text: str, node: Node, names: frozenset[str]) -> None:
        self.text = text
        self._step = step_of(node, names)

    def evaluate(self, variables: Mapping[str, Any], budget: Budget) -> Any:
        """Raises CelError."""
        scope: Scope = dict(variables)
        scope[""] = budget
        try:
            return self._step(scope)
        except RecursionError as error:
            raise CelError("the expression or its values are nested too deeply") from error
