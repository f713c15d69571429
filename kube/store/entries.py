"""Objects as they are served: JSON bytes with the resourceVersion spliced in.

What a store holds begins `{"kind":…,"apiVersion":…,"metadata":{` and has no resourceVersion: the number is only
known once the transaction is. Neither kind nor apiVersion can hold the text `"metadata":{`, so its first
occurrence is the object's own metadata.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_METADATA = b'"metadata":{'
_VERSION = b'"resourceVersion":"'


class _Labelled(msgspec.Struct, frozen=True):
    labels: Mapping[str, str] | None = None


class _Head(msgspec.Struct, frozen=True):
    metadata: _Labelled


_HEAD = msgspec.json.Decoder(_Head)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
NO_LABELS: Mapping[str, str] = {}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object at one revision; `key` is `namespace/name`, or the name of a cluster-scoped object."""

    key: str
    body: bytes
    revision: int
    create_revision: int
    labels: Mapping[str, str]

    @property
    def namespace(self) -> str:
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def decode(self) -> dict[str, Any]:
        """A fresh, mutable object."""
        return _OBJECT.decode(self.body)


def served(value: bytes, revision: int) -> bytes:
    """The stored value with its resourceVersion first in metadata."""
    at = value.index(_METADATA) + len(_METADATA)
    comma = b"" if value[at : at + 1] == b"}" else b","
    return b'%b"resourceVersion":"%d"%b%b' % (value[:at], revision, comma, value[at:])


def with_revision(body: bytes, revision: int) -> bytes:
    """A served body as of another revision: what a DELETED event carries."""
    start = body.index(_VERSION) + len(_VERSION)
    end = body.index(b'"', start)
    return b"%b%d%b" % (body[:start], revision, body[end:])


def entry(key: str, value: bytes, create_revision: int, revision: int) -> Entry:
    """The entry of a stored value."""
    body = served(value, revision)
    return Entry(key, body, revision, create_revision, _HEAD.decode(value).metadata.labels or NO_LABELS)
