"""Kubernetes' library of semantic versions (semver.org 2.0.0)."""

import re

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import Opaque

_NUMBER = r"(0|[1-9]\d*)"
_PART = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_PART}(?:\.{_PART})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_LOOSE = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)")


class Version(Opaque):
    """Ordered as the specification says; what was built (`+…`) does not count."""

    type_name = "kubernetes.Semver"

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"No Major.Minor.Patch elements found in {text!r}")
        self.numbers = (int(found[1]), int(found[2]), int(found[3]))
        self.before = tuple(found[4].split(".")) if found[4] else ()

    @property
    def rank(self) -> tuple[object, ...]:
        """A release comes after its pre-releases, numbers before words, the longer after its beginning."""
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.before)
        return (*self.numbers, not self.before, parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.rank == other.rank

    def __hash__(self) -> int:
        return hash(self.rank)


def _normal(text: str) -> str:
    """`v1.2` as `1.2.0`; zeros in front go."""
    found = _LOOSE.fullmatch(text)
    if found is None:
        return text
    return ".".join(str(int(part or 0)) for part in found.groups()[:3]) + found[4]


def _version(text: str, loose: bool = False) -> Version:
    try:
        return Version(_normal(text) if loose else text)
    except ValueError as error:
        raise CelError(str(error)) from error


def _is_version(text: str, loose: bool = False) -> bool:
    try:
        Version(_normal(text) if loose else text)
    except ValueError:
        return False
    return True


def _compared(one: Version, other: Version) -> int:
    mine, theirs = one.rank, other.rank
    return (mine > theirs) - (mine < theirs)


_V = "kubernetes.Semver"
TABLE = (
    overload(f"semver(string) -> {_V}", _version),
    overload(f"semver(string, bool) -> {_V}", _version),
    overload("isSemver(string) -> bool", _is_version),
    overload("isSemver(string, bool) -> bool", _is_version),
    overload(f"{_V}::major() -> int", lambda version: version.numbers[0]),
    overload(f"{_V}::minor() -> int", lambda version: version.numbers[1]),
    overload(f"{_V}::patch() -> int", lambda version: version.numbers[2]),
    overload(f"{_V}::compareTo({_V}) -> int", _compared),
    overload(f"{_V}::isLessThan({_V}) -> bool", lambda one, other: _compared(one, other) < 0),
    overload(f"{_V}::isGreaterThan({_V}) -> bool", lambda one, other: _compared(one, other) > 0),
)
