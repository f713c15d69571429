"""Go's regular expressions (RE2 syntax, as schemas use them) as Python's."""

import re
from functools import lru_cache

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
# What RE2 does not have, and therefore refuses: assertions about the surroundings, conditions, references.
_NOT_IN_GO = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P[=>])")
_CLASS = re.compile(r"\[:(\^?)(\w+):\]")
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")


class BadPattern(ValueError):
    """Not a regular expression that the server takes."""


@lru_cache(1024)
def compiled(text: str) -> re.Pattern[str]:
    """The pattern, to be used with search(). Raises BadPattern."""
    found = _NOT_IN_GO.search(text)
    if found:
        raise BadPattern(f"error parsing regexp: invalid or unsupported Perl syntax: `{found.group()}`")
    try:
        # Go's classes \d, \w, \s and \b are ASCII.
        return re.compile(_translated(text), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPattern(f"error parsing regexp: {error}") from error


def _translated(text: str) -> str:
    out: list[str] = []
    at, in_class = 0, False
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            piece, at = _escape(text, at)
            out.append(piece)
            continue
        if in_class:
            named = _CLASS.match(text, at)
            if named:
                out.append(_named_class(named))
                at = named.end()
                continue
            out.append("\\[" if char == "[" else char)
            in_class = char != "]"
        elif char == "[":
            in_class = True
            opened = re.compile(r"\[\^?\]?").match(text, at)
            assert opened is not None
            out.append(opened.group().replace("]", "\\]"))
            at = opened.end()
            continue
        else:
            # Python's $ also matches before a newline at the end.
            out.append(r"\Z" if char == "$" else char)
        at += 1
    return _with_leading_flags("".join(out))


def _escape(text: str, at: int) -> tuple[str, int]:
    """The escape that begins at `at`, and where the text goes on."""
    follows = text[at + 1]
    if follows == "z":
        return r"\Z", at + 2
    if follows in "pPC":
        raise BadPattern(f"classes of Unicode characters are not supported: {text[at : at + 3]}")
    if follows.isdigit() and follows != "0":
        raise BadPattern(f"error parsing regexp: invalid escape sequence: `\\{follows}`")
    if follows == "Q":
        end = text.find(r"\E", at)
        quoted = text[at + 2 : end if end >= 0 else len(text)]
        return re.escape(quoted), end + 2 if end >= 0 else len(text)
    hexadecimal = _HEX.match(text, at)
    if hexadecimal:
        return re.escape(chr(int(hexadecimal.group(1), 16))), hexadecimal.end()
    return text[at : at + 2], at + 2


def _named_class(named: re.Match[str]) -> str:
    characters = _POSIX.get(named.group(2))
    if characters is None or named.group(1):
        raise BadPattern(f"error parsing regexp: invalid character class range: `{named.group()}`")
    return characters


def _with_leading_flags(text: str) -> str:
    """Python takes flags for the rest only at the start; Go takes them behind the anchor too."""
    found = re.match(r"(\^?)\(\?([ims]+)\)", text)
    return f"(?{found.group(2)}){found.group(1)}{text[found.end() :]}" if found and found.group(1) else text
