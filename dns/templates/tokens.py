"""Go's text/template to pieces: text, and actions with their words. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class TemplateError(Exception):
    """A template that cannot be read, or that fails for one question."""


class Kind(Enum):
    """What a word of an action is."""

    NAME = "name"  # a function or keyword
    FIELD = "field"  # .Name, also behind another operand
    VARIABLE = "variable"  # $x
    TEXT = "text"
    NUMBER = "number"
    SIGN = "sign"  # ( ) | , := = and the dot alone
    SPACE = "space"


class Word(NamedTuple):
    kind: Kind
    text: str
    value: object = None  # of texts and numbers


class Piece(NamedTuple):
    """Text to be copied, or (`action`) words to be carried out."""

    text: str
    action: tuple[Word, ...] | None = None


_WORD = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
      | (?P<char>'(?:[^'\\\n]|\\.)+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|\d+\.\d*|\.\d+|\d+))(?![\w.])
      | (?P<field>\.[^\W\d]\w*)
      | (?P<variable>\$\w*)
      | (?P<name>[^\W\d]\w*)
      | (?P<sign>:=|[().|,=])
    """,
    re.VERBOSE,
)
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    '"': '"',
    "'": "'",
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)


def pieces_of(text: str) -> list[Piece]:
    """Cut at `{{` and `}}`; `{{- ` and ` -}}` take the space beside them away. Raises TemplateError."""
    found: list[Piece] = []
    trim = False
    while text:
        before, opening, rest = text.partition("{{")
        if trim:
            before, trim = before.lstrip(), False
        if opening and rest.startswith("-") and rest[1:2].isspace():
            before, rest = before.rstrip(), rest[1:]
        if before:
            found.append(Piece(before))
        if not opening:
            return found
        if rest.lstrip().startswith("/*"):
            comment, end, text = rest.partition("*/")
            closing = re.match(r"\s*(-?)\}\}", text) if end else None
            if closing is None:
                raise TemplateError(f"the comment {comment.strip()!r} has no end: write {{{{/* … */}}}}")
            trim, text = bool(closing[1]), text[closing.end() :]
            continue
        words, text = _action(rest)
        trim = text.startswith("-")
        found.append(Piece("", words))
        text = text.removeprefix("-").removeprefix("}}")
    return found


def _action(text: str) -> tuple[tuple[Word, ...], str]:
    """The words up to `}}`, and what follows them, beginning with `}}` or `-}}`."""
    words: list[Word] = []
    place = 0
    while True:
        if text.startswith("}}", place):
            return tuple(words), text[place:]
        if text.startswith("-}}", place) and words and words[-1].kind is Kind.SPACE:
            return tuple(words), text[place:]
        match = _WORD.match(text, place)
        if match is None:
            left = text[place : place + 12]
            raise TemplateError(
                f"{left!r} is not understood" if left else "an action has no end: }} is missing"
            )
        words.append(_word(match))
        place = match.end()


def _word(match: re.Match[str]) -> Word:
    text = match.group()
    match match.lastgroup:
        case "text" if text.startswith("`"):
            return Word(Kind.TEXT, text, text[1:-1])
        case "text":
            return Word(Kind.TEXT, text, unquoted(text[1:-1]))
        case "char":
            char = unquoted(text[1:-1])
            if len(char) != 1:
                raise TemplateError(f"{text} is not one character")
            return Word(Kind.NUMBER, text, ord(char))
        case "number":
            return Word(Kind.NUMBER, text, number_of(text))
        case other:
            return Word(Kind(other), text)


def unquoted(text: str) -> str:
    """Go's escapes undone."""

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        if code not in _ESCAPES:
            raise TemplateError(f"\\{code} is no escape")
        return _ESCAPES[code]

    return _ESCAPE.sub(plain, text)


def number_of(text: str) -> int | float:
    """A Go constant; a leading 0 is octal."""
    if "." in text:
        return float(text)
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)
