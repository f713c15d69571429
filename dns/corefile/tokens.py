"""A Corefile's words with their places. The syntax is that of Caddy 1's Caddyfile."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_ENVIRONMENT = re.compile(r"\{\$([^{}$%]+)\}|\{%([^{}$%]+)%\}")


class CorefileError(ValueError):
    """A mistake in a Corefile, at a place: `Corefile:3:5: unknown directive 'foo'`."""

    def __init__(self, message: str, token: Token | None = None) -> None:
        place = f"{token.file}:{token.line}:{token.column}: " if token is not None else ""
        super().__init__(place + message)


class Token(msgspec.Struct, frozen=True):
    """A word. Lines and columns count from 1; `quoted` words are never braces."""

    text: str
    line: int
    column: int
    file: str = "Corefile"
    quoted: bool = False

    def is_brace(self, brace: str) -> bool:
        return self.text == brace and not self.quoted


def tokenize(text: str, file: str, environment: Mapping[str, str]) -> list[Token]:
    """All words; `#` starts a comment where a word could start. Raises CorefileError for an open quote."""
    tokens: list[Token] = []
    index, line, line_start = 0, 1, 0
    text = text.removeprefix("\ufeff")
    while index < len(text):
        char = text[index]
        if char == "\n":
            line, line_start = line + 1, index + 1
            index += 1
        elif char.isspace():
            index += 1
        elif char == "#":
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
        elif char == '"':
            start = Token("", line, index - line_start + 1, file, quoted=True)
            word, index, newlines = _quoted(text, index + 1, start)
            tokens.append(_place(start, substitute(word, environment)))
            if newlines:
                line += newlines
                line_start = text.rfind("\n", 0, index) + 1
        else:
            end = index
            while end < len(text) and not text[end].isspace():
                end += 1
            word = substitute(text[index:end], environment)
            tokens.append(Token(word, line, index - line_start + 1, file))
            index = end
    return tokens


def _place(token: Token, text: str) -> Token:
    return Token(text, token.line, token.column, token.file, token.quoted)


def _quoted(text: str, index: int, start: Token) -> tuple[str, int, int]:
    """The word up to the closing quote, the index behind it, and how many line ends are inside."""
    parts: list[str] = []
    newlines = 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text) and text[index + 1] == '"':
            parts.append('"')
            index += 2
            continue
        if char == '"':
            return "".join(parts), index + 1, newlines
        newlines += char == "\n"
        parts.append(char)
        index += 1
    raise CorefileError('this quote is never closed: add a " at the end of the word', start)


def substitute(word: str, environment: Mapping[str, str]) -> str:
    """`{$NAME}` and `{%NAME%}` replaced by the environment's value, "" where it has none."""
    if "{" not in word:
        return word
    return _ENVIRONMENT.sub(lambda found: environment.get(found.group(1) or found.group(2), ""), word)
