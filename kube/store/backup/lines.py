"""A backup as JSON lines: what it is, one line a key, and a seal that shows that none is missing or changed.

{"format":"podnet-backup","version":1,"revision":1234}
{"key":"/registry/pods/default/web","create_revision":90,"revision":120,"value":{"kind":"Pod",…}}
{"rows":1,"sha256":"…"}
"""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from kube.store.contract import Row, StoreError

FORMAT = "podnet-backup"
VERSION = 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    revision: int


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`value` is the stored JSON as it is; what is no JSON goes into `base64`."""

    key: str
    create_revision: int
    revision: int
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    base64: bytes = b""


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """The last line; the sum is over all bytes before it."""

    rows: int
    sha256: str


_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(Line).decode


def _is_json(value: bytes) -> bool:
    if not value or b"\n" in value:
        return False
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


class Writer:
    """The lines in the order they are to be written; counts and sums them up for the seal."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = hashlib.sha256()

    def header(self, revision: int) -> bytes:
        return self._summed(Header(format=FORMAT, version=VERSION, revision=revision))

    def row(self, row: Row) -> bytes:
        self.rows += 1
        json = _is_json(row.value)
        return self._summed(
            Line(
                key=row.key,
                create_revision=row.create_revision,
                revision=row.revision,
                value=msgspec.Raw(row.value) if json else msgspec.UNSET,
                base64=b"" if json else row.value,
            )
        )

    def seal(self) -> bytes:
        return _encode(Seal(rows=self.rows, sha256=self._sum.hexdigest())) + b"\n"

    def _summed(self, value: msgspec.Struct) -> bytes:
        line = _encode(value) + b"\n"
        self._sum.update(line)
        return line


def read_header(line: bytes) -> Header:
    """Raises StoreError for what is no backup, and for those of later versions."""
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError("it is not a backup made by `kcore backup`") from error
    if header.format != FORMAT:
        raise StoreError(f"it is not a backup made by `kcore backup` but {header.format}")
    if header.version > VERSION:
        raise StoreError(
            f"it has version {header.version} of the format, this program knows {VERSION}: upgrade"
        )
    return header


def read_row(line: bytes) -> Row:
    found = _decode_line(line)
    value = found.base64 if found.value is msgspec.UNSET else bytes(found.value)
    return Row(found.key, value, found.create_revision, found.revision)


def check(lines: Iterable[bytes]) -> Header:
    """Read it all: raises StoreError unless the seal fits what stands before it."""
    found = iter(lines)
    header_line = next(found, b"")
    header = read_header(header_line)
    checksum = hashlib.sha256(header_line)
    rows = 0
    before = b""
    for line in found:
        if before:
            checksum.update(before)
            _check_row(before, rows)
            rows += 1
        before = line
    try:
        seal = msgspec.json.decode(before, type=Seal)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"its end is missing, it breaks off behind {rows} rows: take another backup"
        ) from error
    if seal.rows != rows or seal.sha256 != checksum.hexdigest():
        raise StoreError("its content does not fit its checksum: take another backup")
    return header


def _check_row(line: bytes, number: int) -> None:
    try:
        read_row(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"line {number + 2} cannot be read ({error}): take another backup") from error


def rows_of(lines: Iterable[bytes]) -> Iterator[Row]:
    """The rows of a backup that was checked."""
    found = iter(lines)
    next(found, None)
    before = next(found, b"")
    for line in found:
        yield read_row(before)
        before = line
