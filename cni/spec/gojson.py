"""JSON as Go's encoding/json reads it, which is what CNI configurations were written against.

Keys of a struct match whatever their case and the last duplicate wins; null is unset; a wrong type
is an error; unknown keys are ignored. The C halves of the json module are used directly: the Python
halves import re, 5 ms of a plugin's start.
"""

from __future__ import annotations

import _json

from cni.spec.errors import CniError, decoding_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPACE = " \t\r\n"
_MAX_INT64 = (1 << 63) - 1


def _ordered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keys in the order of their last appearance, so that the last of two spellings wins."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        result.pop(key, None)
        result[key] = value
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid JSON number {name}")


class _Scanner:
    strict = True
    object_hook = None
    object_pairs_hook: Any = staticmethod(_ordered)
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)
    memo: dict[str, str] = {}  # noqa: RUF012 - the C scanner asks for the attribute


_scan: Callable[[str, int], tuple[Any, int]] = _json.make_scanner(_Scanner())  # type: ignore[arg-type]
_quote: Callable[[str], str] = _json.encode_basestring


def decode(data: bytes) -> Any:
    """The value; CniError (6) on malformed text."""
    text = data.decode("utf-8", "replace")
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except StopIteration:
        message = "unexpected end of JSON input" if start == len(text) else "invalid JSON"
        raise decoding_failure(message) from None
    except SystemError:
        raise decoding_failure(_why(text)) from None
    except (ValueError, RecursionError) as error:
        raise decoding_failure(str(error)) from None
    rest = text[end:].lstrip(_SPACE)
    if rest:
        raise decoding_failure(f"invalid character {rest[0]!r} after top-level value")
    return value


def _why(text: str) -> str:
    """The C scanner finds its exception in json.decoder only if someone has imported that."""
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return "invalid JSON"


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is no JSON value")


# Its arguments: no check for cycles, what to do with the unknown, how to write text, no indentation, the two
# separators, keys unsorted, none skipped, no refusal of NaN.
_encode: Callable[[object, int], tuple[str, ...]] = _json.make_encoder(
    None, _refuse, _quote, None, ":", ",", False, False, True
)


def encode(value: object) -> str:
    """Compact JSON of dicts, lists, tuples, text, numbers, booleans and None."""
    return "".join(_encode(value, 0))


def pairs_of(data: bytes, key: str) -> list[str]:
    """Keys of the top-level object's member of that name, duplicates included."""
    found: list[str] = []

    class Scanner(_Scanner):
        object_pairs_hook: Any = list

    try:
        top, _ = _json.make_scanner(Scanner())(data.decode("utf-8", "replace").strip(_SPACE), 0)  # type: ignore[arg-type]
    except (StopIteration, SystemError, ValueError):
        return []
    for name, value in top if isinstance(top, list) else ():
        if isinstance(name, str) and name.lower() == key.lower() and isinstance(value, list):
            found = [pair[0] for pair in value if isinstance(pair, tuple)]
    return found


class Fields:
    """A JSON object read as Go reads a struct; each reader names the key and the type in its error."""

    __slots__ = ("_values", "where")

    def __init__(self, value: Any, where: str = "") -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise decoding_failure(f"{where or 'the configuration'} must be an object, not {_kind(value)}")
        self._values: dict[str, Any] = {
            key.lower(): item for key, item in _ordered(list(value.items())).items()
        }
        self.where = where

    def __contains__(self, name: str) -> bool:
        return self._values.get(name.lower()) is not None

    def _wrong(self, name: str, wanted: str, value: Any) -> CniError:
        path = f"{self.where}.{name}" if self.where else name
        return decoding_failure(f'"{path}" must be {wanted}, not {_kind(value)}')

    def raw(self, name: str) -> Any:
        return self._values.get(name.lower())

    def text(self, name: str, default: str = "") -> str:
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, "text", value)
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def integer(self, name: str, default: int = 0) -> int:
        found = self.optional_integer(name)
        return default if found is None else found

    def optional_integer(self, name: str) -> int | None:
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INT64:
            raise self._wrong(name, "a whole number", value)
        return value

    def unsigned(self, name: str, default: int = 0, *, highest: int = (1 << 64) - 1) -> int:
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
            raise self._wrong(name, f"a whole number from 0 to {highest}", value)
        return value

    def array(self, name: str) -> list[Any]:
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.array(name)
        for value in values:
            if not isinstance(value, str):
                raise self._wrong(name, "a list of text", value)
        return tuple(values)

    def fields(self, name: str) -> Fields:
        """An object, empty if unset."""
        return Fields(self.raw(name), f"{self.where}.{name}" if self.where else name)

    def objects(self, name: str) -> list[Fields]:
        path = f"{self.where}.{name}" if self.where else name
        return [Fields(value, f"{path}[{place}]") for place, value in enumerate(self.array(name))]

    def mapping(self, name: str) -> dict[str, Any]:
        """A Go map: its keys are data and keep their case."""
        value = self.raw(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(name, "an object", value)
        return value


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return f'the text "{value}"'
    if isinstance(value, bool | int | float):
        return f"{encode(value)}"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "null"
