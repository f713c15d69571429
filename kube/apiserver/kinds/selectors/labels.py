"""Label selectors in the text form of queries (`a=b,c!=d,e in (f,g),h,!i`) and the object form of specs.

Parse errors are ValueErrors with the server's sentence; the server answers them as 400.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from kube.apiserver.kinds.names import label_key_errors, label_value_errors
from kube.apiserver.status import quote

Operator = Literal["=", "!=", "in", "notin", "exists", "!", "gt", "lt"]


class Requirement(msgspec.Struct, frozen=True):
    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "=" | "in":
                return value is not None and value in self.values
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "gt" | "lt":
                return _compares(self.operator, value, next(iter(self.values)))


def _compares(operator: str, value: str | None, bound: str) -> bool:
    try:
        number, limit = int(value or ""), int(bound)
    except ValueError:
        return False
    return number > limit if operator == "gt" else number < limit


class LabelSelector(msgspec.Struct, frozen=True):
    """All requirements hold; none at all matches everything, `nothing` matches nothing."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    @property
    def empty(self) -> bool:
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        labels = labels or {}
        return all(requirement.matches(labels) for requirement in self.requirements)


EVERYTHING = LabelSelector()


class _Token(NamedTuple):
    kind: str  # "id", one of the symbols, or "end"
    text: str


_LEX = re.compile(r"[ \t\r\n]*(?:(?P<symbol>==|!=|[=!,()<>])|(?P<word>[^ \t\r\n=!,()<>]+))")


def _tokens(text: str) -> list[_Token]:
    tokens = [
        _Token(m["symbol"] or (m["word"] if m["word"] in ("in", "notin") else "id"), m["symbol"] or m["word"])
        for m in _LEX.finditer(text)
    ]
    tokens.append(_Token("end", ""))
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0

    def peek(self, *, values: bool = False) -> _Token:
        """The next token; `in` and `notin` are plain words where a value or key may stand."""
        token = self.tokens[self.at]
        if values and token.kind in ("in", "notin"):
            return _Token("id", token.text)
        return token

    def take(self, *, values: bool = False) -> _Token:
        token = self.peek(values=values)
        if token.kind != "end":
            self.at += 1
        return token

    def requirements(self) -> Iterator[Requirement]:
        while True:
            token = self.peek(values=True)
            if token.kind == "end":
                return
            if token.kind not in ("id", "!"):
                raise ValueError(f"found '{token.text}', expected: !, identifier, or 'end of string'")
            try:
                yield self.requirement()
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from error
            token = self.take()
            if token.kind == "end":
                return
            if token.kind != ",":
                raise ValueError(f"found '{token.text}', expected: ',' or 'end of string'")
            after = self.peek(values=True)
            if after.kind not in ("id", "!"):
                raise ValueError(f"found '{after.text}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        negated = self.peek().kind == "!"
        if negated:
            self.take()
        token = self.take(values=True)
        if token.kind != "id":
            raise ValueError(f"found '{token.text}', expected: identifier")
        key = token.text
        _check("", label_key_errors(key), key)
        if negated:
            return Requirement(key, "!")
        if self.peek().kind in ("end", ","):
            return Requirement(key, "exists")
        return self.comparison(key)

    def comparison(self, key: str) -> Requirement:
        token = self.take()
        match token.kind:
            case "in" | "notin":
                values = self.value_list()
                operator: Operator = "in" if token.kind == "in" else "notin"
            case "=" | "==" | "!=" | "<" | ">":
                values = frozenset({self.one_value()})
                operator = _SYMBOLS[token.kind]
            case _:
                raise ValueError(f"found '{token.text}', expected: in, notin, =, ==, !=, gt, lt")
        for value in sorted(values):
            if operator in ("gt", "lt"):
                if not re.fullmatch(r"[+-]?\d+", value):
                    raise ValueError(
                        f"values[0][{key}]: Invalid value: {quote(value)}: for 'Gt', 'Lt' operators, "
                        "the value must be an integer"
                    )
            else:
                _check(f"values[0][{key}]", label_value_errors(value), value)
        return Requirement(key, operator, values)

    def one_value(self) -> str:
        if self.peek().kind in ("end", ","):
            return ""
        token = self.take(values=True)
        if token.kind != "id":
            raise ValueError(f"found '{token.text}', expected: identifier")
        return token.text

    def value_list(self) -> frozenset[str]:
        token = self.take()
        if token.kind != "(":
            raise ValueError(f"found '{token.text}' expected: '('")
        values = set()
        while True:
            token = self.peek(values=True)
            if token.kind == "id":
                values.add(self.take(values=True).text)
            elif token.kind in (",", ")"):
                values.add("")
            else:
                raise ValueError(f"found '{token.text}', expected: ',', ')' or identifier")
            token = self.take()
            if token.kind == ")":
                return frozenset(values)
            if token.kind != ",":
                raise ValueError(f"found '{token.text}', expected: ',' or ')'")


_SYMBOLS: Mapping[str, Operator] = {"=": "=", "==": "=", "!=": "!=", "<": "lt", ">": "gt"}


def _check(path: str, errors: list[str], value: str) -> None:
    if errors:
        raise ValueError(f"{path or '<nil>'}: Invalid value: {quote(value)}: {'; '.join(errors)}")


def parse_labels(text: str) -> LabelSelector:
    """The selector of a `labelSelector` query; ValueError carries the server's sentence."""
    if not text.strip():
        return EVERYTHING
    return LabelSelector(tuple(_Parser(text).requirements()))


_EXPRESSIONS: Mapping[str, Operator] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def from_object(selector: Mapping[str, Any] | None) -> LabelSelector:
    """A metav1.LabelSelector value. Absent matches nothing, empty matches everything (apimachinery's rule).

    ValueError for an unknown operator.
    """
    if selector is None:
        return LabelSelector(nothing=True)
    requirements = [
        Requirement(key, "=", frozenset({value}))
        for key, value in sorted((selector.get("matchLabels") or {}).items())
    ]
    for expression in selector.get("matchExpressions") or ():
        operator = _EXPRESSIONS.get(expression.get("operator", ""))
        if operator is None:
            raise ValueError(
                f"{quote(expression.get('operator', ''))} is not a valid label selector operator"
            )
        values = frozenset(expression.get("values") or ())
        requirements.append(Requirement(expression.get("key", ""), operator, values))
    return LabelSelector(tuple(requirements))
