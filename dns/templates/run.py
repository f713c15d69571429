"""A template's text for given values, as Go's text/template makes it. Pure.

Go's structs are `Fixed`: a field that it has not is an error. Maps are dicts: what they lack is `<no value>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import quote_plus

from dns.templates.parse import (
    Branch,
    Call,
    Constant,
    Dot,
    Fields,
    Jump,
    Node,
    Operand,
    Pipeline,
    Show,
    Text,
    Tree,
    Variable,
)
from dns.templates.tokens import TemplateError

MAX_OUTPUT_CHARS = 65_535


class Fixed(dict[str, object]):
    """A struct: its fields and methods by name."""


class _Absent:
    """What a map has not."""

    def __repr__(self) -> str:
        return "<no value>"


ABSENT = _Absent()


class _Loop(Exception):
    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def shown(value: object) -> str:
    """As Go prints it."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
        case str():
            return value
        case float() if value == int(value) and abs(value) < 1e21:
            return str(int(value))
        case list() | tuple():
            return "[" + " ".join(shown(one) for one in value) + "]"
        case Fixed():
            return "{" + " ".join(shown(one) for one in value.values()) + "}"
        case dict():
            return "map[" + " ".join(f"{name}:{shown(value[name])}" for name in sorted(value)) + "]"
        case _:
            return str(value)


def is_true(value: object) -> bool:
    return bool(value) and value is not ABSENT


def run(tree: Tree, data: object) -> str:
    """Raises TemplateError."""
    runner = _Runner(data)
    runner.nodes(tree, data)
    return "".join(runner.out)


class _Runner:
    def __init__(self, data: object) -> None:
        self.out: list[str] = []
        self._size = 0
        self._variables: list[list[object]] = [["$", data]]

    def nodes(self, nodes: Tree, dot: object) -> None:
        reach = len(self._variables)
        try:
            for node in nodes:
                self._node(node, dot)
        finally:
            del self._variables[reach:]

    def _node(self, node: Node, dot: object) -> None:
        match node:
            case Text(text):
                self._write(text)
            case Show(pipeline):
                value = self._pipeline(pipeline, dot)
                if not pipeline.targets:
                    self._write(shown(value))
            case Jump(word):
                raise _Loop(word)
            case Branch("range"):
                self._range(node, dot)
            case Branch(word, pipeline, body, other):
                reach = len(self._variables)
                value = self._pipeline(pipeline, dot)
                if is_true(value):
                    self.nodes(body, value if word == "with" else dot)
                else:
                    self.nodes(other, dot)
                del self._variables[reach:]

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT_CHARS:
            raise TemplateError("the text becomes too long")
        self.out.append(text)

    def _range(self, node: Branch, dot: object) -> None:
        value = self._pipeline(node.pipeline, dot, declare=False)
        pairs: list[tuple[object, object]]
        match value:
            case list() | tuple():
                pairs = list(enumerate(value))
            case int() if not isinstance(value, bool):
                pairs = [(one, one) for one in range(min(value, MAX_OUTPUT_CHARS))]
            case dict() if not isinstance(value, Fixed):
                pairs = [(name, value[name]) for name in sorted(value)]
            case None | _Absent():
                pairs = []
            case _:
                raise TemplateError(f"range over {shown(value)}")
        if not pairs:
            self.nodes(node.other, dot)
            return
        targets = node.pipeline.targets
        for index, one in pairs:
            reach = len(self._variables)
            values = (index, one) if len(targets) == 2 else (one,)
            for name, each in zip(targets, values, strict=False):
                self._set(name, each, declare=node.pipeline.declares)
            try:
                self.nodes(node.body, one)
            except _Loop as jump:
                if jump.word == "break":
                    return
            finally:
                del self._variables[reach:]

    def _set(self, name: str, value: object, *, declare: bool) -> None:
        if declare:
            self._variables.append([name, value])
            return
        for variable in reversed(self._variables):
            if variable[0] == name:
                variable[1] = value
                return

    def _pipeline(self, pipeline: Pipeline, dot: object, *, declare: bool = True) -> object:
        value: object = None
        for index, command in enumerate(pipeline.commands):
            value = self._command(command, dot, () if index == 0 else (value,))
        if declare and pipeline.targets:
            self._set(pipeline.targets[0], value, declare=pipeline.declares)
        return value

    def _command(self, command: tuple[Operand, ...], dot: object, last: tuple[object, ...]) -> object:
        first, *rest = command
        if isinstance(first, Constant) and first.value is None:
            raise TemplateError("nil is no command")
        if isinstance(first, Call) and first.name in {"and", "or"}:
            return self._either(first.name, rest, dot, last)
        arguments = [self._value(one, dot) for one in rest] + list(last)
        if isinstance(first, Call):
            return call(first.name, arguments)
        if isinstance(first, Fields):
            return self._fields(first, dot, arguments)
        if arguments:
            raise TemplateError("a value that is no function has arguments")
        return self._value(first, dot)

    def _either(self, name: str, operands: list[Operand], dot: object, last: tuple[object, ...]) -> object:
        """`and` and `or` look no further than they must."""
        if not operands and not last:
            raise TemplateError(f"{name} needs a value")
        value: object = None
        for operand in operands:
            value = self._value(operand, dot)
            if is_true(value) == (name == "or"):
                return value
        return last[0] if last else value

    def _value(self, operand: Operand, dot: object) -> object:
        match operand:
            case Constant(value):
                return value
            case Dot():
                return dot
            case Variable(name):
                return next(value for known, value in reversed(self._variables) if known == name)
            case Call(name):
                return call(name, [])
            case Pipeline():
                return self._pipeline(operand, dot)
            case Fields():
                return self._fields(operand, dot, [])

    def _fields(self, operand: Fields, dot: object, arguments: list[object]) -> object:
        value = self._value(operand.of, dot)
        for place, name in enumerate(operand.names):
            found = field_of(value, name)
            is_last = place == len(operand.names) - 1
            if callable(found):
                value = found(*(arguments if is_last else ()))
            elif is_last and arguments:
                raise TemplateError(f".{name} is no function and has arguments")
            else:
                value = found
        return value


def field_of(value: object, name: str) -> object:
    if isinstance(value, Fixed):
        if name not in value:
            raise TemplateError(f"there is no field .{name}")
        return value[name]
    if isinstance(value, dict):
        return value.get(name, ABSENT)
    raise TemplateError(f".{name} of {shown(value)!r}, which has no fields")


def call(name: str, arguments: list[object]) -> object:
    try:
        return FUNCTIONS[name](*arguments)
    except TemplateError:
        raise
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as problem:
        raise TemplateError(f"{name}: {problem}") from problem


def _index(value: object, *places: object) -> object:
    for place in places:
        if isinstance(value, dict):
            value = value.get(str(place), "")  # the empty value of a map of texts
        elif isinstance(value, list | tuple | str) and isinstance(place, int):
            if not 0 <= place < len(value):
                raise TemplateError(f"index {place} is out of reach")
            value = ord(value[place]) if isinstance(value, str) else value[place]
        else:
            raise TemplateError(f"{shown(value)!r} has no index {shown(place)}")
    return value


def _slice(value: object, *places: object) -> object:
    if not isinstance(value, list | tuple | str) or len(places) > 2:
        raise TemplateError("slice takes a text or a list, and up to two places")
    start, end = (*places, len(value))[:2] if places else (0, len(value))
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end <= len(value):
        raise TemplateError(f"slice {shown(start)}:{shown(end)} is out of reach")
    return value[start:end]


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | tuple | dict) and not isinstance(value, Fixed):
        return len(value)
    raise TemplateError(f"len of {shown(value)}")


def _same(first: object, *others: object) -> bool:
    if not others:
        raise TemplateError("eq needs two values")
    return any(_comparable(first, one) and first == one for one in others)


def _comparable(first: object, second: object) -> bool:
    numbers = isinstance(first, int) and isinstance(second, int) and type(first) is type(second)
    if numbers or type(first) is type(second) or first is None or second is None:
        return True
    raise TemplateError(f"{shown(first)} and {shown(second)} are of different types")


def _ordered(compare: Callable[[int | float | str, int | float | str], bool]) -> Callable[..., bool]:
    def ordered(first: object, second: object) -> bool:
        if not isinstance(first, int | float | str) or isinstance(first, bool):
            raise TemplateError(f"{shown(first)} has no order")
        _comparable(first, second)
        return compare(first, second)  # type: ignore[arg-type]

    return ordered


def _parse_int(text: object, number_base: object = 10, bits: object = 64) -> int:
    """strconv.ParseUint: no sign, no space, nothing beyond the bits."""
    if not isinstance(text, str) or not isinstance(number_base, int) or not isinstance(bits, int):
        raise TemplateError("parseInt takes a text, a base and a number of bits")
    if not text.isalnum():
        raise TemplateError(f"parseInt: {text!r} is no number")
    found = int(text, number_base)
    if found >> (bits or 64):
        raise TemplateError(f"parseInt: {text!r} does not fit {bits} bits")
    return found


def _print(*values: object) -> str:
    """fmt.Sprint: a space between two values that are both no text."""
    out = ""
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            out += " "
        out += shown(value)
    return out


def _printf(form: object, *values: object) -> str:
    import re

    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, verb = match[1], match[2]
        if verb == "%":
            return "%"
        if not left:
            raise TemplateError(f"printf: nothing for %{flags}{verb}")
        value = left.pop(0)
        match verb:
            case "v" | "s":
                return f"%{flags}s" % shown(value)
            case "q":
                return '"' + shown(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
            case "t":
                return shown(value)
            case "b":
                return format(int(str(value)), f"{flags}b")
            case "x" | "X" if isinstance(value, str):
                found = value.encode().hex()
                return found if verb == "x" else found.upper()
            case _:
                return f"%{flags}{verb}" % value

    if not isinstance(form, str):
        raise TemplateError("printf takes a text first")
    found = re.sub(r"%([-+# 0]*\d*(?:\.\d+)?)([a-zA-Z%])", one, form)
    if left:
        raise TemplateError("printf has more values than places")
    return found


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "and": lambda *values: values[-1],
    "or": lambda *values: values[-1],
    "not": lambda value: not is_true(value),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(shown(one) for one in values) + "\n",
    "printf": _printf,
    "html": lambda *values: escape(_print(*values)),
    "urlquery": lambda *values: quote_plus(_print(*values)),
    "eq": _same,
    "ne": lambda first, second: not _same(first, second),
    "lt": _ordered(lambda first, second: first < second),  # type: ignore[operator]
    "le": _ordered(lambda first, second: first <= second),  # type: ignore[operator]
    "gt": _ordered(lambda first, second: first > second),  # type: ignore[operator]
    "ge": _ordered(lambda first, second: first >= second),  # type: ignore[operator]
    "parseInt": _parse_int,
}
