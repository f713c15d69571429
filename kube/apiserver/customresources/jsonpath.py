"""JSONPath as kubectl and printer columns write it: `.spec.ports[0].name`, `.status.conditions[?(@.type=="Ready")].status`.

k8s.io/client-go/util/jsonpath, without its ranges over text and nested filters.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import msgspec


class BadPath(ValueError):
    """Not a path."""


class Member(NamedTuple):
    name: str


class Items(NamedTuple):
    """A slice; all three None for `[*]`."""

    start: int | None
    stop: int | None
    step: int | None


class Index(NamedTuple):
    at: int


class Union(NamedTuple):
    """Several members or items, one after the other."""

    parts: "tuple[Member | Index, ...]"


class Below(NamedTuple):
    """`..`: everything inside, at any depth."""


class Filter(NamedTuple):
    """Items for which the comparison holds; without `compare`, those that have the path at all."""

    left: "Path"
    compare: str
    right: Any


Step: TypeAlias = Member | Items | Index | Union | Below | Filter
Path: TypeAlias = tuple[Step, ...]

_NAME = re.compile(r"(?:\\.|[^.\[\]\\\s])+")
_QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
_UNION = re.compile(rf"\s*({_QUOTED}|-?\d+)\s*(?:,\s*({_QUOTED}|-?\d+)\s*)*")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(-?\d*)\s*)?")
_FILTER = re.compile(
    rf"\s*@(?P<left>.*?)\s*(?:(?P<compare>==|!=|<=|>=|<|>)\s*(?P<right>{_QUOTED}|[^\s'\"]+)\s*)?"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@lru_cache(1024)
def parse(text: str) -> Path:
    """The steps of a path; raises BadPath. A leading `$` and surrounding braces are taken."""
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    text = text.removeprefix("$")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if text.startswith("..", at):
            steps.append(Below())
            at += 1 if text[at + 2 : at + 3] != "[" else 2
        elif text[at] == ".":
            at = _dotted(text, at + 1, steps)
        elif text[at] == "[":
            end = _closing(text, at)
            steps.append(_bracketed(text[at + 1 : end]))
            at = end + 1
        else:
            raise BadPath(f"unrecognized character in action: {text[at]!r} in {text!r}")
    return tuple(steps)


def _dotted(text: str, at: int, steps: list[Step]) -> int:
    """What follows a dot; a dot alone is the object itself."""
    if at == len(text) or text[at] == "[":
        return at
    found = _NAME.match(text, at)
    if not found:
        raise BadPath(f"unrecognized character in action: {text[at]!r} in {text!r}")
    name = found.group()
    steps.append(Items(None, None, None) if name == "*" else Member(re.sub(r"\\(.)", r"\1", name)))
    return found.end()


def _closing(text: str, at: int) -> int:
    quote, depth = "", 0
    for place in range(at, len(text)):
        char = text[place]
        if quote:
            quote = "" if char == quote and text[place - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
            if not depth:
                return place
    raise BadPath(f"unterminated array in {text!r}")


def _bracketed(inside: str) -> Step:
    inside = inside.strip()
    if inside == "*":
        return Items(None, None, None)
    if inside.startswith("?(") and inside.endswith(")"):
        return _filter(inside[2:-1])
    sliced = _SLICE.fullmatch(inside)
    if sliced:
        return Items(*(int(part) if part else None for part in sliced.groups()))
    if _UNION.fullmatch(inside):
        parts = tuple(_part(word) for word in re.findall(rf"{_QUOTED}|-?\d+", inside))
        return parts[0] if len(parts) == 1 else Union(parts)
    raise BadPath(f"invalid array index {inside}")


def _part(word: str) -> Member | Index:
    return Member(_unquoted(word)) if word[0] in "'\"" else Index(int(word))


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1])


def _filter(text: str) -> Filter:
    found = _FILTER.fullmatch(text)
    if not found:
        raise BadPath(f"unrecognized filter: {text}")
    right = found.group("right")
    value: Any = None
    if right is not None:
        value = _unquoted(right) if right[0] in "'\"" else _literal(right)
    return Filter(parse(found.group("left")), found.group("compare") or "", value)


def _literal(word: str) -> Any:
    try:
        return msgspec.json.decode(word)
    except msgspec.DecodeError as error:
        raise BadPath(f"unrecognized filter operand: {word}") from error


def find(value: Any, path: Path) -> list[Any]:
    """All values at the path, [] when there is none."""
    found = [value]
    for step in path:
        found = [below for one in found for below in _step(one, step)]
    return found


def _step(value: Any, step: Step) -> Iterator[Any]:
    match step:
        case Member(name):
            if isinstance(value, dict) and name in value:
                yield value[name]
        case Index(at):
            if isinstance(value, list) and -len(value) <= at < len(value):
                yield value[at]
        case Items(start, stop, every):
            yield from _items(value, slice(start, stop, every or None))
        case Union(parts):
            for part in parts:
                yield from _step(value, part)
        case Below():
            yield value
            for item in _items(value, slice(None)):
                yield from _step(item, step)
        case Filter():
            yield from (item for item in _items(value, slice(None)) if _holds(item, step))


def _items(value: Any, part: slice) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value[part]
    elif isinstance(value, dict):
        yield from value.values()


def _holds(item: Any, step: Filter) -> bool:
    left = find(item, step.left)
    if not left:
        return False
    if not step.compare:
        return True
    try:
        return _COMPARE[step.compare](left[0], step.right)
    except TypeError:
        return False
