"""Which type has an expression? Refuses what can have no value: unknown names, fields and signatures.

Types are gradual: what is `dyn` fits everything, so that nothing is refused that cel-go takes. Lists and maps whose
items have different types are lists and maps of dyn.
"""

from collections.abc import Mapping, Sequence

from kube.apiserver.cel.errors import CelError, CompileError
from kube.apiserver.cel.evaluate import TYPE_NAMES, rows_of
from kube.apiserver.cel.functions.strings import pattern
from kube.apiserver.cel.parser import dotted
from kube.apiserver.cel.syntax import (
    Bind,
    Call,
    Fold,
    Ident,
    Index,
    ListOf,
    Literal,
    MapOf,
    Message,
    Node,
    Select,
)
from kube.apiserver.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    TYPE,
    UINT,
    Overload,
    Record,
    Type,
    is_variable,
    list_of,
    map_of,
    optional_of,
)
from kube.apiserver.cel.values import Uint, parse_duration, parse_timestamp

Records = Mapping[str, Record]
Variables = Mapping[str, Type]
_NUMBERS = ("int", "uint", "double")
_Binding = dict[str, Type]


class Checker:
    """Types of the nodes of one text. `records` are the types that have fields."""

    def __init__(self, text: str, records: Records) -> None:
        self._text = text
        self._records = records

    def type_of(self, node: Node, variables: Variables) -> Type:
        """Raises CompileError."""
        match node:
            case Literal(value):
                return _literal(value)
            case Ident(name, at):
                return self._name(name, at, variables)
            case Select():
                return self._select(node, variables)
            case Index():
                return self._index(node, variables)
            case Call():
                return self._call(node, variables)
            case ListOf(elements):
                found = [self._element(row.value, row.optional, variables) for row in elements]
                self._need_alike(found, [row.value for row in elements])
                return list_of(_joined(found))
            case MapOf(members):
                keys = [self.type_of(row.key, variables) for row in members]
                values = [self._element(row.value, row.optional, variables) for row in members]
                self._need_alike(keys, [row.key for row in members])
                self._need_alike(values, [row.value for row in members])
                return map_of(_joined(keys), _joined(values))
            case Message():
                return self._message(node, variables)
            case Fold():
                return self._fold(node, variables)
            case Bind(macro, target, variable, body):
                inside = self.type_of(target, variables)
                inner = inside.parameters[0] if inside.name == "optional" else DYN
                found_type = self.type_of(body, {**variables, variable: inner})
                return optional_of(found_type) if macro == "optMap" else found_type

    def _error(self, at: int, message: str) -> CompileError:
        return CompileError(self._text, at, message)

    def _element(self, node: Node, optional: bool, variables: Variables) -> Type:
        found = self.type_of(node, variables)
        if optional:
            return found.parameters[0] if found.name == "optional" else DYN
        return found

    def _need_alike(self, types: Sequence[Type], nodes: Sequence[Node]) -> None:
        """Kubernetes wants the items of lists and maps that are written out to be of one type."""
        for found, node in zip(types[1:], nodes[1:], strict=True):
            if not _alike(types[0], found):
                raise self._error(node.at, f"expected type '{types[0]}' but found '{found}'")

    # --- names and fields

    def _name(self, name: str, at: int, variables: Variables) -> Type:
        if name in variables:
            return variables[name]
        if name in TYPE_NAMES:
            return TYPE
        raise self._error(at, f"undeclared reference to '{name}' (in container '')")

    def _select(self, node: Select, variables: Variables) -> Type:
        name = dotted(node)
        if name in TYPE_NAMES and name.partition(".")[0] not in variables:
            return TYPE
        if name in variables:
            return variables[name]
        operand = self.type_of(node.operand, variables)
        through = operand.name == "optional"
        found = self._field(operand.parameters[0] if through else operand, node)
        if node.test:
            return BOOL
        return optional_of(found) if through or node.optional else found

    def _field(self, operand: Type, node: Select) -> Type:
        if operand.name == "map":
            return operand.parameters[1]
        if operand.name == "dyn":
            return DYN
        record = self._records.get(operand.name)
        if record is None:
            raise self._error(node.at, f"type '{operand}' does not support field selection")
        found = record.fields.get(node.field)
        if found is None and not record.is_open:
            raise self._error(node.at, f"undefined field '{node.field}'")
        return found or DYN

    def _index(self, node: Index, variables: Variables) -> Type:
        operand = self.type_of(node.operand, variables)
        key = self.type_of(node.key, variables)
        through = operand.name == "optional"
        inner = operand.parameters[0] if through else operand
        match inner.name:
            case "list" if key.name in ("int", "uint", "double", "dyn"):
                found = inner.parameters[0]
            case "map" if _fits(key, inner.parameters[0], {}):
                found = inner.parameters[1]
            case "dyn":
                found = DYN
            case _:
                raise self._error(
                    node.at, f"found no matching overload for '_[_]' applied to '({operand}, {key})'"
                )
        return optional_of(found) if through or node.optional else found

    # --- calls

    def _call(self, node: Call, variables: Variables) -> Type:
        if node.function in ("_&&_", "_||_"):
            for argument in node.arguments:
                self._need_bool(argument, variables, node)
            return BOOL
        if node.function == "_?_:_":
            self._need_bool(node.arguments[0], variables, node)
            return _joined([self.type_of(argument, variables) for argument in node.arguments[1:]])
        rows, arguments = rows_of(node, frozenset(variables))
        if not rows:
            raise self._error(
                node.at, f"undeclared reference to '{self._unknown(node, variables)}' (in container '')"
            )
        types = [self._argument(node, argument, variables) for argument in arguments]
        results = [result for row in rows if (result := _applied(row, types)) is not None]
        if not results:
            raise self._error(node.at, _no_overload(node, types))
        self._literals(node, arguments)
        return _joined(results)

    def _literals(self, node: Call, arguments: Sequence[Node]) -> None:
        """Texts that are written out and have to be times or patterns are read now."""
        read = _READ.get(node.function)
        last = arguments[-1] if arguments else None
        if read is None or not isinstance(last, Literal) or not isinstance(last.value, str):
            return
        try:
            read(last.value)
        except CelError:
            raise self._error(last.at, f"invalid {node.function} argument") from None

    def _argument(self, node: Call, argument: Node, variables: Variables) -> Type:
        """The values that a text is formatted with may be of any types, those inside them too."""
        if node.function != "format" or not isinstance(argument, ListOf):
            return self.type_of(argument, variables)
        return _Lenient(self._text, self._records).type_of(argument, variables)

    @staticmethod
    def _unknown(node: Call, variables: Variables) -> str:
        """`math` of `math.abs(x)` where there is no such variable, else the function."""
        space = dotted(node.target).partition(".")[0] if node.target is not None else ""
        return space if space and space not in variables else node.function

    def _need_bool(self, argument: Node, variables: Variables, node: Call) -> None:
        found = self.type_of(argument, variables)
        if found.name not in ("bool", "dyn"):
            raise self._error(argument.at, f"expected type 'bool' but found '{found}'")

    def _message(self, node: Message, variables: Variables) -> Type:
        record = self._records.get(node.type_name)
        if record is None:
            raise self._error(node.at, f"undeclared reference to '{node.type_name}' (in container '')")
        for row in node.members:
            found = self._element(row.value, row.optional, variables)
            wanted = record.fields.get(row.key)
            if wanted is None and not record.is_open:
                raise self._error(node.at, f"undefined field '{row.key}'")
            if wanted is not None and not _fits(found, wanted, {}):
                raise self._error(
                    row.value.at,
                    f"expected type of field '{row.key}' is '{wanted}' but provided type is '{found}'",
                )
        return Type(node.type_name)

    # --- macros

    def _fold(self, node: Fold, variables: Variables) -> Type:
        source = self.type_of(node.range, variables)
        match source.name:
            case "list":
                pair = (INT, source.parameters[0])
            case "map":
                pair = source.parameters[0], source.parameters[1]
            case "dyn":
                pair = (DYN, DYN)
            case _:
                raise self._error(
                    node.range.at,
                    f"expression of type '{source}' cannot be range of a comprehension (must be list, map, or dynamic)",
                )
        if len(node.variables) == 1:
            pair = (pair[1] if source.name == "list" else pair[0],) * 2
        inner = {**variables, **dict(zip(node.variables, pair, strict=False))}
        if node.condition is not None:
            self._bool(node.condition, inner)
        match node.macro:
            case "all" | "exists" | "exists_one" | "existsOne":
                return self._bool(node.body, inner)
            case "filter":
                self._bool(node.body, inner)
                return list_of(pair[0])
        body = self.type_of(node.body, inner)
        match node.macro:
            case "transformMap":
                return map_of(pair[0], body)
            case "transformMapEntry":
                return body
            case "sortBy":
                return list_of(pair[0])
            case _:
                return list_of(body)

    def _bool(self, body: Node, variables: Variables) -> Type:
        found = self.type_of(body, variables)
        if found.name not in ("bool", "dyn"):
            raise self._error(body.at, f"expected type 'bool' but found '{found}'")
        return BOOL


_READ = {"timestamp": parse_timestamp, "duration": parse_duration, "matches": pattern}


class _Lenient(Checker):
    def _need_alike(self, types: Sequence[Type], nodes: Sequence[Node]) -> None:
        return


def _literal(value: object) -> Type:
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case Uint():
            return UINT
        case int():
            return INT
        case float():
            return DOUBLE
        case str():
            return STRING
        case _:
            return BYTES


def _joined(types: Sequence[Type]) -> Type:
    """The type of a place that holds any of these."""
    known = [one for one in types if one.name != "dyn"]
    if not known or len(known) < len(types):
        return DYN
    return known[0] if all(one == known[0] for one in known) else DYN


def _alike(one: Type, other: Type) -> bool:
    if "dyn" in (one.name, other.name):
        return True
    same_name = one.name == other.name
    return same_name and all(map(_alike, one.parameters, other.parameters))


def _no_overload(node: Call, types: Sequence[Type]) -> str:
    listed = ", ".join(map(str, types))
    if node.target is not None and len(types) > len(node.arguments):
        listed = f"{types[0]}.({', '.join(map(str, types[1:]))})"
        return f"found no matching overload for '{node.function}' applied to '{listed}'"
    return f"found no matching overload for '{node.function}' applied to '({listed})'"


def _applied(row: Overload, types: Sequence[Type]) -> Type | None:
    """The result where the arguments fit."""
    if len(row.parameters) != len(types):
        return None
    bound: _Binding = {}
    if not all(_fits(found, wanted, bound) for found, wanted in zip(types, row.parameters, strict=True)):
        return None
    return _filled(row.result, bound)


def _fits(found: Type, wanted: Type, bound: _Binding) -> bool:
    if found.name == "dyn" or wanted.name == "dyn":
        return True
    if is_variable(wanted):
        known = bound.get(wanted.name)
        if known is None or known.name == "dyn":
            bound[wanted.name] = found
            return True
        if known.name in _NUMBERS and found.name in _NUMBERS and known != found:
            return False
        return "null" in (known.name, found.name) or _fits(found, known, bound)
    if found.name != wanted.name:
        return found.name == "null" and wanted.name not in (
            *_NUMBERS,
            "bool",
            "string",
            "bytes",
            "list",
            "map",
        )
    return all(
        _fits(one, other, bound) for one, other in zip(found.parameters, wanted.parameters, strict=False)
    )


def _filled(result: Type, bound: _Binding) -> Type:
    if is_variable(result):
        return bound.get(result.name, DYN)
    if not result.parameters:
        return result
    return Type(result.name, tuple(_filled(part, bound) for part in result.parameters))
