"""Go's text/template to a tree. Pure.

Actions, pipelines, variables, parentheses, if, with, range, break and continue are there; `define`, `template` and
`block` are not, as a Corefile's templates are one line each.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

import msgspec

from dns.templates.tokens import Kind, Piece, TemplateError, Word, pieces_of


class Constant(msgspec.Struct, frozen=True):
    value: object


class Dot(msgspec.Struct, frozen=True):
    """`.` itself."""


class Variable(msgspec.Struct, frozen=True):
    name: str


class Call(msgspec.Struct, frozen=True):
    """A function of this name."""

    name: str


class Fields(msgspec.Struct, frozen=True):
    """`.A.B` of what stands in front."""

    of: Operand
    names: tuple[str, ...]


class Pipeline(msgspec.Struct, frozen=True):
    """Commands; each but the first gets the result before it as its last argument. `targets` are set to the last."""

    commands: tuple[tuple[Operand, ...], ...]
    targets: tuple[str, ...] = ()
    declares: bool = False


Operand: TypeAlias = Constant | Dot | Variable | Call | Fields | Pipeline


class Text(msgspec.Struct, frozen=True):
    text: str


class Show(msgspec.Struct, frozen=True):
    pipeline: Pipeline


class Branch(msgspec.Struct, frozen=True):
    """`if`, `with` or `range`."""

    word: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    other: tuple[Node, ...] = ()


class Jump(msgspec.Struct, frozen=True):
    word: str  # break, continue


Node: TypeAlias = Text | Show | Branch | Jump
Tree = tuple[Node, ...]
_BRANCHES = frozenset(("if", "with", "range"))
_UNKNOWN = frozenset(("define", "template", "block"))


def parse(text: str, functions: Collection[str]) -> Tree:
    """The tree of a template. Raises TemplateError."""
    reader = _Reader(pieces_of(text), functions)
    body, _ = reader.nodes((), inside="")
    return body


class _Reader:
    def __init__(self, pieces: list[Piece], functions: Collection[str]) -> None:
        self._pieces = pieces
        self._place = 0
        self._functions = functions
        self._known = ["$"]  # variables in reach
        self._words: list[Word] = []
        self._loop_count = 0  # how many `range` are around

    def nodes(self, ends: tuple[str, ...], *, inside: str) -> tuple[Tree, str]:
        """Nodes up to one of `ends`, and which it was; "" at the end of the template."""
        found: list[Node] = []
        reach = len(self._known)
        while self._place < len(self._pieces):
            piece = self._pieces[self._place]
            self._place += 1
            if piece.action is None:
                found.append(Text(piece.text))
                continue
            self._words = list(piece.action)
            self._skip()
            word = self._words[0].text if self._words and self._words[0].kind is Kind.NAME else ""
            if word in {"end", "else"}:
                if word not in ends:
                    raise TemplateError(f"{{{{ {word} }}}} stands in a wrong place")
                self._take()
                del self._known[reach:]
                return tuple(found), word
            found.append(self._node(word))
        if inside:
            raise TemplateError(f"{{{{ {inside} }}}} has no {{{{ end }}}}")
        return tuple(found), ""

    def _node(self, word: str) -> Node:
        if word in _UNKNOWN:
            raise TemplateError(f"{{{{ {word} }}}} is not supported")
        if word in {"break", "continue"}:
            if not self._loop_count:
                raise TemplateError(f"{{{{ {word} }}}} stands outside of range")
            self._take()
            self._finish()
            return Jump(word)
        if word in _BRANCHES:
            self._take()
            return self._branch(word)
        return Show(self._whole(1))

    def _branch(self, word: str) -> Branch:
        reach = len(self._known)
        pipeline = self._whole(2 if word == "range" else 1)
        self._loop_count += word == "range"
        body, end = self.nodes(("else", "end"), inside=word)
        self._loop_count -= word == "range"
        other: Tree = ()
        if end == "else":
            self._skip()
            if self._words and self._words[0].text in {"if", "with"} and self._words[0].text == word:
                self._take()
                other = (self._branch(word),)  # {{ else if }} shares the end
            else:
                self._finish()
                other, _ = self.nodes(("end",), inside=word)
                self._finish()
        else:
            self._finish()
        del self._known[reach:]
        return Branch(word, pipeline, body, other)

    def _whole(self, target_count: int) -> Pipeline:
        pipeline = self._pipeline(target_count)
        self._finish()
        return pipeline

    def _finish(self) -> None:
        self._skip()
        if self._words:
            raise TemplateError(f"{self._words[0].text!r} is one word too many")

    def _skip(self) -> bool:
        before = len(self._words)
        while self._words and self._words[0].kind is Kind.SPACE:
            self._words.pop(0)
        return len(self._words) < before

    def _take(self) -> Word:
        return self._words.pop(0)

    def _next_is(self, text: str) -> bool:
        return bool(self._words) and self._words[0].kind is Kind.SIGN and self._words[0].text == text

    def _pipeline(self, target_count: int) -> Pipeline:
        self._skip()
        targets, declares = self._targets(target_count)
        commands = [self._command()]
        while self._next_is("|"):
            self._take()
            commands.append(self._command())
            if isinstance(commands[-1][0], Constant | Dot):
                raise TemplateError("what stands behind | must be a function")
        if declares:
            self._known += targets
        return Pipeline(tuple(commands), targets, declares)

    def _targets(self, count: int) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =`, `$i, $x :=` in front of a pipeline."""
        found: list[str] = []
        words = list(self._words)
        while words and words[0].kind is Kind.VARIABLE and len(found) < count:
            found.append(words.pop(0).text)
            words = _without_space(words)
            if words and words[0].text == ",":
                words = _without_space(words[1:])
                continue
            break
        if not found or not words or words[0].text not in {":=", "="} or words[0].kind is not Kind.SIGN:
            return (), False
        declares = words[0].text == ":="
        self._words = words[1:]
        if not declares:
            for name in found:
                self._check(name)
        return tuple(found), declares

    def _check(self, name: str) -> None:
        if name not in self._known:
            raise TemplateError(f"the variable {name} is not set")

    def _command(self) -> tuple[Operand, ...]:
        found: list[Operand] = []
        self._skip()
        while self._words and not self._next_is("|") and not self._next_is(")"):
            found.append(self._operand())
            if not self._skip() and self._words and not self._next_is("|") and not self._next_is(")"):
                raise TemplateError(f"a space is missing in front of {self._words[0].text!r}")
        if not found:
            raise TemplateError("a value is missing")
        if len(found) > 1 and isinstance(found[0], Constant | Dot | Pipeline):
            raise TemplateError("a value that is no function has arguments")
        return tuple(found)

    def _operand(self) -> Operand:
        word = self._take()
        operand: Operand
        match word.kind:
            case Kind.TEXT | Kind.NUMBER:
                return Constant(word.value)
            case Kind.FIELD:
                return Fields(Dot(), (word.text[1:], *self._fields()))
            case Kind.VARIABLE:
                self._check(word.text)
                operand = Variable(word.text)
            case Kind.NAME if word.text in {"true", "false"}:
                return Constant(word.text == "true")
            case Kind.NAME if word.text == "nil":
                return Constant(None)
            case Kind.NAME if word.text in self._functions:
                return Call(word.text)
            case Kind.NAME:
                raise TemplateError(f"there is no function {word.text!r}")
            case Kind.SIGN if word.text == ".":
                return Dot()
            case Kind.SIGN if word.text == "(":
                operand = self._pipeline(0)
                if not self._next_is(")"):
                    raise TemplateError("a parenthesis has no end")
                self._take()
            case _:
                raise TemplateError(f"{word.text!r} stands in a wrong place")
        fields = self._fields()
        return Fields(operand, fields) if fields else operand

    def _fields(self) -> tuple[str, ...]:
        found: list[str] = []
        while self._words and self._words[0].kind is Kind.FIELD:
            found.append(self._take().text[1:])
        return tuple(found)


def _without_space(words: list[Word]) -> list[Word]:
    while words and words[0].kind is Kind.SPACE:
        words = words[1:]
    return words
