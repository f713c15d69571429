"""Text into tokens (the grammar of the CEL specification)."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kube.apiserver.cel.errors import CompileError
from kube.apiserver.cel.values import INT_MAX, UINT_MAX, Uint

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\f\r]+|//[^\n]*)
  | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<int>(?:0[xX][0-9a-fA-F]+|\d+)[uU]?)
  | (?P<text>(?P<prefix>[rRbB]{0,2})(?P<quoted>'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"
            |'(?:[^'\\\n\r]|\\.)*'|"(?:[^"\\\n\r]|\\.)*"))
  | (?P<rawtext>(?P<rawprefix>[bB]?[rR][bB]?)(?P<rawquoted>'[^'\n\r]*'|"[^"\n\r]*"))
  | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
  | (?P<escaped>`[A-Za-z_0-9./ -]+`)
  | (?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))",
    re.DOTALL,
)
_SIMPLE = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip


class Token(NamedTuple):
    """`kind`: literal, name, symbol, end; a literal's value is its own, a name's and symbol's is their text."""

    kind: str
    value: Any
    at: int


def tokens(text: str) -> Iterator[Token]:
    """Ends with an `end` token. Raises CompileError."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise CompileError(text, at, f"Syntax error: token recognition error at: '{text[at]}'")
        match found.lastgroup:
            case "space":
                pass
            case "float":
                yield Token("literal", float(found.group()), at)
            case "int":
                yield Token("literal", _number(text, found.group(), at), at)
            case "name":
                yield Token("name", found.group(), at)
            case "escaped":
                yield Token("escaped", found.group()[1:-1], at)
            case "symbol":
                yield Token("symbol", found.group(), at)
            case _:
                yield Token("literal", _text(text, found, at), at)
        at = found.end()
    yield Token("end", "<EOF>", len(text))


def _number(text: str, digits: str, at: int) -> int:
    unsigned = digits[-1] in "uU"
    number = int(digits.rstrip("uU"), 16 if digits[:2] in ("0x", "0X") else 10)
    if unsigned:
        if number > UINT_MAX:
            raise CompileError(text, at, "Syntax error: invalid uint literal")
        return Uint(number)
    if number > INT_MAX + 1:  # the least number is written as the negative of one too large
        raise CompileError(text, at, "Syntax error: invalid int literal")
    return number


def _text(text: str, found: re.Match[str], at: int) -> str | bytes:
    raw_form = found.group("rawtext") is not None
    prefix = (found.group("rawprefix") if raw_form else found.group("prefix")).lower()
    quoted = found.group("rawquoted") if raw_form else found.group("quoted")
    marks = 3 if quoted[:3] in ("'''", '"""') and len(quoted) >= 6 else 1
    inside = quoted[marks:-marks]
    as_bytes = "b" in prefix
    if "r" not in prefix:
        inside = _unescaped(text, inside, at, as_bytes=as_bytes)
    if not as_bytes:
        return inside
    # Escapes in bytes are octets (kept as surrogates by _unescaped), everything else is UTF-8.
    return inside.encode("utf-8", "surrogateescape")


def _unescaped(text: str, inside: str, at: int, *, as_bytes: bool) -> str:
    def one(found: re.Match[str]) -> str:
        small, large, four, eight, octal, simple = found.groups()
        if simple is not None:
            if simple not in _SIMPLE:
                raise CompileError(text, at, f"Syntax error: unable to unescape string, '\\{simple}'")
            return _SIMPLE[simple]
        code = int(octal, 8) if octal else int(small or large or four or eight, 16)
        if as_bytes and not (four or eight):
            return bytes([code]).decode("utf-8", "surrogateescape")
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise CompileError(text, at, "Syntax error: invalid unicode code point")
        return chr(code)

    return _ESCAPE.sub(one, inside)
