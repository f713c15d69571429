"""Reads the package's data files; everything else in this package is pure."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

DATA = Path(__file__).parent / "data"


def read(name: str) -> bytes:
    """The raw bytes of data/NAME.json, unpacked."""
    return gzip.decompress((DATA / f"{name}.json.gz").read_bytes())


def load(name: str) -> Any:
    return msgspec.json.decode(read(name))


@cache
def enums() -> dict[str, dict[str, list[str]]]:
    """The values that fields can have where those are few: by definition and field."""
    result: dict[str, dict[str, list[str]]] = load("enums")
    return result


@cache
def definitions() -> dict[str, Any]:
    """All type definitions, by full name (`io.k8s.api.core.v1.Pod`); read once, 5 ms."""
    result: dict[str, Any] = load("schema")
    return result
