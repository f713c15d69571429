"""Text: the language's functions, cel-go's extended strings (version 2), Kubernetes' regular expressions."""

import re
from collections.abc import Sequence
from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import (
    Duration,
    Timestamp,
    TypeValue,
    duration_text,
    plain_double,
    timestamp_text,
    type_name,
)
from kube.apiserver.kinds.schema.patterns import BadPattern, compiled


def pattern(text: str) -> re.Pattern[str]:
    """Raises CelError."""
    try:
        return compiled(text)
    except BadPattern as error:
        raise CelError(str(error)) from error


def _matches(text: str, expression: str) -> bool:
    return pattern(expression).search(text) is not None


def _find(text: str, expression: str) -> str:
    found = pattern(expression).search(text)
    return found.group() if found else ""


def _find_all(text: str, expression: str, limit: int = -1) -> list[str]:
    found = [one.group() for one in pattern(expression).finditer(text)]
    return found if limit < 0 else found[:limit]


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise CelError(f"index out of range: {index}")
    return text[index : index + 1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    if not part:
        return start
    if not 0 <= start <= len(text):
        raise CelError(f"index out of range: {start}")
    return text.find(part, start)


def _last_index_of(text: str, part: str, end: int | None = None) -> int:
    if end is None:
        return len(text) if not part else text.rfind(part)
    if not 0 <= end <= len(text):
        raise CelError(f"index out of range: {end}")
    return end if not part else text.rfind(part, 0, end + len(part))


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    for index in (start, end):
        if not 0 <= index <= len(text):
            raise CelError(f"index out of range: {index}")
    if start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    return text[start:end]


def _split(text: str, by: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if limit == 1:
        return [text]
    if not by:
        parts = list(text)
        return (
            parts if limit < 0 or len(parts) <= limit else [*parts[: limit - 1], "".join(parts[limit - 1 :])]
        )
    return text.split(by) if limit < 0 else text.split(by, limit - 1)


def _join(parts: Sequence[Any], by: str = "") -> str:
    if not all(isinstance(part, str) for part in parts):
        raise CelError("no such overload")
    return by.join(parts)


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    return text.replace(old, new, limit) if limit >= 0 else text.replace(old, new)


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
# What Unicode counts as white space, which is less than Python's strip() takes.
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_QUOTED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}  # fmt: skip


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(char, char) for char in text) + '"'


_CLAUSE = re.compile(r"%(?:\.(\d+))?(.)|%$", re.DOTALL)


def _format(text: str, values: Sequence[Any]) -> str:
    """%s %d %f %e %b %o %x %X %%, as cel-go's strings library."""
    left = iter(values)

    def one(found: re.Match[str]) -> str:
        verb = found[2]
        if verb == "%":
            return "%"
        if verb is None:
            raise CelError("unexpected end of string")
        try:
            value = next(left)
        except StopIteration:
            raise CelError(f"index {len(values)} out of range") from None
        return _clause(verb, value, int(found[1]) if found[1] else 6)

    return _CLAUSE.sub(one, text)


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _clause(verb: str, value: Any, precision: int) -> str:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    match verb:
        case "s":
            return shown(value)
        case "d" if is_int:
            return str(int(value))
        case "f" if is_int or isinstance(value, float):
            return format(float(value), f".{precision}f")
        case "e" if is_int or isinstance(value, float):
            digits, exponent = format(float(value), f".{precision}e").split("e")
            return f"{digits}×10{exponent.lstrip('+').translate(_SUPERSCRIPTS)}"
        case "b" if isinstance(value, int):
            return format(int(value), "b")
        case "o" if is_int:
            return format(int(value), "o")
        case "x" | "X" if is_int:
            return format(int(value), verb)
        case "x" | "X" if isinstance(value, str | bytes):
            digits = (value.encode() if isinstance(value, str) else value).hex()
            return digits.upper() if verb == "X" else digits
        case _:
            wanted = _CLAUSES.get(verb)
            if wanted is None:
                raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
            raise CelError(f"error during formatting: {wanted}, was given {type_name(value)}")


_PRINTABLE = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
_CLAUSES = {
    "d": "decimal clause can only be used on integers",
    "f": "fixed-point clause can only be used on doubles",
    "e": "scientific clause can only be used on doubles",
    "b": "only integers and bools can be formatted as binary",
    "o": "octal clause can only be used on integers",
    "x": "only integers, byte buffers, and strings can be formatted as hex",
    "X": "only integers, byte buffers, and strings can be formatted as hex",
}


def shown(value: Any) -> str:
    """As %s writes it."""
    match value:
        case str():
            return value
        case float():
            return plain_double(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case Timestamp():
            return timestamp_text(value)
        case Duration():
            return duration_text(value)
        case _:
            return _shown_inside(value)


def _shown_inside(value: Any) -> str:
    """As %s writes what is in a list or map."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _quote(value)
        case int():
            return str(int(value))
        case float():
            return format(value, "f")
        case bytes():
            return _quote(value.decode("utf-8", "replace"))
        case Timestamp():
            return f'timestamp("{timestamp_text(value)}")'
        case Duration():
            return f'duration("{duration_text(value)}")'
        case TypeValue():
            return value.name
        case list():
            return "[" + ", ".join(map(_shown_inside, value)) + "]"
        case dict():
            pairs = sorted((_shown_inside(key), _shown_inside(item)) for key, item in value.items())
            return "{" + ", ".join(f"{key}:{item}" for key, item in pairs) + "}"
        case _:
            raise CelError(
                f"error during formatting: string clause can only be used on {_PRINTABLE}, was given {type_name(value)}"
            )


TABLE = (
    overload("size(string) -> int", len),
    overload("string::size() -> int", len),
    overload("size(bytes) -> int", len),
    overload("bytes::size() -> int", len),
    overload("string::contains(string) -> bool", lambda text, part: part in text),
    overload("string::startsWith(string) -> bool", str.startswith),
    overload("string::endsWith(string) -> bool", str.endswith),
    overload("string::matches(string) -> bool", _matches),
    overload("matches(string, string) -> bool", _matches),
    overload("string::find(string) -> string", _find),
    overload("string::findAll(string) -> list(string)", _find_all),
    overload("string::findAll(string, int) -> list(string)", _find_all),
    overload("string::charAt(int) -> string", _char_at),
    overload("string::indexOf(string) -> int", _index_of),
    overload("string::indexOf(string, int) -> int", _index_of),
    overload("string::lastIndexOf(string) -> int", _last_index_of),
    overload("string::lastIndexOf(string, int) -> int", _last_index_of),
    overload("string::lowerAscii() -> string", lambda text: text.translate(_LOWER)),
    overload("string::upperAscii() -> string", lambda text: text.translate(_UPPER)),
    overload("string::replace(string, string) -> string", _replace),
    overload("string::replace(string, string, int) -> string", _replace),
    overload("string::split(string) -> list(string)", _split),
    overload("string::split(string, int) -> list(string)", _split),
    overload("string::substring(int) -> string", _substring),
    overload("string::substring(int, int) -> string", _substring),
    overload("string::trim() -> string", lambda text: text.strip(_SPACES)),
    overload("string::format(list(dyn)) -> string", _format),
    overload("strings.quote(string) -> string", _quote),
    overload("list(string)::join() -> string", _join),
    overload("list(string)::join(string) -> string", _join),
)
