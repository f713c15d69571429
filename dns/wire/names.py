r"""Domain names: text `a.b.` with a final dot, and wire labels (RFC 1035 3.1, 4.1.4).

Text keeps the case it came in. A dot, backslash or unprintable byte inside a label is written `\.`, `\\`, `\DDD`.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_NAME_BYTES = 255
MAX_LABEL_BYTES = 63

_SPECIAL = re.compile(rb"[^!#-&*-\-/-:<-?A-\[\]-~]")
_SPECIAL_OR_DOT = re.compile(rb"[^!#-&*-:<-?A-\[\]-~]")
_ESCAPE = re.compile(r"\\(\d{3}|.)", re.DOTALL)


class BadName(ValueError):
    """A name that breaks RFC 1035's limits, or wire bytes that are no name."""


def decode(packet: bytes, offset: int) -> tuple[str, int]:
    """The name at offset and the offset behind it. Raises BadName, also for pointers that do not point back."""
    labels: list[bytes] = []
    end = -1
    total = 1
    limit = offset  # each pointer must go below the last one: no loop is possible
    try:
        while length := packet[offset]:
            if length < 64:
                start = offset + 1
                offset = start + length
                labels.append(packet[start:offset])
                total += length + 1
            elif length >= 0xC0:
                if end < 0:
                    end = offset + 2
                offset = (length & 0x3F) << 8 | packet[offset + 1]
                if offset >= limit:
                    raise BadName("a compression pointer does not point backwards")
                limit = offset
            else:
                raise BadName(f"label type 0x{length & 0xC0:02x} is not in use")
            if total > MAX_NAME_BYTES:
                raise BadName("the name is longer than 255 bytes")
    except IndexError:
        raise BadName("the name runs past the end of the message") from None
    return _text(labels), (end if end >= 0 else offset + 1)


def _text(labels: list[bytes]) -> str:
    if not labels:
        return "."
    joined = b".".join(labels)
    if _SPECIAL_OR_DOT.search(joined) is None and joined.count(b".") == len(labels) - 1:
        return joined.decode("latin-1") + "."
    return ".".join(_label_text(label) for label in labels) + "."


def _label_text(label: bytes) -> str:
    if _SPECIAL.search(label) is None:
        return label.decode("latin-1")
    return "".join(
        chr(byte)
        if not _SPECIAL.match(bytes((byte,)))
        else f"\\{chr(byte)}"
        if 32 < byte < 127
        else f"\\{byte:03d}"
        for byte in label
    )


def labels_of(name: str) -> list[bytes]:
    """The labels of text, escapes undone. Raises BadName for an empty or too long label, or a bad escape."""
    if name == ".":
        return []
    text = name[:-1] if is_absolute(name) else name
    if "\\" not in text:
        parts = [part.encode("latin-1", "replace") for part in text.split(".")]
    else:
        parts = [_unescape(part) for part in _split_escaped(text)]
    if not all(0 < len(part) <= MAX_LABEL_BYTES for part in parts):
        raise BadName(f"{name!r} has an empty label or one longer than 63 bytes")
    return parts


def _split_escaped(text: str) -> list[str]:
    parts, start, index = [], 0, 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == ".":
            parts.append(text[start:index])
            start = index + 1
        index += 1
    parts.append(text[start:])
    return parts


def _unescape(part: str) -> bytes:
    def plain(match: re.Match[str]) -> str:
        found = match.group(1)
        if len(found) == 3:
            if int(found) > 255:
                raise BadName(f"\\{found} is no byte")
            return chr(int(found))
        return found

    return _ESCAPE.sub(plain, part).encode("latin-1", "replace")


@lru_cache(maxsize=4096)
def encode(name: str) -> bytes:
    """Uncompressed wire form. Raises BadName when the name breaks a limit."""
    wire = b"".join(bytes((len(label),)) + label for label in labels_of(name)) + b"\0"
    if len(wire) > MAX_NAME_BYTES:
        raise BadName(f"{name!r} is longer than 255 bytes")
    return wire


def split(name: str) -> list[str]:
    r"""Labels as text, escapes kept: `a\.b.c.` → `a\.b`, `c`."""
    if name == ".":
        return []
    text = name[:-1] if is_absolute(name) else name
    return text.split(".") if "\\" not in text else _split_escaped(text)


def parents(name: str) -> list[str]:
    """The name itself, then each name above it, and last the root."""
    if name == ".":
        return ["."]
    labels = split(name)
    return [".".join(labels[index:]) + "." for index in range(len(labels))] + ["."]


def absolute(name: str) -> str:
    return name if is_absolute(name) else name + "."


def is_absolute(name: str) -> bool:
    """Whether the name ends with a dot that is not part of a label."""
    if not name.endswith("."):
        return False
    before = name[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0


def is_within(name: str, zone: str) -> bool:
    """Whether the name is the zone's or below it; both in lower case and absolute."""
    return zone in {".", name} or (name.endswith(zone) and name[-len(zone) - 1] == ".")
