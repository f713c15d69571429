"""Tokens into a tree; macros are recognised here, as the language asks for."""

from kube.apiserver.cel.errors import CompileError
from kube.apiserver.cel.lexer import RESERVED, Token, tokens
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

_WORDS = {"true": True, "false": False, "null": None}
_RELATIONS = ("==", "!=", "<", "<=", ">", ">=", "in")
_MAX_DEPTH = 40  # of nesting: beyond it an expression is a mistake, or an attack
_MAX_LENGTH = 100_000  # code points, as cel-go

# Macros by name and number of arguments: how many of these are variables, and whether a condition comes before the body.
_FOLDS = {
    ("all", 2): (1, False),
    ("all", 3): (2, False),
    ("exists", 2): (1, False),
    ("exists", 3): (2, False),
    ("exists_one", 2): (1, False),
    ("existsOne", 2): (1, False),
    ("exists_one", 3): (2, False),
    ("existsOne", 3): (2, False),
    ("map", 2): (1, False),
    ("map", 3): (1, True),
    ("filter", 2): (1, False),
    ("transformList", 3): (2, False),
    ("transformList", 4): (2, True),
    ("transformMap", 3): (2, False),
    ("transformMap", 4): (2, True),
    ("transformMapEntry", 3): (2, False),
    ("transformMapEntry", 4): (2, True),
    ("sortBy", 2): (1, False),
}
_BINDS = ("optMap", "optFlatMap")


def parse(text: str) -> Node:
    """Raises CompileError."""
    if len(text) > _MAX_LENGTH:
        raise CompileError(
            text, 0, f"expression code point size exceeds limit: size: {len(text)}, limit {_MAX_LENGTH}"
        )
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._next = 0
        self._depth = 0

    # --- tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _is(self, *symbols: str) -> bool:
        token = self._token
        return (
            token.value in symbols
            if token.kind == "symbol"
            else token.kind == "name" and token.value in symbols
        )

    def _took(self, symbol: str) -> bool:
        if self._is(symbol):
            self._next += 1
            return True
        return False

    def _need(self, symbol: str) -> Token:
        if not self._is(symbol):
            raise self._unexpected(f"expecting '{symbol}'")
        return self._take()

    def _unexpected(self, wanted: str = "") -> CompileError:
        token = self._token
        found = token.value if token.kind == "end" else f"'{token.value}'"
        detail = f" {wanted}" if wanted else ""
        return CompileError(self._text, token.at, f"Syntax error: mismatched input {found}{detail}")

    # --- by precedence

    def whole(self) -> Node:
        found = self._expression()
        if self._token.kind != "end":
            raise self._unexpected("expecting <EOF>")
        return found

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise CompileError(
                self._text, self._token.at, f"expression recursion limit exceeded: {_MAX_DEPTH}"
            )
        condition = self._or()
        if self._is("?"):
            at = self._take().at
            yes = self._or()
            self._need(":")
            condition = Call("_?_:_", None, (condition, yes, self._expression()), at)
        self._depth -= 1
        return condition

    def _or(self) -> Node:
        left = self._and()
        while self._is("||"):
            at = self._take().at
            left = Call("_||_", None, (left, self._and()), at)
        return left

    def _and(self) -> Node:
        left = self._relation()
        while self._is("&&"):
            at = self._take().at
            left = Call("_&&_", None, (left, self._relation()), at)
        return left

    def _relation(self) -> Node:
        left = self._sum()
        while self._is(*_RELATIONS):
            operator = self._take()
            name = "@in" if operator.value == "in" else f"_{operator.value}_"
            left = Call(name, None, (left, self._sum()), operator.at)
        return left

    def _sum(self) -> Node:
        left = self._product()
        while self._is("+", "-"):
            operator = self._take()
            left = Call(f"_{operator.value}_", None, (left, self._product()), operator.at)
        return left

    def _product(self) -> Node:
        left = self._unary()
        while self._is("*", "/", "%"):
            operator = self._take()
            left = Call(f"_{operator.value}_", None, (left, self._unary()), operator.at)
        return left

    def _unary(self) -> Node:
        if not self._is("!", "-"):
            return self._member()
        operator = self._take()
        if operator.value == "-" and self._token.kind == "literal":
            number = self._token.value
            if isinstance(number, int | float) and type(number) in (int, float):
                self._take()
                return self._selected(Literal(-number, operator.at))
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise CompileError(self._text, operator.at, f"expression recursion limit exceeded: {_MAX_DEPTH}")
        inside = self._unary()
        self._depth -= 1
        return Call("!_" if operator.value == "!" else "-_", None, (inside,), operator.at)

    def _member(self) -> Node:
        return self._selected(self._primary())

    def _selected(self, found: Node) -> Node:
        while True:
            if self._is("."):
                at = self._take().at
                optional = self._took("?")
                found = self._field(found, at, optional=optional)
            elif self._is("["):
                at = self._take().at
                optional = self._took("?")
                key = self._expression()
                self._need("]")
                found = Index(found, key, at, optional)
            elif self._is("{") and (name := dotted(found)):
                found = self._message(name)
            else:
                return found

    def _field(self, operand: Node, at: int, *, optional: bool) -> Node:
        token = self._token
        if token.kind == "escaped":
            self._take()
            return Select(operand, token.value, at, optional)
        if token.kind != "name" or token.value in ("true", "false", "null", "in"):
            raise self._unexpected("expecting IDENTIFIER")
        self._take()
        if self._is("(") and not optional:
            return self._method(operand, token)
        return Select(operand, token.value, at, optional)

    # --- calls and macros

    def _arguments(self) -> tuple[Node, ...]:
        self._need("(")
        found: list[Node] = []
        while not self._is(")"):
            found.append(self._expression())
            if not self._took(","):
                break
        self._need(")")
        return tuple(found)

    def _method(self, target: Node, name: Token) -> Node:
        at = self._token.at
        arguments = self._arguments()
        if name.value in _BINDS and len(arguments) == 2:
            return Bind(name.value, target, self._variable(arguments[0]), arguments[1], at)
        rows = _FOLDS.get((name.value, len(arguments)))
        if rows is None:
            return Call(name.value, target, arguments, at)
        count, conditional = rows
        variables = tuple(self._variable(node) for node in arguments[:count])
        if len(set(variables)) < len(variables):
            raise CompileError(self._text, at, "duplicate variable name: " + variables[0])
        condition = arguments[count] if conditional else None
        return Fold(name.value, target, variables, condition, arguments[-1], at)

    def _variable(self, node: Node) -> str:
        if not isinstance(node, Ident) or "." in node.name:
            raise CompileError(self._text, node.at, "argument must be a simple name")
        return node.name

    def _call(self, name: Token) -> Node:
        at = self._token.at
        arguments = self._arguments()
        if name.value != "has" or len(arguments) != 1:
            return Call(name.value, None, arguments, at)
        tested = arguments[0]
        if not isinstance(tested, Select):
            raise CompileError(self._text, tested.at, "invalid argument to has() macro")
        return tested._replace(test=True)

    # --- primaries

    def _primary(self) -> Node:
        token = self._token
        match token.kind:
            case "literal":
                self._take()
                if type(token.value) is int and token.value >= 1 << 63:
                    raise CompileError(self._text, token.at, "Syntax error: invalid int literal")
                return Literal(token.value, token.at)
            case "name":
                return self._name()
            case "symbol":
                return self._symbol()
            case _:
                raise self._unexpected()

    def _name(self) -> Node:
        token = self._take()
        if token.value in _WORDS:
            return Literal(_WORDS[token.value], token.at)
        if token.value == "in":
            self._next -= 1
            raise self._unexpected()
        if token.value in RESERVED:
            raise CompileError(self._text, token.at, f"reserved identifier: {token.value}")
        return self._call(token) if self._is("(") else Ident(token.value, token.at)

    def _symbol(self) -> Node:
        token = self._token
        if self._took("("):
            inside = self._expression()
            self._need(")")
            return inside
        if self._took("["):
            return self._list(token.at)
        if self._took("{"):
            return self._map(token.at)
        if self._took("."):  # from the root scope, which is the only one there is
            if self._token.kind != "name":
                raise self._unexpected("expecting IDENTIFIER")
            return self._name()
        raise self._unexpected()

    def _list(self, at: int) -> Node:
        elements = []
        while not self._is("]"):
            optional = self._took("?")
            elements.append(Element(self._expression(), optional))
            if not self._took(","):
                break
        self._need("]")
        return ListOf(tuple(elements), at)

    def _map(self, at: int) -> Node:
        members = []
        while not self._is("}"):
            optional = self._took("?")
            key = self._expression()
            self._need(":")
            members.append(Member(key, self._expression(), optional))
            if not self._took(","):
                break
        self._need("}")
        return MapOf(tuple(members), at)

    def _message(self, name: str) -> Node:
        at = self._need("{").at
        members = []
        while not self._is("}"):
            optional = self._took("?")
            token = self._take()
            if token.kind not in ("name", "escaped"):
                raise CompileError(self._text, token.at, "Syntax error: a field's name is expected")
            self._need(":")
            members.append(Member(token.value, self._expression(), optional))
            if not self._took(","):
                break
        self._need("}")
        return Message(name, tuple(members), at)


def dotted(node: Node) -> str:
    """`a.b.c` of a chain of names, else empty."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.optional and not node.test:
        before = dotted(node.operand)
        return f"{before}.{node.field}" if before else ""
    return ""
