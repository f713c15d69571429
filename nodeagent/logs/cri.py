"""Container logs in the CRI format: `TIME STREAM F|P TEXT`, P for a line that continues. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nodeagent.pods.times import epoch


class Record(NamedTuple):
    """`time` as written (RFC 3339 with nanoseconds); `content` without its newline if `partial`."""

    time: str
    stream: str
    partial: bool
    content: bytes


def parse_record(line: bytes) -> Record | None:
    """One line of the file; None for what is no record."""
    parts = line.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 4:
        if len(parts) == 3:  # an empty text loses its separator in some writers
            parts.append(b"")
        else:
            return None
    partial = parts[2].split(b":")[0] == b"P"
    return Record(parts[0].decode(), parts[1].decode(), partial, parts[3] if partial else parts[3] + b"\n")


class Selection(NamedTuple):
    since_s: float | None = None  # Unix time
    timestamps: bool = False
    stream: str = "All"  # or Stdout, Stderr


def render(records: Iterable[Record], chosen: Selection) -> Iterator[bytes]:
    """What kubectl prints, record by record."""
    continued = False
    for record in records:
        if chosen.stream != "All" and record.stream != chosen.stream.lower():
            continue
        if chosen.since_s is not None and epoch(record.time) < chosen.since_s:
            continue
        prefix = f"{record.time} ".encode() if chosen.timestamps and not continued else b""
        continued = record.partial
        yield prefix + record.content
